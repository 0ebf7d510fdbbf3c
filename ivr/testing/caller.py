"""A caller from a script, on a line without Asterisk: for tests, the simulator and scenario files.

`FakeLine` implements the engine's `Line` port; `place_call` does what the dialplan does around it (come back from a
queue, enter again after a crash).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ivr.domain.actions import (
    Ask,
    Audible,
    Event,
    Heard,
    Keyed,
    OwnRecording,
    Record,
    Recorded,
    Sound,
    Speak,
    Wait,
)
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.errors import AuthorError, HungUp


class ScriptMismatch(AuthorError):  # noqa: N818 - named for what happened, like HungUp
    """The script does something that the flow does not ask for at that point."""

    code = "script_mismatch"


@dataclass(frozen=True, slots=True)
class Press:
    """Keys, as typed at one question; a trailing # ends the entry."""

    keys: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Waits a question out."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Speaks after the tone for `seconds`, then presses #."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Leaves, whatever is going on."""


@dataclass(frozen=True, slots=True)
class LeavesQueue:
    """How a wait in a queue ends: app_queue's word, or KEY:n; ANSWERED is an agent who talks until someone hangs up."""

    how: str


Move = Press | Silence | Talk | HangUp | LeavesQueue


@dataclass(slots=True)
class FakeLine:
    """One channel. Moves are consumed where the flow asks for them; when none is left the caller hangs up."""

    moves: list[Move]
    heard: list[str] = field(default_factory=list)
    """Keys of every prompt played, in order."""
    journal: list[dict[str, Any]] = field(default_factory=list)
    state: str = ""
    waiting: Wait | None = None
    answered: bool = False
    done: bool = False
    hung_up: bool = False

    async def answer(self) -> None:
        self._require_line()
        self.answered = True

    async def perform(self, action: Speak | Ask | Record) -> Event:
        self._require_line()
        self.heard += [_name(sound) for sound in action.sounds]
        if self.moves and isinstance(self.moves[0], HangUp):
            self._leave()
        match action:
            case Speak():
                return Heard()
            case Ask():
                return self._keys(action)
            case Record():
                return self._talk()

    async def commit(self, journal: str, state: str) -> None:
        self.journal.append(decode_journal(journal))
        if state:
            self.state = state

    async def hand_over(self, wait: Wait) -> None:
        self._require_line()
        self.waiting = wait

    async def hang_up(self) -> None:
        self.done = True

    @property
    def notes(self) -> list[dict[str, Any]]:
        """All notes, repeated commits replaced, as ingest would see them."""
        last = {entry["q"]: entry["n"] for entry in self.journal}
        return [note for number in sorted(last) for note in last[number]]

    def notes_of(self, kind: str) -> list[dict[str, Any]]:
        return [note for note in self.notes if note["k"] == kind]

    @property
    def path(self) -> list[str]:
        """The nodes in the order that the caller was in them."""
        return [note["node"] for note in self.notes_of("step")]

    def _require_line(self) -> None:
        if self.hung_up:
            raise HungUp

    def _leave(self) -> None:
        self.hung_up = True
        raise HungUp

    def _next(self) -> Move:
        if not self.moves:
            self._leave()
        move = self.moves.pop(0)
        if isinstance(move, HangUp):
            self._leave()
        return move

    def _keys(self, action: Ask) -> Keyed:
        match self._next():
            case Press(keys):
                digits = keys.split("#", 1)[0][: action.max_digits]
                return Keyed(digits, terminated="#" in keys or len(digits) == action.max_digits)
            case Silence():
                return Keyed("")
            case move:
                raise ScriptMismatch(f"the script says {move}, but the flow asks for keys")

    def _talk(self) -> Recorded:
        match self._next():
            case Talk(seconds):
                return Recorded(seconds)
            case Silence():
                return Recorded(0.0)
            case move:
                raise ScriptMismatch(f"the script says {move}, but the flow records")


async def place_call(engine: Engine, line: FakeLine, arrival: Arrival, *, entries: int = 50) -> FakeLine:
    """Runs a whole call as the dialplan would: enter, wait in a queue, enter again, until it is over."""
    for _ in range(entries):
        await engine.run(line, arrival)
        if line.waiting is None:
            return line
        left = line.moves.pop(0) if line.moves else HangUp()
        answered = left == LeavesQueue("ANSWERED")
        if isinstance(left, HangUp) or (answered and not line.waiting.comes_back):
            line.hung_up = True
            return line
        if not isinstance(left, LeavesQueue):
            raise ScriptMismatch(f"the script says {left}, but the caller is in a queue")
        line.waiting = None
        how = "DONE" if answered else left.how  # the dialplan's word for an agent who hung up first
        arrival = Arrival(call=arrival.call, dnis=arrival.dnis, caller=arrival.caller, state=line.state, left_queue=how)
    raise ScriptMismatch(f"the call came back from queues more than {entries} times")


def decode_journal(payload: str) -> dict[str, Any]:
    """What `notes_to_journal` wrote."""
    entry: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return entry


def moves_from_keys(keys: Sequence[str]) -> list[Move]:
    """The short form of the command line: `1`, `900101#`, `-` (silence), `talk:5`, `hangup`, `queue:TIMEOUT`."""
    return [_move(key) for key in keys]


def _move(text: str) -> Move:
    kind, _, argument = text.partition(":")
    match kind:
        case "-":
            return Silence()
        case "hangup":
            return HangUp()
        case "talk":
            return Talk(float(argument))
        case "queue":
            return LeavesQueue(argument)
        case _ if text and all(character in "0123456789*#" for character in text):
            return Press(text)
        case _:
            raise ValueError(f"{text!r} is no move: keys, - (silence), talk:SECONDS, hangup or queue:HOW")


def _name(sound: Audible) -> str:
    match sound:
        case Sound(key, language):
            return f"{key}@{language}"
        case OwnRecording():
            return "<recording>"
