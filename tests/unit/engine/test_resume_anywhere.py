"""A controller may die between any two things it does. The caller ends on the same path, and the record is whole."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from ivr.domain.actions import Ask, Event, Record, Speak, Wait
from ivr.errors import PeerError
from ivr.testing.caller import FakeLine, HangUp, LeavesQueue, Move, moves_from_keys
from ivr.testing.centres import CLOSED_AT, OPEN_AT

from .calls import ARRIVAL, call, engine

SCRIPTS = {
    "queue, no agents, message": (
        OPEN_AT,
        ["2", "7", "0", "queue:JOINEMPTY", "1", "-", "900101#", "5", "1", "1", "talk:4", "2", "talk:5", "1"],
    ),
    "queue, callback": (OPEN_AT, ["1", "1", "queue:KEY:1"]),
    "survey after a talk": (OPEN_AT, ["1", "1", "queue:ANSWERED", "8", "2"]),
    "closed, typed number": (CLOSED_AT, ["1", "900101#", "2", "900102#", "1", "2", "0212345678#", "1", "talk:3", "1"]),
    "barred": (OPEN_AT, ["2", "3", "0000"]),
    "hang-up in the review": (CLOSED_AT, ["1", "900101#", "1", "1", "talk:4", "hangup"]),
    "too many failures": (OPEN_AT, ["1", "-", "7", "-", "queue:TIMEOUT"]),
}


class Died(PeerError):  # noqa: N818 - named for what happened
    """The controller is gone."""


@dataclass(slots=True)
class Mortal(FakeLine):
    """The controller dies at given moments: before and after each thing that it does to the line, counted from 0."""

    deaths: set[int] = field(default_factory=set)
    moment: int = 0
    saved_moves: list[Move] = field(default_factory=list)
    """What the caller had not yet done when the state was saved: done again, for nobody remembers that it was."""

    def may_die(self) -> None:
        moment, self.moment = self.moment, self.moment + 1
        if moment in self.deaths:
            raise Died("killed")

    async def answer(self) -> None:
        self.may_die()
        await FakeLine.answer(self)
        self.may_die()

    async def perform(self, action: Speak | Ask | Record) -> Event:
        self.may_die()
        event = await FakeLine.perform(self, action)
        self.may_die()
        return event

    async def commit(self, journal: str, state: str) -> None:
        self.may_die()
        await FakeLine.commit(self, journal, "")
        self.may_die()
        if state:
            self.state = state
            self.saved_moves = list(self.moves)
        self.may_die()

    async def hand_over(self, wait: Wait) -> None:
        self.may_die()
        await FakeLine.hand_over(self, wait)

    async def hang_up(self) -> None:
        self.may_die()
        await FakeLine.hang_up(self)


async def place_mortal_call(line: Mortal, at: datetime) -> None:
    """The dialplan's loop: enters again when the controller left without a word, with the event if it was not used."""
    left = ""
    line.saved_moves = list(line.moves)
    for _ in range(60):
        entered_with = line.state
        try:
            await engine(at=at).run(line, replace(ARRIVAL, state=line.state, left_queue=left))
        except Died:
            if line.hung_up:
                return  # nobody is there to enter again
            if line.state != entered_with:
                left = ""
            line.moves = list(line.saved_moves)
            continue
        if line.waiting is None:
            return
        line.waiting = None
        move = line.moves.pop(0) if line.moves else HangUp()
        if not isinstance(move, LeavesQueue):
            line.hung_up = True
            return
        left = "DONE" if move.how == "ANSWERED" else move.how
        line.saved_moves = list(line.moves)
    raise AssertionError("the call does not end")


def story(line: FakeLine) -> list[dict[str, Any]]:
    """The notes without what differs from run to run: sealed values (a fresh nonce each), and who went on with it."""
    return [
        {name: "<sealed>" if str(value).startswith("s1.") else value for name, value in note.items()}
        for note in line.notes
        if note["k"] != "resume"
    ]


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_death_at_any_moment_changes_neither_path_nor_record(name: str) -> None:
    at, keys = SCRIPTS[name]
    calm = await call(*keys, at=at)
    for moment in range(1000):
        line = Mortal(moves=moves_from_keys(keys), deaths={moment})
        await place_mortal_call(line, at)
        if line.moment <= moment:
            break
        if line.hung_up:
            # The last commit may be lost with the caller; Asterisk's own hang-up is in the journal.
            assert story(line) == story(calm)[: len(story(line))]
        else:
            assert_same(line, calm, moment)
    assert moment > 5 * len(keys)


@pytest.mark.parametrize("name", SCRIPTS)
async def test_two_deaths(name: str) -> None:
    at, keys = SCRIPTS[name]
    calm = await call(*keys, at=at)
    for moment in range(0, 60, 4):
        for pause in (1, 2, 3, 7):
            line = Mortal(moves=moves_from_keys(keys), deaths={moment, moment + pause})
            await place_mortal_call(line, at)
            if not line.hung_up:
                assert_same(line, calm, moment)


def assert_same(line: FakeLine, calm: FakeLine, moment: int) -> None:
    assert line.answered
    assert line.done == calm.done
    assert story(line) == story(calm), f"died at moment {moment}"
    numbers = sorted({entry["q"] for entry in line.journal})
    assert numbers == list(range(len(numbers)))
