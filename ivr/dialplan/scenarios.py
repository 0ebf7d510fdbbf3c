"""`scenarios/*.yaml` of a centre -> scenarios, or every mistake in them at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated

from pydantic import BeforeValidator, PlainValidator

from ivr.dialplan import schema
from ivr.dialplan.document import Document, Path, TooManyProblemsError
from ivr.dialplan.loader import read
from ivr.dialplan.problem import Problem, in_order
from ivr.dialplan.raw import Raw
from ivr.dialplan.values import Name, Text, filled, many, meant, one_of, refuse, text
from ivr.dialplan.written import OneOrMore, Written, YesForAny, words
from ivr.domain import saying
from ivr.domain.centre import Centre
from ivr.domain.flow import Prompt, prompts_of
from ivr.domain.moves import Move, move_from_text
from ivr.domain.scenario import AGENTS, GAP, Expectation, Scenario

FOLDER = "scenarios"
OUTCOMES = ("answered", "self_served", "message_saved", "callback_queued", "abandoned", "blocked", "failed")
WITHHELD = "withheld"
DEFAULT_CALLER = "0212345678"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


def _moment(value: object) -> datetime:
    found = text(value)
    try:
        # The zone is the centre's: see _Reader.
        return datetime.fromisoformat(found) if _MOMENT.fullmatch(found) else _no_moment()
    except ValueError:
        raise refuse("bad_moment", value=found) from None


def _no_moment() -> datetime:
    raise ValueError


def _move(value: object) -> Move:
    found = text(value)
    try:
        return move_from_text(found)
    except ValueError:
        raise refuse("bad_move", value=found) from None


def _any(value: object) -> object:
    return {} if value == "yes" else value


_MOVE = Written("move: keys, silence, talk:5, queue:TIMEOUT …", {"type": ["string", "integer"]})
Moment = Annotated[
    datetime, PlainValidator(_moment), words("local time, such as 2026-11-24 20:15", r"\d{4}-\d\d-\d\d \d\d:\d\d")
]
Moves = Annotated[tuple[Annotated[Move, PlainValidator(_move), _MOVE], ...], BeforeValidator(many), OneOrMore()]
Words = Annotated[tuple[Text, ...], BeforeValidator(many), OneOrMore()]
Outcomes = Annotated[tuple[Annotated[str, BeforeValidator(one_of(*OUTCOMES))], ...], BeforeValidator(many), OneOrMore()]


class RawMessageWanted(Raw):
    """The message that is kept; `yes` stands for any."""

    category: Text | None = None
    """What it is about."""
    language: Text | None = None
    """What the caller was spoken to in."""
    data: dict[Text, Text] = {}
    """Variables kept with it."""


class RawCallbackWanted(RawMessageWanted):
    """The call back that is asked for; `yes` stands for any."""

    due: Moment | None = None
    """When the caller is called back at the earliest."""
    origin: Annotated[str, BeforeValidator(one_of("message", "queue"))] | None = None
    """What it came out of."""
    number: Text | None = None
    """The number to call."""


class RawExpectation(Raw):
    """What must, or must not, happen."""

    path: Words = ()
    """Nodes in this order; `...` stands for any number of nodes."""
    hear: Words = ()
    """Prompts in this order."""
    outcome: Outcomes = ()
    """How the call counts."""
    queue: Words = ()
    """Queues that the caller waits in."""
    message: Annotated[RawMessageWanted, BeforeValidator(_any), YesForAny()] | None = None
    """A message that is kept."""
    callback: Annotated[RawCallbackWanted, BeforeValidator(_any), YesForAny()] | None = None
    """A call back that is asked for."""
    notes: tuple[dict[Text, Text], ...] = ()
    """Fields of notes in the journal."""


class RawGiven(Raw):
    """What holds during a call."""

    at: Moment | None = None
    """When the call is made."""
    dial: Text | None = None
    """Number dialled; the first of the centre if left out."""
    caller: Text | None = None
    """Number of the caller, or withheld."""
    agents: Annotated[str, BeforeValidator(one_of(*AGENTS))] | None = None
    """What callers meet in queues where `does` says nothing of it."""


class RawScenario(RawGiven):
    """One call."""

    about: Text | None = None
    """For readers."""
    does: Moves = ()
    """What the caller does, in turn; then they hang up."""
    hang_up_at: Text | None = None
    """The node where the caller hangs up."""
    must: RawExpectation = RawExpectation()
    """What must happen."""
    must_not: RawExpectation = RawExpectation()
    """What must not."""


class RawScenarios(Raw):
    """A file of calls. Each is made once for every entry of `each`, whose moves come first."""

    each: dict[Name, Moves] = {}
    """Name -> first moves of the calls, one set a name."""
    given: RawGiven = RawGiven()
    """What holds in all calls that do not say otherwise."""
    calls: Annotated[dict[Name, RawScenario], BeforeValidator(filled)]
    """Calls by name."""


def load_scenarios(folder: FilePath, centre: Centre) -> tuple[tuple[Scenario, ...], tuple[Problem, ...]]:
    """The scenarios in `folder`/scenarios/*.yaml by file and place, and all that is wrong with them."""
    found: list[Scenario] = []
    problems: list[Problem] = []
    for path in sorted((folder / FOLDER).glob("*.y*ml")):
        document, unread = read(path)
        if document is None:
            problems += unread
            continue
        with suppress(TooManyProblemsError):
            found += _Reader(document, centre).scenarios()
        problems += document.found
    return tuple(found), in_order(problems)


class _Reader:
    """One file against the centre that its calls go to."""

    def __init__(self, document: Document, centre: Centre) -> None:
        self._document = document
        self._centre = centre
        self._zone = centre.calendars["centre"].timezone
        self._prompts = _prompts(centre)

    def scenarios(self) -> list[Scenario]:
        raw = schema.read(RawScenarios, self._document)
        if raw is None:
            return []
        made = []
        for name, call in raw.calls.items():
            self._check(name, call)
            at = call.at or raw.given.at
            if at is None:
                self._document.problem(("calls", name, "at"), "missing_key", name="at")
                continue
            for way, first in (raw.each or {"": ()}).items():
                made.append(self._scenario(f"{name} ({way})" if way else name, name, call, raw.given, at, first))
        return made

    def _scenario(
        self, name: str, key: str, call: RawScenario, given: RawGiven, at: datetime, first: tuple[Move, ...]
    ) -> Scenario:
        caller = call.caller or given.caller or DEFAULT_CALLER
        place = self._document.keys[("calls", key)]
        return Scenario(
            name=name,
            file=self._document.file,
            line=place.line,
            dial=call.dial or given.dial or self._centre.numbers[0],
            at=at.replace(tzinfo=self._zone),
            caller=None if caller == WITHHELD else caller,
            agents=call.agents or given.agents or "free",
            moves=first + call.does,
            hang_up_at=call.hang_up_at,
            must=_expectation(call.must),
            must_not=_expectation(call.must_not),
        )

    def _check(self, name: str, call: RawScenario) -> None:
        """Names that mean something in the centre; a `must_not` of a misspelt prompt would hold for ever."""
        path: Path = ("calls", name)
        if call.must == RawExpectation() and call.must_not == RawExpectation():
            self._document.key_problem(path, "proves_nothing", name=name)
        self._need((*path, "dial"), "not_answered_here", call.dial, self._centre.numbers)
        nodes = self._centre.flow.nodes
        self._need((*path, "hang_up_at"), "unknown_node", call.hang_up_at, tuple(nodes))
        for part, wanted in (("must", call.must), ("must_not", call.must_not)):
            for index, node in enumerate(wanted.path):
                if node != GAP or part == "must_not":
                    self._need((*path, part, "path", index), "unknown_node", node, tuple(nodes))
            for index, sound in enumerate(wanted.hear):
                key, _, language = sound.partition("@")
                self._need((*path, part, "hear", index), "unknown_sound", key, self._prompts)
                if language:
                    self._need((*path, part, "hear", index), "unknown_language", language, self._centre.languages)
            for index, queue in enumerate(wanted.queue):
                self._need((*path, part, "queue", index), "unknown_queue", queue, tuple(self._centre.queues))

    def _need(self, path: Path, kind: str, name: str | None, known: tuple[str, ...]) -> None:
        if name is not None and name not in known:
            self._document.problem(path, kind, **meant(name, known))


def _prompts(centre: Centre) -> tuple[str, ...]:
    spoken = [*centre.flow.apology, *(prompt for node in centre.flow.nodes.values() for prompt in prompts_of(node))]
    fixed = [prompt.key for prompt in spoken if isinstance(prompt, Prompt)]
    values = [key for language in centre.languages for key in sorted(saying.keys(language))]
    return tuple(dict.fromkeys([*fixed, *values]))


def _expectation(raw: RawExpectation) -> Expectation:
    return Expectation(
        path=raw.path,
        hear=raw.hear,
        outcome=raw.outcome,
        queue=raw.queue,
        message=None if raw.message is None else _fields(raw.message),
        callback=None if raw.callback is None else _fields(raw.callback),
        notes=raw.notes,
    )


def _fields(raw: RawMessageWanted) -> Mapping[str, str]:
    fields = {"category": raw.category, "language": raw.language}
    if isinstance(raw, RawCallbackWanted):
        due = None if raw.due is None else raw.due.isoformat(" ", "minutes")
        fields |= {"due": due, "origin": raw.origin, "number": raw.number}
    data = {f"data.{name}": value for name, value in raw.data.items()}
    return {name: value for name, value in (fields | data).items() if value is not None}
