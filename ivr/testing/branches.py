"""Finds callers for every branch of a flow: shortest moves, by Dijkstra over the pure step function.

A world says what callers can meet: the time, whether their number is known, and how a wait in a queue can end.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from ivr.domain.act import action
from ivr.domain.actions import (
    Ask,
    Dial,
    DialEnded,
    Event,
    Fetch,
    Fetched,
    Heard,
    Keyed,
    Leave,
    QueueLeft,
    Record,
    Recorded,
    Speak,
    Wait,
)
from ivr.domain.centre import Centre
from ivr.domain.flow import Collect, Enqueue, Menu, Message, Survey
from ivr.domain.notes import Note
from ivr.domain.state import CallState
from ivr.domain.step import ACCEPT, AGAIN, advance, start
from ivr.domain.values import Personal
from ivr.testing.caller import DialEnds, LeavesQueue, Move, Press, Silence, Talk
from ivr.testing.sipp_xml import KEYS
from ivr.testing.timeline import Place

_GOOD_ENTRIES = {
    "birth_date": "900101",
    "phone": "0212345678#",
    "luhn": "4111111111111111#",
    "business_number": "2208162517",
}
"""Check -> digits that pass it."""
_BAD_ENTRIES = {"birth_date": "991399", "phone": "00000000#"}
TALK_S = 3.0
_COST_S = {Speak: 4.0, Ask: 2.0, Record: 8.0, Wait: 3.0, Dial: 5.0, Fetch: 1.0, Leave: 4.0}
"""About how long an action takes a caller who acts at once; exact lengths do not change which path is short."""
_SILENCE_S = 14.0
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What holds for a set of calls."""

    name: str
    at: datetime
    caller_known: bool
    queue_ends: tuple[str, ...]
    """How a wait can end here: TIMEOUT and KEY (agents are there but do not take calls), or JOINEMPTY."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One thing that can happen at one place, in one language."""

    language: str
    place: Place
    result: str
    key: str | None
    """Of a choice; None where keys do not tell branches apart."""
    to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Moves that lead a caller from the start through all of `branches`."""

    moves: tuple[Move, ...]
    branches: tuple[Branch, ...]
    newest: tuple[Branch, ...]
    """Those of the last move."""
    places: tuple[Place, ...]
    """Where the caller was, in order; in the last one the moves are used up."""
    cost: float


def find_ways(centre: Centre, world: World, *, without: Collection[Branch] = ()) -> tuple[Way, ...]:
    """Few ways that together take every branch that callers can reach in this world, but those of `without`."""
    ways = sorted(_all_ways(centre, world), key=lambda way: -way.cost)
    shortest: dict[Branch, float] = {}
    for way in ways:
        for branch in way.branches:
            shortest[branch] = min(shortest.get(branch, way.cost), way.cost)
    chosen: list[Way] = []
    covered = set(without)
    for way in ways:
        # Only a way on which a branch is reached as cheaply as possible is worth a call of its own.
        if any(branch not in covered and way.cost <= shortest[branch] for branch in way.newest):
            chosen.append(way)
            covered.update(way.branches)
    return tuple(chosen)


def find_places(centre: Centre, world: World) -> dict[tuple[str, Place], Way]:
    """(language, place) -> the shortest way to be there, for every place where a caller can hang up."""
    found: dict[tuple[str, Place], Way] = {}
    for way in sorted(_all_ways(centre, world), key=lambda way: way.cost):
        language = way.branches[-1].language if way.branches else centre.languages[0]
        found.setdefault((language, way.places[-1]), way)
    return found


@dataclass(frozen=True, slots=True)
class _Node:
    state: CallState
    way: Way


def _all_ways(centre: Centre, world: World) -> Iterator[Way]:
    """The shortest way through each transition between states that callers can reach."""
    caller = Personal("0212345678") if world.caller_known else None
    first = start(centre, call="find", dnis=centre.numbers[0], caller=caller, at=world.at)
    place = Place(first.state.node, first.state.phase)
    taken = _branches(first.notes)
    way = Way(moves=(), branches=taken, newest=taken, places=(place,), cost=0.0)
    order = count()
    waiting = [(0.0, next(order), _Node(first.state, way))]
    seen: set[object] = set()
    yield way
    while waiting:
        _, _, node = heapq.heappop(waiting)
        key = _identity(node.state)
        if key in seen or node.state.ended:
            continue
        seen.add(key)
        for moves, event, cost in _possible(centre, node.state, world):
            step = advance(centre, node.state, event, world.at)
            place = Place(step.state.node, step.state.phase)
            taken = _branches(step.notes)
            way = Way(
                moves=node.way.moves + moves,
                branches=node.way.branches + taken,
                newest=taken,
                places=node.way.places + (() if step.state.ended else (place,)),
                cost=node.way.cost + cost,
            )
            yield way
            heapq.heappush(waiting, (way.cost, next(order), _Node(step.state, way)))


def _identity(state: CallState) -> object:
    """States that a caller cannot tell apart are one; how often keys failed counts, which take it is does not."""
    return (
        state.node, state.phase, state.tries, state.language, state.category, state.lead,
        tuple(sorted(state.variables)), state.breaking_off,
    )  # fmt: skip


def _branches(notes: Sequence[Note]) -> tuple[Branch, ...]:
    return tuple(
        Branch(
            language=str(note["language"]),
            place=Place(str(note["node"]), str(note["phase"])),
            result=str(note["result"]),
            key=str(note["got"]) if isinstance(note["got"], str) and note["result"] in ("match", "key") else None,
            to=None if note["to"] is None else str(note["to"]),
        )
        for note in notes
        if note["k"] == "step"
    )


def _possible(centre: Centre, state: CallState, world: World) -> Iterator[tuple[tuple[Move, ...], Event, float]]:
    """Everything that a caller (and the queue) can do in a state."""
    todo = action(centre, state)
    cost = _COST_S[type(todo)]
    node = centre.flow.node(state.node)
    match todo:
        case Speak() | Leave():
            yield (), Heard(), cost
        case Ask():
            for keys in _keys(centre, state):
                digits, hash_key, _ = keys.partition("#")
                ended = bool(hash_key) or len(digits) == todo.max_digits
                yield (Press(keys),), Keyed(digits, terminated=ended), cost
            yield (Silence(),), Keyed(""), _SILENCE_S
        case Record():
            yield (Talk(TALK_S),), Recorded(TALK_S), cost
        case Wait():
            leaving = node.keys if isinstance(node, Enqueue) else {}
            for how in world.queue_ends:
                if how == "KEY":
                    for key in leaving:
                        yield (LeavesQueue(f"KEY:{key}"),), QueueLeft("KEY", key), cost
                else:
                    yield (LeavesQueue(how),), QueueLeft(how), _TIMEOUT_S if how == "TIMEOUT" else cost
        case Dial():
            for how in ("ANSWERED", "BUSY", "NOANSWER", "FAILED"):
                yield (DialEnds(how),), DialEnded(how), cost
        case Fetch():
            # What another system knows is its own affair: only that it does not answer can be foreseen.
            for how in ("not_found", "timeout", "error"):
                yield (), Fetched(how), cost


def _keys(centre: Centre, state: CallState) -> tuple[str, ...]:
    node = centre.flow.node(state.node)
    match node:
        case Menu():
            return (*node.choices, _other_than(node.choices))
        case Collect() if state.phase == "confirm":
            return (ACCEPT, AGAIN, _other_than((ACCEPT, AGAIN)))
        case Collect():
            return (_good_entry(node), _BAD_ENTRIES.get(node.check or "", "#"))
        case Survey():
            return (str(node.highest), "*")
        case Message():
            known = (node.keep_key, node.again_key, node.cancel_key)
            return (*known, _other_than(known))
        case _:
            return ()


def _good_entry(node: Collect) -> str:
    """Digits that are right here."""
    match node.check:
        case "date":
            return "20280229" if node.max_digits == 8 else "280229#"
        case "number" | None:
            least = 0 if node.value_range is None else node.value_range[0]
            # Without a key that ends it, as many digits as there can be end an entry.
            return (
                str(least).zfill(node.max_digits)
                if node.terminator is None
                else f"{str(least).zfill(node.min_digits)}#"
            )
        case check:
            return _GOOD_ENTRIES[check]


def _other_than(keys: Iterable[str]) -> str:
    known = set(keys)
    return next(key for key in reversed(KEYS.replace("#", "")) if key not in known)
