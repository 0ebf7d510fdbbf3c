"""Who calls: a mix that follows from the seed, each with a number that nobody else has.

A caller of SIPp acts by the clock and hears nothing, so a prompt that is said again would bring most scripts out of
step. These presses one key again and again until they are served: the flows in `centres/` give it the right meaning
at every node, so whatever is repeated, what must come of the call is known exactly.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ivr.testing.sipp_xml import KEY_S, AwaitBye, Bye, CallerScript, Keys, Pause, SipMove, Voice

OPEN, CLOSED = "130", "131"
"""Numbers of the two centres: with agents, and after hours."""
FIRST_KEY_S = 1.5
BETWEEN_KEYS_S = 2.2
PATIENCE_S = 45.0
"""How long a caller goes on pressing before it is no use."""
LAST_WORDS_S = 10.0
_NUMBER = "0212{:06d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What some callers do, and what must come of it."""

    name: str
    script: CallerScript
    outcomes: frozenset[str]
    """How such a call may count; anything else is a call that we dropped."""
    language: str | None
    """What the caller is spoken to in at the end; None: they may leave before they have chosen."""
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One caller."""

    number: str = field(repr=False)
    habit: Habit


def habits(voice: Path) -> tuple[Habit, ...]:
    """All of them. `voice` is what callers say (mu-law, 8 kHz)."""
    return (
        _presses("served", "1", "answered", "ko", 12),
        _presses("served", "2", "answered", "en", 12),
        _presses("informed", "3", "self_served", "ko", 7),
        _presses("informed", "4", "self_served", "en", 7),
        _presses("called back", "5", "callback_queued", "ko", 6),
        _presses("called back", "6", "callback_queued", "en", 6),
        *(_leaves("tired of waiting", key, 1, seconds) for key in "78" for seconds in (9.0, 13.0)),
        *(_leaves("hangs up", key, 2, seconds) for key in "90" for seconds in (2.0, 5.5, 11.0)),
        _presses("wrong keys", "*", "failed", None, 6),
        _leaves_message("1", "ko", 6, voice),
        _leaves_message("2", "en", 6, voice),
        *(_hangs_up_speaking(seconds, voice) for seconds in (6.0, 11.0, 16.0)),
    )


def crowd(seed: int, mix: Sequence[Habit]) -> Iterator[Caller]:
    """Callers without end."""
    chosen = random.Random(f"callers {seed}")
    weights = [habit.weight for habit in mix]
    number = 0
    while True:
        number += 1
        yield Caller(number=_NUMBER.format(number), habit=chosen.choices(mix, weights)[0])


def _presses(name: str, key: str, outcome: str, language: str | None, weight: int) -> Habit:
    """Until we hang up."""
    script = _script(OPEN, (*_insists(key, PATIENCE_S), AwaitBye(LAST_WORDS_S)))
    return Habit(name=name, script=script, outcomes=frozenset({outcome}), language=language, weight=weight)


def _leaves(name: str, key: str, weight: int, seconds: float) -> Habit:
    """Hangs up after so many seconds."""
    script = _script(OPEN, (*_insists(key, seconds), Bye()))
    return Habit(name=name, script=script, outcomes=frozenset({"abandoned"}), language=None, weight=weight)


def _leaves_message(key: str, language: str, weight: int, voice: Path) -> Habit:
    """Speaks between two keys, so that there is something in the message whenever it is recorded."""
    moves: list[SipMove] = [Pause(FIRST_KEY_S)]
    for _ in range(round(PATIENCE_S / (KEY_S + BETWEEN_KEYS_S))):
        moves += [Keys(key), Voice(BETWEEN_KEYS_S)]
    return Habit(
        name="leaves a message",
        script=_script(CLOSED, (*moves, AwaitBye(LAST_WORDS_S)), voice),
        outcomes=frozenset({"message_saved"}),
        language=language,
        weight=weight,
    )


def _hangs_up_speaking(seconds: float, voice: Path) -> Habit:
    """A hang-up keeps what was said, if the recording had begun."""
    moves = (Pause(FIRST_KEY_S), Keys("1"), Voice(seconds - FIRST_KEY_S - KEY_S), Bye())
    return Habit(
        name="hangs up speaking",
        script=_script(CLOSED, moves, voice),
        outcomes=frozenset({"abandoned", "message_saved"}),
        language=None,
        weight=2,
    )


def _insists(key: str, seconds: float) -> tuple[SipMove, ...]:
    """Presses a key again and again for `seconds`."""
    moves: list[SipMove] = [Pause(min(FIRST_KEY_S, seconds))]
    left = seconds - FIRST_KEY_S
    while left > KEY_S:
        rest = min(BETWEEN_KEYS_S, left - KEY_S)
        moves += [Keys(key), Pause(rest)]
        left -= KEY_S + rest
    return tuple(moves)


def _script(dial: str, moves: tuple[SipMove, ...], voice: Path | None = None) -> CallerScript:
    """Everybody sends audio all the time: where nobody does, Asterisk takes keys that a caller of before still sends to
    the same port."""
    return CallerScript(dial=dial, moves=moves, voice=voice, may_be_cut_off=True)
