"""The shape of `centre.yaml` and `flow.yaml`: which keys there are and how their text is read.

What the parts mean to each other (a queue that does not exist, a node nobody reaches) is checked by the compiler.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError

from ivr.dialplan import values
from ivr.dialplan.conditions import RawDecide
from ivr.dialplan.document import Data, Document, Path
from ivr.dialplan.outside import RawLookup, RawTransfer, RawTransferNumber
from ivr.dialplan.raw import Raw, RawRetry
from ivr.dialplan.subflow import CALL, NodeSource
from ivr.dialplan.target import INSIDE, Scope, Target
from ivr.dialplan.values import (
    ChoiceKey,
    Digits,
    Labels,
    Language,
    MenuKey,
    Name,
    Prompts,
    PromptsOrNone,
    Spans,
    Text,
    Truth,
    duration,
    meant,
    one_of,
    some,
    whole,
)
from ivr.domain.flow import NodeId

Hours = Annotated[Spans, AfterValidator(values.apart)]
Week = dict[Annotated[str, BeforeValidator(values.days_key)], Hours]
STRATEGIES = ("ringall", "leastrecent", "fewestcalls", "random", "rrmemory", "linear", "wrandom")


# --- centre.yaml ---


class RawException(Raw):
    """One date on which other hours hold, or none."""

    date: Annotated[datetime.date, PlainValidator(values.day)]
    name: Text
    hours: Hours


class RawCalendar(Raw):
    """Opening hours beside those of the centre."""

    hours: Week
    holidays: Annotated[str | None, PlainValidator(values.country_or_off)] = ""
    """Country whose public holidays close the line, None for none, '' for what the centre has."""
    exceptions: tuple[RawException, ...] = ()


class RawAnnounce(Raw):
    """What a waiting caller is told, and how often."""

    every: Annotated[int, BeforeValidator(duration("10s", "10m"))] = 30
    position: Truth = True
    wait: Truth = True


class RawQueue(Raw):
    """Callers waiting for agents."""

    label: Labels
    timeout: Annotated[int, BeforeValidator(duration("5s", "2h"))]
    ring: Annotated[int, BeforeValidator(duration("5s", "2m"))] = 15
    retry: Annotated[int, BeforeValidator(duration("1s", "1m"))] = 3
    wrap_up: Annotated[int, BeforeValidator(duration("0s", "1h"))] = 0
    escalate_after: Annotated[int, BeforeValidator(duration("1s", "1h"))] = 30
    record_talk: Truth = False
    strategy: Annotated[str, BeforeValidator(one_of(*STRATEGIES))] = "rrmemory"
    announce: RawAnnounce = RawAnnounce()
    music: Name = "default"


class RawAgent(Raw):
    """A person with a SIP account; `queues` maps each queue to the tier in it."""

    name: Text
    language: Language
    queues: dict[Text, Annotated[int, BeforeValidator(whole(1, 9))]]


class RawLimits(Raw):
    """What no single call may exceed, and what no caller has to bear."""

    steps: Annotated[int, BeforeValidator(whole(20, 10_000))] = 300
    minutes: Annotated[int, BeforeValidator(whole(1, 600))] = 60
    prompt: Annotated[int, BeforeValidator(duration("5s", "10m"))] = 60
    """Longest that is said at one go."""
    menus: Annotated[int, BeforeValidator(whole(1, 20))] = 4
    """Most menus on end."""


class RawRetention(Raw):
    """How long recordings and the data beside them are kept, in days."""

    messages: Annotated[int, BeforeValidator(duration("1d", "3650d", "d"))] | None = None
    talk: Annotated[int, BeforeValidator(duration("1d", "3650d", "d"))] | None = None


class RawLegalBasis(Raw):
    """Why a piece of personal data may be asked; a plain text is its `reason`."""

    reason: Text | None = None
    statute: Text | None = None
    """The article that names it: without one a resident registration number may not be asked."""


def _legal_basis(value: object) -> object:
    return {"reason": value} if isinstance(value, str) else values.filled(value)


class RawCentre(RawCalendar):
    """centre.yaml."""

    title: Labels
    numbers: Annotated[tuple[Annotated[str, BeforeValidator(values.dialled)], ...], BeforeValidator(some)]
    timezone: Annotated[ZoneInfo, PlainValidator(values.timezone)]
    country: Annotated[str, BeforeValidator(values.country)]
    languages: Annotated[tuple[Language, ...], BeforeValidator(some)]
    calendars: dict[Name, RawCalendar] = {}
    queues: dict[Name, RawQueue] = {}
    agents: dict[Annotated[str, BeforeValidator(values.agent_id)], RawAgent] = {}
    categories: dict[Name, Labels] = {}
    transfers: dict[Name, RawTransferNumber] = {}
    limits: RawLimits = RawLimits()
    retention: RawRetention = RawRetention()
    legal_basis: dict[Name, Annotated[RawLegalBasis, BeforeValidator(_legal_basis)]] = {}


# --- flow.yaml ---


class RawChoice(Raw):
    """One key of a menu; a plain text is its `next`."""

    next: Target
    category: Text | None = None
    language: Text | None = None
    set: dict[Name, Text] = {}
    say: dict[Language, Annotated[tuple[Text, ...], BeforeValidator(some)]] = {}
    """Phrases for speech recognition: checked for shape, not used yet."""


def _choice(value: object) -> object:
    return {"next": value} if isinstance(value, str) else value


class RawPlay(Raw):
    play: Prompts
    next: Target
    interruptible: Truth = True


class RawMenu(RawRetry):
    menu: Prompts
    choices: Annotated[dict[ChoiceKey, Annotated[RawChoice, BeforeValidator(_choice)]], BeforeValidator(values.filled)]


class RawCollect(RawRetry):
    collect: Prompts
    digits: Digits
    terminator: Annotated[str, BeforeValidator(one_of("#", "none"))] = "#"
    check: Text | None = None
    range: Annotated[tuple[int, int] | None, PlainValidator(values.number_range)] = None
    personal: Truth = False
    read_back: PromptsOrNone = ()
    into: Name
    next: Target


class RawSurvey(RawRetry):
    survey: Prompts
    scale: Annotated[tuple[int, int], PlainValidator(values.scale)]
    metric: Annotated[str, BeforeValidator(one_of("csat", "nps"))]
    of: Annotated[str | None, BeforeValidator(one_of("agent"))] = None
    next: Target


class RawAssign(Raw):
    set: dict[Name, Text]
    category: Text | None = None
    language: Text | None = None
    next: Target


class RawHours(Raw):
    hours: Text
    open: Target
    closed: Target


class RawChoose(Raw):
    choose: Text
    cases: Annotated[dict[Text, Target], BeforeValidator(values.filled)]
    otherwise: Target | None = None


class RawEnqueue(Raw):
    queue: Text
    keys: dict[MenuKey, Target] = {}
    no_agents: Target
    timeout: Target
    after: Target | None = None


class RawMessage(RawRetry):
    message: Prompts
    review: Prompts
    max: Annotated[int, BeforeValidator(duration("5s", "10m"))]
    silence: Annotated[int, BeforeValidator(duration("1s", "1m"))] = 5
    keep: MenuKey = "1"
    again: MenuKey = "2"
    cancel: MenuKey = "3"
    next: Target
    cancelled: Target
    data: Annotated[tuple[Text, ...], BeforeValidator(values.many)] = ()


class RawCallback(Raw):
    callback: Text
    calendar: Text = "centre"
    next: Target
    data: Annotated[tuple[Text, ...], BeforeValidator(values.many)] = ()


class RawEnd(Raw):
    end: PromptsOrNone
    outcome: Annotated[str, BeforeValidator(one_of("self_served", "blocked", "failed"))] | None = None


class RawCall(Raw):
    """A sub-flow stands here; beside these keys each of its exits names the node where the caller goes on."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Target]

    flow: Text
    with_: dict[Name, Any] = Field(default={}, alias="with")


