"""What a caller does, in terms of the flow, and the short words that people write for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOVES_HELP = (
    "1, 900101# (keys), - or silence, talk:5 (seconds), say:words, queue:TIMEOUT, queue:JOINEMPTY, queue:ANSWERED "
    "(how a wait ends), transfer:ANSWERED, transfer:BUSY, transfer:NOANSWER, transfer:FAILED, hangup"
)


@dataclass(frozen=True, slots=True)
class Press:
    """Keys, as typed at one question; a trailing # ends the entry."""

    keys: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Waits a question out, or a queue."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Speaks after the tone for `seconds`, then presses #."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Phrase:
    """Says these words where a menu takes words as well as keys."""

    words: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """Leaves, whatever is going on."""


@dataclass(frozen=True, slots=True)
class LeavesQueue:
    """How a wait in a queue ends: app_queue's word, KEY:n, or HANGUP (the caller leaves while waiting).

    ANSWERED is an agent who talks until someone hangs up."""

    how: str


@dataclass(frozen=True, slots=True)
class DialEnds:
    """How a transfer ends: ANSWERED (the other side hangs up first), BUSY, NOANSWER or FAILED."""

    how: str


Move = Press | Silence | Talk | Phrase | HangUp | LeavesQueue | DialEnds

_KEYS = re.compile(r"[0-9*#]+")


def move_from_text(text: str) -> Move:
    """`1`, `900101#`, `-` (silence), `talk:5`, `say:words`, `hangup`, `queue:TIMEOUT`, `transfer:BUSY`.

    Raises ValueError.
    """
    kind, _, argument = text.strip().partition(":")
    match kind:
        case "-" | "silence" if not argument:
            return Silence()
        case "hangup" if not argument:
            return HangUp()
        case "talk" if re.fullmatch(r"[0-9]{1,4}(\.[0-9]+)?s?", argument):
            return Talk(float(argument.removesuffix("s")))
        case "say" if argument.strip():
            return Phrase(argument.strip())
        case "queue" if re.fullmatch(r"[A-Z]+|KEY:[0-9*#]", argument):
            return LeavesQueue(argument)
        case "transfer" if argument in ("ANSWERED", "BUSY", "NOANSWER", "FAILED"):
            return DialEnds(argument)
        case _ if not argument and _KEYS.fullmatch(kind):
            return Press(kind)
        case _:
            raise ValueError(f"{text!r} is no move of a caller; there are {MOVES_HELP}")


def text_of_move(move: Move) -> str:
    """The inverse of `move_from_text`."""
    match move:
        case Press(keys):
            return keys
        case Silence():
            return "silence"
        case Talk(seconds):
            return f"talk:{seconds:g}"
        case Phrase(words):
            return f"say:{words}"
        case HangUp():
            return "hangup"
        case LeavesQueue(how):
            return f"queue:{how}"
        case DialEnds(how):
            return f"transfer:{how}"
