"""Nodes that need nothing from the caller: what each does on the way, and where it leads."""

from __future__ import annotations

from dataclasses import replace

from ivr.domain import notes
from ivr.domain.flow import Callback, Choose, Hours, Node, NodeId, Play
from ivr.domain.run import Run
from ivr.domain.state import CallState
from ivr.domain.values import Personal, text_of


def pass_through(run: Run, node: Node) -> NodeId | None:
    """Does what the node does; the node after it, or None for one that waits for an event."""
    match node:
        case Play(interruptible=True):
            run.happened("done", to=node.next)
            run.state = replace(run.state, lead=run.state.lead + node.prompts)
            return node.next
        case Hours():
            return _look_at_the_clock(run, node)
        case Choose():
            return _choose(run, node)
        case Callback():
            return _ask_for_callback(run, node)
        case _:
            return None


def _look_at_the_clock(run: Run, node: Hours) -> NodeId:
    calendar = run.centre.calendars[node.calendar]
    verdict = calendar.verdict(run.at)
    to = node.open if verdict.is_open else node.closed
    run.happened(verdict.reason if verdict.is_open else f"closed:{verdict.reason}", to=to)
    if not verdict.is_open and (opens := calendar.next_open(run.at)) is not None:
        run.state = run.state.with_variable("opens_at", opens.isoformat())
    return to


def _choose(run: Run, node: Choose) -> NodeId:
    case = _case(run.state, node.on)
    # Only what the author wrote goes to the journal: the value itself may be personal.
    taken = case if case in node.cases else "otherwise"
    to = node.cases.get(case, node.otherwise)
    run.happened(taken, to=to)
    return to


def _case(state: CallState, on: str) -> str:
    """The value that a Choose looks at."""
    match on:
        case "language":
            return state.language
        case "category":
            return state.category or ""
        case "caller":
            return "known" if "caller" in state.variables else "unknown"
        case _:
            value = state.variables.get(on)
            return "" if value is None else text_of(value)


def _ask_for_callback(run: Run, node: Callback) -> NodeId:
    number = run.state.variables.get(node.number)
    if number is None:
        run.happened("no_number", to=node.next)
        return node.next
    due = (run.centre.calendars[node.calendar].next_open(run.at) or run.at).isoformat()
    run.happened("done", to=node.next)
    run.note(
        notes.callback(
            origin="message" if run.state.take else "queue",
            due=due,
            number=Personal(text_of(number)),
            language=run.state.language,
            category=run.state.category,
            data={name: run.state.variables[name] for name in node.data if name in run.state.variables},
        )
    )
    run.state = run.state.with_variable("callback_due", due)
    return node.next
