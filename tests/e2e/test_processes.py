"""Processes of ours hang, are replaced and die in storms, with callers everywhere: nobody is told anything twice that
they should hear once, and the record says what it would have said."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

from records import Records
from system import CLOSED, OPEN, RunningSystem

from ivr.testing.caller import Move, Press, Talk
from ivr.testing.sipp_xml import ScriptedCall
from ivr.testing.timeline import Timeline, plan
from ivr.testing.waiting import eventually

TO_MENU = (Press("2"), Press("1"))
MESSAGE = (Press("900101"), Press("1"), Press("1"), Talk(6), Press("1"))
"""After the category: birth date, read-back, own number, question, kept."""
SPEAKING = 8
AWAY_S = 15.0
"""Generous: no caller is without a controller for so long, whatever else the machine does."""


def caller(system: RunningSystem, *moves: Move, closed: bool = False, **think: float) -> Timeline:
    at = CLOSED if closed else OPEN
    seconds = system.prompts.seconds
    return plan(system.centre, moves, at=at, seconds=seconds, caller=system.new_caller(), think=think)


def scripted(system: RunningSystem, timelines: Sequence[Timeline]) -> list[ScriptedCall]:
    voice = system.prompts.path("en", "greeting")
    return [ScriptedCall(script=each.script(voice=voice), caller=each.caller) for each in timelines]


async def went_as_planned(records: Records, timelines: Sequence[Timeline]) -> list[dict[str, Any]]:
    """The calls, each on the path that it would have taken if nothing had happened."""
    ended = await records.ended_calls([each.caller or "" for each in timelines], within_s=30)
    assert [await records.steps(call["id"]) for call in ended] == [each.steps for each in timelines]
    assert {tuple(call["faults"]) for call in ended} == {()}
    return ended


def taken_over(system: RunningSystem, since: datetime) -> dict[str, float]:
    """Call -> seconds from `since` until another controller had it, as controllers say; the last time of each call."""
    found = {}
    for name in system.controller_names:
        for line in system.installation.layout.log_file(name).read_text(encoding="utf-8").splitlines():
            if line.startswith("{") and (said := json.loads(line))["event"] == "call taken over":
                at = datetime.fromisoformat(said["timestamp"])
                if at > since:
                    found[said["call_id"]] = (at - since).total_seconds()
    return found


async def test_callers_of_a_controller_that_hangs_are_with_another_within_seconds(
    system: RunningSystem, records: Records
) -> None:
    """SIGSTOP with callers in a menu, typing a birth date, and recording a message."""
    system.set_clock(CLOSED)
    timelines = [
        *(caller(system, *TO_MENU, *MESSAGE, closed=True, ask_category=9.0) for _ in range(16)),
        *(caller(system, *TO_MENU, *MESSAGE, closed=True, ask_birth_date=9.0) for _ in range(8)),
        *(caller(system, *TO_MENU, *MESSAGE[:3], Talk(12), Press("1"), closed=True) for _ in range(SPEAKING)),
    ]
    async with system.calling(scripted(system, timelines), per_second=20):

        async def recording() -> int:
            return await records.count_live("question")

        await eventually(recording, lambda count: count >= SPEAKING, within_s=40)
        stopped = system.find_worker(system.controller_names[0])
        assert stopped is not None
        since = datetime.now(UTC)
        stopped.send_signal(signal.SIGSTOP)
    ended = await went_as_planned(records, timelines)
    speaking = {call["id"] for call in ended[-SPEAKING:]}  # they speak on, and come over when they have finished
    away = [seconds for call, seconds in taken_over(system, since).items() if call not in speaking]
    print(f"SIGSTOP: {len(away)} callers moved, 95 of 100 within {quantiles(away, n=20)[-1]:.2f} s, all {max(away):.2f} s")
    assert max(away) < AWAY_S
