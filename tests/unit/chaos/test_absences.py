"""How long callers were with nobody, from logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ivr.chaos.absences import LET_GO, TAKEN_OVER, Passage, absences, read_passages


def at(seconds: float) -> datetime:
    return datetime(2026, 11, 23, 10, 0, tzinfo=UTC) + timedelta(seconds=seconds)


def taken(call: str, seconds: float) -> Passage:
    return Passage(at=at(seconds), call=call, is_let_go=False)


def test_time_counts_from_the_strike_before() -> None:
    passages = [taken("b", 11.5), taken("a", 0.5), taken("early", -1), taken("late", 100)]
    assert absences([at(0), at(10)], passages, recording=()) == [0.5, 1.5]


def test_who_was_handed_on_was_never_with_nobody() -> None:
    passages = [taken("a", 3), Passage(at=at(2), call="a", is_let_go=True), taken("a", 12)]
    assert absences([at(0), at(10)], passages, recording=()) == [2.0]


def test_a_recording_goes_on_by_itself() -> None:
    assert absences([at(0)], [taken("a", 9), taken("b", 1)], recording={"a"}) == [1.0]


def test_logs_say_more_than_that(tmp_path: Path) -> None:
    lines = [
        json.dumps({"event": TAKEN_OVER, "call_id": "n1-1.1", "timestamp": at(1).isoformat()}),
        "Traceback (most recent call last):",
        json.dumps({"event": "controller ready", "note": TAKEN_OVER, "timestamp": at(2).isoformat()}),
        json.dumps({"event": LET_GO, "call_id": "n1-1.1", "timestamp": at(3).isoformat()}),
    ]
    log = tmp_path / "controller-1.log"
    log.write_text("\n".join(lines), encoding="utf-8")
    assert list(read_passages([log])) == [taken("n1-1.1", 1), Passage(at=at(3), call="n1-1.1", is_let_go=True)]
