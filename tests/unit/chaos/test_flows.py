"""The flows of the kill test lead each habit to its outcome."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import ivr.chaos
from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.chaos.callers import CLOSED, OPEN, Habit, habits
from ivr.chaos.lab import NIGHT
from ivr.dialplan.compiler import load_centres
from ivr.dialplan.problem import report
from ivr.domain.centre import Centre
from ivr.domain.moves import LeavesQueue, Move, Press, Talk
from ivr.settings import CHECKOUT
from ivr.testing.simulation import Script, simulate
from ivr.testing.sipp_xml import Keys

HABITS = habits(Path("voice.ulaw"))
AT = datetime.fromisoformat(NIGHT).replace(tzinfo=ZoneInfo("Asia/Seoul"))
STAYING = [habit for habit in HABITS if len(habit.outcomes) == 1]


@pytest.fixture(scope="module")
def centres() -> dict[str, Centre]:
    known = {language: load_catalogue(CHECKOUT / "prompts", language).keys() for language in ("ko", "en")}
    loaded = load_centres(Path(ivr.chaos.__file__).parent / "centres", known)
    assert report(loaded.problems) == ""
    return {number: centre for centre in loaded.centres.values() for number in centre.numbers}


def key_of(habit: Habit) -> str:
    return next((move.keys for move in habit.script.moves if isinstance(move, Keys)), "")


def moves_of(habit: Habit) -> tuple[Move, ...]:
    """What the caller's one key becomes where the flow asks."""
    key = key_of(habit)
    press = Press(key)
    match habit.name:
        case "served":
            return (press, press, LeavesQueue("ANSWERED"))
        case "informed":
            return (press, press)
        case "called back":
            return (press, press, LeavesQueue(f"KEY:{key}"))
        case "leaves a message":
            return (press, Talk(4), press)
        case "wrong keys":
            return (press,) * 4
        case _:
            return (press,) if key else ()


@pytest.mark.parametrize("habit", STAYING, ids=lambda habit: f"{habit.name} {key_of(habit)}")
def test_the_flow_gives_a_habit_its_outcome_and_language(habit: Habit, centres: dict[str, Centre]) -> None:
    centre = centres[habit.script.dial]
    script = Script(dial=habit.script.dial, at=AT, caller="0212000001", moves=moves_of(habit))
    call = simulate(centre, script)
    assert {call.outcome} == habit.outcomes
    if habit.language is not None:
        assert call.place is not None
        assert call.place.language == habit.language


def test_one_line_is_open_and_the_other_closed_for_hours(centres: dict[str, Centre]) -> None:
    assert centres[OPEN].calendars["centre"].is_open(AT)
    for hours in (0, 4, 8):
        assert not centres[CLOSED].calendars["centre"].is_open(AT.replace(hour=AT.hour + hours))
