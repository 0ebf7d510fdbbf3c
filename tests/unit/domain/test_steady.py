"""Times of a call while the clock of the machine is stepped: never back, and right on either side of the step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.adapters.journal.lines import parse
from ivr.domain.events import JournalEvent
from ivr.domain.ledger import Measured, derive
from ivr.domain.steady import steady

DATA = Path(__file__).parents[2] / "data" / "journals"
START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def measure(_: str) -> Measured | None:
    return Measured(seconds=4.0, sha256="ab" * 32)


def recorded(name: str) -> list[JournalEvent]:
    events = [parse(line) for line in (DATA / f"{name}.csv").read_bytes().splitlines()]
    return [event for event in events if isinstance(event, JournalEvent)]


def at(second: float) -> JournalEvent:
    return JournalEvent(
        type="ANSWER",
        user_type="",
        at=START + timedelta(seconds=second),
        channel="PJSIP/trunk-00000001",
        unique_id=f"n1-{second}",
        call="n1-1.1",
    )


def seconds(events: list[JournalEvent]) -> list[float]:
    return [(event.at - START).total_seconds() for event in events]


def test_a_clock_that_goes_forward_is_believed() -> None:
    events = [at(0), at(1), at(1), at(3601)]
    assert steady(events) == (events, ())


def test_back_by_an_hour_and_the_durations_after_it_are_right() -> None:
    events, faults = steady([at(0), at(10), at(10 - 3600), at(70 - 3600), at(75 - 3600)])
    assert seconds(events) == [0, 10, 10, 70, 75]
    assert faults == ("the clock went back by 3600 s during the call",)


def test_back_and_forth_again() -> None:
    events, faults = steady([at(0), at(10), at(10 - 3600), at(20 - 3600), at(30), at(31)])
    assert seconds(events) == [0, 10, 10, 20, 30, 31]
    assert len(faults) == 1


def test_events_a_little_out_of_order_are_no_step() -> None:
    events, faults = steady([at(0), at(10), at(9.9), at(10.1)])
    assert seconds(events) == [0, 10, 10, 10.1]
    assert faults == ()


@given(st.lists(st.integers(-7200, 7200), max_size=30))
@settings(max_examples=200, deadline=None)
def test_no_time_ever_falls(times: list[int]) -> None:
    events, _ = steady([at(one) for one in times])
    assert len(events) == len(times)
    assert seconds(events) == sorted(seconds(events))
    assert [event.unique_id for event in events] == [f"n1-{one}" for one in times]


@pytest.mark.parametrize("name", ["answered_caller_hangs_up", "transferred_to_tier2", "message_kept", "queue_timeout"])
@pytest.mark.parametrize("hour", [HOUR, -HOUR])
def test_a_call_over_a_step_has_the_same_outcome_and_no_negative_duration(name: str, hour: timedelta) -> None:
    events = recorded(name)
    straight = derive(events, measure)
    for step in range(1, len(events)):
        stepped = [*events[:step], *(replace(event, at=event.at + hour) for event in events[step:])]
        call = derive(stepped, measure)
        assert (call.outcome, len(call.legs)) == (straight.outcome, len(straight.legs))
        assert call.ended_at is not None
        assert call.ended_at >= call.entered_at
        assert all(leg.talk_s >= 0 and (leg.ended_at or leg.created_at) >= leg.created_at for leg in call.legs)
        if hour < timedelta():
            talks = [(leg.talk_s, other.talk_s) for leg, other in zip(call.legs, straight.legs, strict=True)]
            assert all(stepped_s <= straight_s + 1e-6 for stepped_s, straight_s in talks)
