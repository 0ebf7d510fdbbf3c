"""Callers of the kill test get what their habit says, by the flows that they call."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ivr.chaos.callers import CLOSED, OPEN, Habit, crowd, habits
from ivr.testing.sipp_xml import Keys

HABITS = habits(Path("voice.ulaw"))


def test_who_calls_follows_from_the_seed() -> None:
    def first(seed: int) -> list[object]:
        return list(itertools.islice(crowd(seed, HABITS), 200))

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_nobody_calls_twice_and_every_habit_calls() -> None:
    callers = list(itertools.islice(crowd(1, HABITS), 2000))
    assert len({caller.number for caller in callers}) == len(callers)
    assert {caller.habit for caller in callers} == set(HABITS)


def test_both_lines_and_both_languages_are_called() -> None:
    assert {habit.script.dial for habit in HABITS} == {OPEN, CLOSED}
    assert {habit.language for habit in HABITS} == {"ko", "en", None}


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.name)
def test_a_caller_has_one_key_for_everything(habit: Habit) -> None:
    """So nothing that is said again can bring them elsewhere."""
    assert len({move.keys for move in habit.script.moves if isinstance(move, Keys)}) <= 1