RawNode = (
    RawPlay
    | RawMenu
    | RawCollect
    | RawSurvey
    | RawAssign
    | RawHours
    | RawChoose
    | RawDecide
    | RawLookup
    | RawTransfer
    | RawEnqueue
    | RawMessage
    | RawCallback
    | RawEnd
    | RawCall
)

NODE_KINDS: dict[str, type[RawNode]] = {
    "play": RawPlay,
    "menu": RawMenu,
    "collect": RawCollect,
    "survey": RawSurvey,
    "set": RawAssign,
    "hours": RawHours,
    "choose": RawChoose,
    "lookup": RawLookup,
    "transfer": RawTransfer,
    "queue": RawEnqueue,
    "message": RawMessage,
    "callback": RawCallback,
    "end": RawEnd,
    CALL: RawCall,
}
"""The key that makes a mapping a node -> what else it may have."""


class RawSubflow(Raw):
    """Nodes that several places of the flow share, with `<placeholders>` for what differs."""

    parameters: Annotated[tuple[Name, ...], BeforeValidator(values.many)] = ()
    exits: Annotated[tuple[Name, ...], BeforeValidator(some)]
    start: Text
    nodes: Annotated[dict[Name, Any], BeforeValidator(values.filled)]


class RawFlow(Raw):
    """flow.yaml; its nodes are read one by one, so that a mistake in one does not hide those in the others."""

    start: Target
    apology: Prompts
    defaults: RawRetry = RawRetry()
    nodes: Annotated[dict[Name, Any], BeforeValidator(values.filled)]
    flows: dict[Name, RawSubflow] = {}


