"""Nodes that need nothing from the caller: what each does on the way, and where it leads."""

from __future__ import annotations

from ivr.domain import notes
from ivr.domain.conditions import (
    CallerMatches,
    CategoryIs,
    Condition,
    During,
    LanguageIs,
    Share,
    VariableIs,
    bucket,
    fits,
)
from ivr.domain.flow import Assign, Callback, Choose, Decide, Hours, Node, NodeId, Play, Say
from ivr.domain.run import Run
from ivr.domain.state import CallState, replace
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
        case Decide():
            return _decide(run, node)
        case Assign() if not _changes_what_is_owed(run.state, node):
            run.happened("done", to=node.next)
            run.set_values(node.assign, category=node.category, language=node.language)
            return node.next
        case Callback():
            return _ask_for_callback(run, node)
        case _:
            return None


def _changes_what_is_owed(state: CallState, node: Assign) -> bool:
    """Whether the prompts not yet heard would come out in another language, or with another value: they go first."""
    if node.language not in (None, state.language):
        return bool(state.lead)
    return any(isinstance(prompt, Say) and prompt.what in node.assign for prompt in state.lead)


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


def _decide(run: Run, node: Decide) -> NodeId:
    for place, case in enumerate(node.cases, start=1):
        if all(_holds(run, condition) for condition in case.conditions):
            run.happened(str(place), to=case.next)
            return case.next
    run.happened("otherwise", to=node.otherwise)
    return node.otherwise


def _holds(run: Run, condition: Condition) -> bool:
    state = run.state
    match condition:
        case CallerMatches(patterns):
            caller = state.variables.get("caller")
            return fits(None if caller is None else text_of(caller), patterns)
        case LanguageIs(languages):
            return state.language in languages
        case CategoryIs(categories):
            return state.category in categories
        case VariableIs(name, values):
            value = state.find_value(name)
            return value is not None and text_of(value) in values
        case During():
            return _is_during(run, condition)
        case Share(first, end):
            return first <= bucket(state.call, state.node) < end


def _is_during(run: Run, condition: During) -> bool:
    day = run.at.astimezone(run.centre.calendars["centre"].timezone).date()
    return (
        (condition.first is None or condition.first <= day)
        and (condition.last is None or day <= condition.last)
        and (not condition.weekdays or day.weekday() in condition.weekdays)
        and (condition.calendar is None or run.centre.calendars[condition.calendar].is_open(run.at))
    )


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
