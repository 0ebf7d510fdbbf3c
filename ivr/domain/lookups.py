"""A lookup in another system: what is asked, and what its answer means for the call. No value goes to the journal."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.domain import saying
from ivr.domain.actions import Fetch, Fetched
from ivr.domain.flow import Lookup, Say, prompts_of
from ivr.domain.run import Run
from ivr.domain.state import CallState
from ivr.domain.values import Personal, Value, text_of

LONGEST_VALUE = 100
"""Characters of a value taken from an answer."""
MOST_BYTES = 1000
"""Of all values of one answer: the state of a call must fit into one command to Asterisk."""


def question(state: CallState, node: Lookup) -> Fetch:
    """The request in this state. Raises ValueError for a personal value where none may be (`ivr check` refuses it)."""
    return Fetch(
        url=node.url,
        method=node.method,
        query=_filled(state, node.query, personal=False),
        body=_filled(state, node.body, personal=node.personal),
        headers=node.headers,
        secrets=node.secrets,
        within_s=node.within_s,
        retries=node.retries,
        key=f"{state.call}-{state.commits}",
    )


def fetched(run: Run, node: Lookup, event: Fetched) -> None:
    """The answer: its values become variables only when all of them are there and can be used."""
    result, values = event.how, dict[str, Value]()
    if event.how == "found":
        result, values = _taken(run, node, event.document)
    to = {"found": node.found, "not_found": node.not_found, "timeout": node.timeout}.get(result, node.error)
    run.happened(result, to=to)
    for name, value in values.items():
        run.state = run.state.with_variable(name, value)
    run.go(to)


def _filled(state: CallState, fields: Mapping[str, str], *, personal: bool) -> dict[str, str]:
    filled = {}
    for name, value in fields.items():
        found: Value | None = state.find_value(value[1:]) if value.startswith("$") else value
        if isinstance(found, Personal) and not personal:
            raise ValueError(f"the lookup in {state.node} would send a personal value where none may be")
        if found is not None:
            filled[name] = text_of(found)
    return filled


def _taken(run: Run, node: Lookup, document: object) -> tuple[str, dict[str, Value]]:
    values: dict[str, Value] = {}
    for name, path in node.take.items():
        text = _text(_at(document, path))
        if text is None:
            return "not_found", {}
        if len(text) > LONGEST_VALUE or not _can_be_said(run, name, text):
            return "error", {}
        values[name] = Personal(text) if node.personal else text
    if sum(len(text_of(value).encode()) for value in values.values()) > MOST_BYTES:
        return "error", {}
    return "found", values


def _at(document: object, path: str) -> object:
    """What stands at `account.members.0.name`; None when nothing does."""
    for part in path.split("."):
        match document:
            case Mapping():
                document = document.get(part)
            case list() if part.isdecimal() and int(part) < len(document):
                document = document[int(part)]
            case _:
                return None
    return document


def _text(value: object) -> str | None:
    """A value as variables hold it; None for what is no single value, or empty."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case int() | float():
            return str(value)
        case str():
            return value.strip() or None
        case _:
            return None


def _can_be_said(run: Run, name: str, text: str) -> bool:
    """Whether every way in which the flow says this variable works: better an error branch than half a sentence."""
    spoken = (prompt for node in run.centre.flow.nodes.values() for prompt in prompts_of(node))
    ways = {prompt.how for prompt in spoken if isinstance(prompt, Say) and prompt.what == name}
    try:
        for how in ways:
            for language in run.centre.languages:
                saying.say(how, text, language)
    except ValueError:
        return False
    return True