# --- reading ---

M = TypeVar("M", bound=Raw)

_TYPE_KINDS = {"dict_type": "not_mapping", "model_type": "not_mapping", "tuple_type": "not_list"}


def read(model: type[M], document: Document, scope: Scope | None = None) -> M | None:
    """The document as a `model`, or None with every mistake in it added to the document."""
    return _read(model, document.data, document, (), scope)


def _read(model: type[M], data: Data, document: Document, path: Path, scope: Scope | None) -> M | None:
    try:
        return model.model_validate(data, context=scope)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            where = tuple(part for part in fault["loc"] if part != "[key]")
            details = {key: str(value) for key, value in fault.get("ctx", {}).items()}
            last = str(where[-1]) if where else ""
            match fault["type"]:
                case "extra_forbidden":
                    known = tuple(_model_at(model, where[:-1]).model_fields)
                    document.key_problem((*path, *where), "unknown_key", **meant(last, known))
                case "missing":
                    document.problem((*path, *where), "missing_key", name=last)
                case kind:
                    tell = document.key_problem if "[key]" in fault["loc"] else document.problem
                    tell((*path, *where), _TYPE_KINDS.get(kind, kind), **details)
        return None


def read_nodes(sources: Mapping[NodeId, NodeSource], document: Document) -> dict[NodeId, RawNode | None]:
    """All nodes by id, in the order of the file; None for one with a mistake."""
    return {node: _read_node(node, source, document) for node, source in sources.items()}


def _read_node(node: NodeId, source: NodeSource, document: Document) -> RawNode | None:
    path = ("nodes", node)
    data = source.data
    if data is None:
        return None
    if not isinstance(data, dict):
        document.problem(path, "not_mapping")
        return None
    kinds = [key for key in data if key in NODE_KINDS]
    if not kinds:
        document.key_problem(path, "node_without_kind", node=node.rpartition(INSIDE)[2], kinds=", ".join(NODE_KINDS))
        return None
    if len(kinds) > 1:
        document.key_problem((*path, kinds[1]), "node_of_two_kinds", first=kinds[0], second=kinds[1])
        return None
    # `choose` is followed by a variable, or by a list of conditions.
    model: type[RawNode] = RawDecide if isinstance(data.get("choose"), list) else NODE_KINDS[kinds[0]]
    return _read(model, data, document, path, source.scope)


def _model_at(model: type[Raw], where: Path) -> type[Raw]:
    """The model that the mapping at `where` is read as. Keys and indexes of containers stay within the same model."""
    for part in where:
        field = model.model_fields.get(str(part))
        inner = None if field is None else _model_in(field.annotation)
        model = inner or model
    return model


def _model_in(annotation: object) -> type[Raw] | None:
    if isinstance(annotation, type) and issubclass(annotation, Raw):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
