"""Emergency orders: first rule of every calendar, read from a file that is also the record, live for the next call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.adapters.emergencies import EmergencyFile, Order
from ivr.adapters.runtime.process import find_account
from ivr.domain.hours import Calendar, Emergency
from ivr.engine.centres import LiveCentres
from ivr.engine.emergencies import CentresInEmergency, under
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.errors import OperatorError
from ivr.settings import CHECKOUT, load_settings
from ivr.testing.caller import FakeLine, moves_from_keys, place_call
from ivr.testing.centres import CLOSED_AT, OPEN_AT, small_centre
from ivr.testing.worlds import ManualClock, PlainVault

HOUR = timedelta(hours=1)


def order(what: str = "close", *, since: datetime = OPEN_AT, until: datetime = OPEN_AT + HOUR) -> Order:
    return Order(centre="small", order=what, since=since, until=until, by="kim", reason="누수")


def calendar(emergency: Emergency | None) -> Calendar:
    return under(small_centre(), emergency).calendars["centre"]


def test_a_closure_holds_from_its_first_to_before_its_last_instant() -> None:
    closed = calendar(Emergency(is_open=False, since=OPEN_AT, until=OPEN_AT + HOUR, reason="누수"))
    tick = timedelta(microseconds=1)
    assert closed.verdict(OPEN_AT - tick).reason == "open"
    for at in (OPEN_AT, OPEN_AT + HOUR - tick):
        verdict = closed.verdict(at)
        assert (verdict.is_open, verdict.reason, verdict.detail) == (False, "emergency", "누수")
    assert closed.verdict(OPEN_AT + HOUR).reason == "open"


def test_an_opening_wins_over_the_week() -> None:
    opened = calendar(Emergency(is_open=True, since=CLOSED_AT, until=CLOSED_AT + HOUR))
    assert opened.verdict(CLOSED_AT).reason == "emergency"
    assert opened.is_open(CLOSED_AT)
    assert not opened.is_open(CLOSED_AT + HOUR)


def test_the_line_opens_again_when_a_closure_ends_within_hours() -> None:
    until = OPEN_AT + timedelta(minutes=35)
    closed = calendar(Emergency(is_open=False, since=OPEN_AT, until=until))
    assert closed.next_open(OPEN_AT) == until


def test_callers_are_promised_the_hour_of_a_forced_opening() -> None:
    begins = CLOSED_AT + HOUR
    opened = calendar(Emergency(is_open=True, since=begins, until=begins + HOUR))
    assert opened.next_open(CLOSED_AT) == begins


@given(st.booleans(), st.integers(-3000, 3000), st.integers(1, 3000))
@settings(max_examples=60, deadline=None)
def test_next_open_is_the_first_open_minute_under_any_order(is_open: bool, start: int, length: int) -> None:
    since = OPEN_AT + timedelta(minutes=start)
    hours = calendar(Emergency(is_open=is_open, since=since, until=since + timedelta(minutes=length)))
    minutes = (OPEN_AT + timedelta(minutes=count) for count in range(9 * 24 * 60))
    assert hours.next_open(OPEN_AT) == next(minute for minute in minutes if hours.is_open(minute))


def test_the_newest_order_of_a_centre_counts_and_all_are_kept(tmp_path: Path) -> None:
    file = EmergencyFile(tmp_path / "emergencies.jsonl")
    assert file.find_emergency("small") is None
    file.add(order())
    found = file.find_emergency("small")
    assert found is not None
    assert not found.is_open
    assert file.find_emergency("small") is found, "unchanged: the same object"
    assert file.find_emergency("other") is None
    assert [standing.by for standing in file.list_standing(OPEN_AT)] == ["kim"]
    assert file.list_standing(OPEN_AT + HOUR) == []
    file.add(order("end"))
    assert file.find_emergency("small") is None
    assert [one.order for one in file.list_orders()] == ["close", "end"]


@pytest.mark.parametrize("damage", ["{", '{"centre": "small"}', "[]", '{"order": "shut"}'])
def test_a_damaged_file_changes_nothing_for_callers_and_is_told_to_operators(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "emergencies.jsonl"
    file = EmergencyFile(path)
    file.add(order())
    before = file.find_emergency("small")
    with path.open("a", encoding="utf-8") as out:
        out.write(damage + "\n")
    assert file.find_emergency("small") is before
    with pytest.raises(OperatorError, match=r"emergencies\.jsonl:2 "):
        file.list_orders()
    with pytest.raises(OperatorError):
        file.add(order("end"))


async def test_from_the_next_call_on_until_it_ends_by_itself(tmp_path: Path) -> None:
    file = EmergencyFile(tmp_path / "emergencies.jsonl")
    clock = ManualClock(OPEN_AT)
    centres = CentresInEmergency(LiveCentres((small_centre(),)), file)
    engine = Engine(centres=centres, vault=PlainVault(), clock=clock)

    async def path() -> list[str]:
        line = FakeLine(moves_from_keys(["1"]))
        return (await place_call(engine, line, Arrival(call="c", dnis="120", caller=None))).path

    assert "closed" not in await path()
    file.add(order())
    assert "closed" in await path()
    assert centres.find_version("small", "v1") is centres.find_by_number("120")
    clock.at = OPEN_AT + HOUR
    assert "closed" not in await path()
    clock.at = OPEN_AT
    file.add(order("end"))
    assert "closed" not in await path()


@pytest.fixture
def var() -> Iterator[Path]:
    """Not below pytest's folder: the unprivileged user that root becomes cannot go through that."""
    with tempfile.TemporaryDirectory(prefix="ivr-") as folder:
        Path(folder).chmod(0o755)
        settings = load_settings(var=Path(folder) / "var")
        settings.layout.create(find_account(settings.user))
        yield settings.var


@pytest.mark.slow
def test_close_status_and_open_on_the_command_line(var: Path) -> None:
    environment = {**os.environ, "IVR_VAR": str(var), "PYTHONPATH": str(CHECKOUT)}

    def ivr(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "ivr", *arguments], env=environment, cwd=CHECKOUT, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    ahead = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert ivr("close", "--centre", "999", "--until", ahead)[1].startswith("ivr: no centre 999: there are 120")
    assert ivr("close", "--centre", "120", "--until", "2001-01-01")[0] == 2
    assert ivr("open", "--centre", "120")[1].startswith("ivr: no emergency holds for 120")
    code, said = ivr("close", "--centre", "120", "--until", ahead, "--reason", "누수", "--by", "kim")
    assert (code, said.startswith("120: closed from the next call on, until")) == (0, True), said
    (standing,) = json.loads(ivr("status", "--json")[1])["emergencies"]
    assert (standing["centre"], standing["order"], standing["by"], standing["reason"]) == (
        "120",
        "close",
        "kim",
        "누수",
    )
    assert "emergency: 120 is closed until" in ivr("status")[1]
    assert ivr("open", "--centre", "120")[0] == 0
    assert "emergency:" not in ivr("status")[1]
    code, said = ivr("open", "--centre", "120", "--until", ahead)
    assert said.startswith("120: open from the next call on, until")
