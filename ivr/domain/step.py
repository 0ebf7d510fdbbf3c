"""What happens to a call: `advance(centre, state, event, at)` gives the next state and what the journal must know.

Pure: no clock, no I/O, no randomness. Nodes that need nothing from the caller (hours, choose, callback, interruptible
play) are passed through at once, so every state that comes out of here waits for exactly one event. What a node does is
in `entries.py` (keys), `takes.py` (messages), `decisions.py` (nodes passed through), `departures.py` (queues,
transfers) and `lookups.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ivr.domain import departures, entries, lookups, notes, takes
from ivr.domain.actions import CallerHungUp, DialEnded, Event, Fetched, Heard, Keyed, QueueLeft, Recorded
from ivr.domain.centre import Centre
from ivr.domain.decisions import pass_through
from ivr.domain.entries import ACCEPT as ACCEPT
from ivr.domain.entries import AGAIN as AGAIN
from ivr.domain.flow import Assign, Collect, End, Enqueue, Lookup, Menu, Message, Node, Play, Survey, Transfer
from ivr.domain.notes import Note
from ivr.domain.run import Run
from ivr.domain.state import CallState, replace
from ivr.domain.values import Personal

PASS_LIMIT = 100
"""Nodes passed without the caller doing anything; more is a loop that the dialplan check missed."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where the call stands now, and the notes of how it came there."""

    state: CallState
    notes: tuple[Note, ...]


def start(centre: Centre, *, call: str, dnis: str, caller: Personal | None, at: datetime) -> Step:
    """A call enters the centre. `at` is the business clock, aware."""
    language = centre.languages[0]
    state = CallState(
        call=call,
        centre=centre.id,
        version=centre.version,
        dnis=dnis,
        started=at.isoformat(),
        language=language,
        node=centre.flow.start,
        variables={"caller": caller} if caller else {},
    )
    entered = notes.enter(
        centre=centre.id, version=centre.version, dnis=dnis, at=state.started, language=language, caller=caller
    )
    run = Run(centre, state, at)
    run.note(entered)
    run.go(centre.flow.start)
    return _finished(run)


def advance(centre: Centre, state: CallState, event: Event, at: datetime) -> Step:
    """What `event`, the answer to `action(centre, state)`, does to the call."""
    if isinstance(event, QueueLeft | DialEnded):
        state = replace(state, back=at.isoformat())
    run = Run(centre, state, at)
    if isinstance(event, CallerHungUp):
        run.hung_up()
    elif state.breaking_off is not None:
        run.leave("failed", state.breaking_off)
    else:
        node = centre.flow.node(state.node)
        # Whoever has heard the goodbye is done, however long it took; anything else at the goodbye would say it again.
        said_goodbye = isinstance(node, End) and isinstance(event, Heard)
        if _is_over_limit(centre, state, at) and not said_goodbye:
            run.break_off("limit")
        else:
            _answer(run, node, event)
    return _finished(run)


def break_off(centre: Centre, state: CallState, reason: str, at: datetime) -> Step:
    """A fault of ours: the caller hears the apology and the call ends as failed."""
    run = Run(centre, state, at)
    run.break_off(reason)
    return _finished(run)


def _is_over_limit(centre: Centre, state: CallState, at: datetime) -> bool:
    lasted = at - datetime.fromisoformat(state.back or state.started)
    return state.commits >= centre.limits.steps or lasted >= timedelta(minutes=centre.limits.minutes)


def _finished(run: Run) -> Step:
    """Takes the caller through every node that needs nothing from them, to one that waits."""
    if run.arriving:
        _arrive(run)
    return Step(replace(run.state, commits=run.before.commits + 1), tuple(run.notes))


def _arrive(run: Run) -> None:
    for _ in range(PASS_LIMIT):
        node = run.centre.flow.node(run.state.node)
        following = pass_through(run, node)
        if following is None:
            _begin(run, node)
            return
        run.state = replace(run.state, node=following, phase="", tries=0)
    run.break_off("loop")


def _begin(run: Run, node: Node) -> None:
    """What the journal must know before the caller is in a node that waits."""
    match node:
        case Message():
            takes.begin_take(run, node)
        case Enqueue() | Transfer() if not run.state.lead:  # else the lead is spoken first: see _answer for Heard
            departures.depart(run, node)
        case _:
            pass


def _answer(run: Run, node: Node, event: Event) -> None:
    match node, event:
        case Play(), Heard():
            run.happened("done", to=node.next)
            run.go(node.next)
        case Menu(), Keyed():
            entries.chose(run, node, event)
        case Collect(), Keyed():
            entries.collected(run, node, event)
        case Message(), Recorded():
            takes.recorded(run, node, event)
        case Message(), Keyed():
            takes.reviewed(run, node, event)
        case Enqueue(), QueueLeft():
            departures.left_queue(run, node, event)
        case Transfer(), DialEnded() | QueueLeft():
            departures.transferred(run, node, event)
        case Lookup(), Fetched():
            lookups.fetched(run, node, event)
        case Survey(), Keyed():
            entries.scored(run, node, event)
        case Enqueue() | Transfer() | Lookup() | Assign(), Heard():
            run.happened("done", to=run.state.node)
            run.go(run.state.node)
        case End(), Heard():
            run.happened("done", to=None)
            run.leave(node.outcome or "self_served", "finished")
        case _:
            # An answer to another question: a stale event after a resume. Ask again.
            run.happened("again", to=run.state.node)
