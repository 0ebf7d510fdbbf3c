"""A caller from a script, on a line without Asterisk: for tests, the simulator and scenario files.

`FakeLine` implements the engine's `Line` port; `place_call` does what the dialplan does around it (come back from a
queue, enter again after a crash).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ivr.domain.actions import (
    Ask,
    Audible,
    Dial,
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
from ivr.domain.moves import (
    DialEnds,
    HangUp,
    LeavesQueue,
    Move,
    Phrase,
    Press,
    Silence,
    Talk,
    move_from_text,
    text_of_move,
)
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.errors import AuthorError, HungUp


class ScriptMismatch(AuthorError):  # noqa: N818 - named for what happened, like HungUp
    """The script does something that the flow does not ask for at that point."""

    code = "script_mismatch"


__all__ = [
    "DialEnds",
    "FakeLine",
    "HangUp",
    "LeavesQueue",
    "Move",
    "Phrase",
    "Press",
    "ScriptMismatch",
    "Silence",
    "Talk",
    "Turn",
    "decode_journal",
    "moves_from_keys",
    "place_call",
]


AGENTS = {"none": LeavesQueue("JOINEMPTY"), "busy": LeavesQueue("TIMEOUT"), "free": LeavesQueue("ANSWERED")}
"""What agents do -> how a wait ends that the script does not end."""


@dataclass(slots=True)
class Turn:
    """One action that the caller met, and what they did then (None: listened, or left because the script was over)."""

    action: Speak | Ask | Record | Wait | Dial
    move: Move | None = None
    node: str = ""
    """Where that was, if the line knows."""


@dataclass(slots=True)
class FakeLine:
    """One channel. Moves are consumed where the flow asks for them; when none is left the caller hangs up."""

    moves: list[Move]
    agents: str = ""
    """A key of AGENTS; empty: the script says how each wait ends."""
    turns: list[Turn] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)
    state: str = ""
    waiting: Wait | Dial | None = None
    answered: bool = False
    done: bool = False
    hung_up: bool = False
    passed_on: int = 0
    """How often another controller was to take the caller on."""

    async def answer(self) -> None:
        self._require_line()
        self.answered = True

    async def perform(self, action: Speak | Ask | Record) -> Event:
        self._require_line()
        self.turns.append(Turn(action))
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

    async def hand_over(self, to: Wait | Dial) -> None:
        self._require_line()
        self.turns.append(Turn(to))
        self.waiting = to

    async def let_go(self) -> None:
        self.passed_on += 1

    async def hang_up(self) -> None:
        self.done = True

    @property
    def heard(self) -> list[str]:
        """Keys of every prompt played, in order, as `key@language`."""
        spoken = (turn.action for turn in self.turns if not isinstance(turn.action, Wait | Dial))
        return [_name(sound) for action in spoken for sound in action.sounds]

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
        move = self.turns[-1].move = self.moves.pop(0)
        if isinstance(move, HangUp):
            self._leave()
        return move

    def _keys(self, action: Ask) -> Keyed:
        match self._next():
            case Press(keys):
                digits = keys.split("#", 1)[0][: action.max_digits]
                if keys == f"{digits}#" and digits and len(digits) == action.max_digits:
                    # The entry is full: as on a real line, the # comes to the next question.
                    self.turns[-1].move = Press(digits)
                    self.moves.insert(0, Press("#"))
                return Keyed(digits, terminated="#" in keys or len(digits) == action.max_digits)
            case Silence():
                return Keyed("")
            case Phrase(words):
                return Keyed(self._key_of(words, action), terminated=True)
            case move:
                raise self.misfit(move, "asks for keys")

    def _key_of(self, words: str, action: Ask) -> str:
        known = {_plain(phrase): key for phrase, key in action.phrases.items()}
        if _plain(words) not in known:
            raise self.misfit(Phrase(words), f"takes these words: {', '.join(action.phrases) or 'none'}")
        return known[_plain(words)]

    def _talk(self) -> Recorded:
        match self._next():
            case Talk(seconds):
                return Recorded(seconds)
            case Silence():
                return Recorded(0.0)
            case move:
                raise self.misfit(move, "records")

    def leave_queue(self) -> LeavesQueue | HangUp:
        """How the wait in the queue ends: as the script says, else by what the agents do."""
        wait = self.waiting
        if not isinstance(wait, Wait):
            raise TypeError("not in a queue")
        move = self.moves[0] if self.moves else None
        own: LeavesQueue | HangUp | None = None
        if self.agents == "none" and not isinstance(move, LeavesQueue):
            own = self.turns[-1].move = AGENTS[self.agents]  # at once: there is no time for a key
            return own
        if isinstance(move, Press) and self.agents == "busy" and move.keys in wait.keys:
            own = LeavesQueue(f"KEY:{move.keys}")
        elif isinstance(move, LeavesQueue | HangUp):
            own = HangUp() if move == LeavesQueue("HANGUP") else move
        elif isinstance(move, Silence) and self.agents:
            own = AGENTS[self.agents]
        elif move is not None and not self.agents:
            raise self.misfit(move, "has the caller in a queue")
        if own is not None:
            self.moves.pop(0)
        elif self.agents:
            own = AGENTS[self.agents]
        else:
            own = HangUp()
        self.turns[-1].move = own
        return own

    def end_dial(self) -> DialEnds | HangUp:
        """How the transfer ends: as the script says, or with a hang-up."""
        move = self.moves.pop(0) if self.moves else HangUp()
        if not isinstance(move, DialEnds | HangUp):
            raise self.misfit(move, "calls a phone (transfer:… is how that ends)")
        self.turns[-1].move = move
        return move

    def misfit(self, move: Move, what: str) -> ScriptMismatch:
        """The refusal of a script that does not fit; `what` completes "the flow …"."""
        return ScriptMismatch(f"the script says {text_of_move(move)}, but the flow {what}")


async def place_call(engine: Engine, line: FakeLine, arrival: Arrival, *, entries: int = 50) -> FakeLine:
    """Runs a whole call as the dialplan would: enter, wait in a queue or dial, enter again, until it is over."""
    for _ in range(entries):
        await engine.run(line, arrival)
        if line.waiting is None:
            return line
        back = replace(arrival, state=line.state, left_queue="", left_dial="")
        if isinstance(line.waiting, Dial):
            ended = line.end_dial()
            if isinstance(ended, HangUp):
                line.hung_up = True
                return line
            line.waiting = None
            arrival = replace(back, left_dial=ended.how)
            continue
        left = line.leave_queue()
        answered = left == LeavesQueue("ANSWERED")
        if isinstance(left, HangUp) or (answered and not line.waiting.comes_back):
            line.hung_up = True
            return line
        line.waiting = None
        how = "DONE" if answered else left.how  # the dialplan's word for an agent who hung up first
        arrival = replace(back, left_queue=how)
    raise ScriptMismatch(f"the call came back from queues more than {entries} times")


def decode_journal(payload: str) -> dict[str, Any]:
    """What `notes_to_journal` wrote."""
    entry: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return entry


def moves_from_keys(keys: Sequence[str]) -> list[Move]:
    """Moves in the short form of `move_from_text`. Raises ValueError."""
    return [move_from_text(key) for key in keys]


def _plain(words: str) -> str:
    return "".join(words.split()).casefold()


def _name(sound: Audible) -> str:
    match sound:
        case Sound(key, language):
            return f"{key}@{language}"
        case OwnRecording():
            return "<recording>"
