"""The shape of `flow.yaml`: which keys there are and how their text is read. That of `centre.yaml` is in raw_centre.py.

What the parts mean to each other (a queue that does not exist, a node nobody reaches) is checked by the compiler.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from ivr.dialplan import values
from ivr.dialplan.conditions import RawDecide
from ivr.dialplan.document import Data, Document, Path
from ivr.dialplan.outside import RawLookup, RawTransfer
from ivr.dialplan.raw import Raw, RawRetry
from ivr.dialplan.subflow import CALL, NodeSource
from ivr.dialplan.target import INSIDE, Scope, Target
from ivr.dialplan.values import (
    ChoiceKey,
    Digits,
    Language,
    MenuKey,
    Name,
    Prompts,
    PromptsOrNone,
    Range,
    Scale,
    Text,
    Truth,
    duration,
    meant,
    one_of,
    some,
)
from ivr.dialplan.written import OneOrMore, ShortFor
from ivr.domain.flow import NodeId


class RawChoice(Raw):
    """One key of a menu; a plain text is its `next`."""

    next: Target
    """Where the caller goes on."""
    category: Text | None = None
    """What the call is about from now on."""
    language: Text | None = None
    """What the caller is spoken to in from now on."""
    set: dict[Name, Text] = {}
    """Variables and their new values; `$name` copies another variable."""
    say: dict[Language, Annotated[tuple[Text, ...], BeforeValidator(some), OneOrMore()]] = {}
    """Words that choose this by speech, by language."""


def _choice(value: object) -> object:
    return {"next": value} if isinstance(value, str) else value


class RawPlay(Raw):
    """Says something, then goes on."""

    play: Prompts
    """What the caller hears, in order."""
    next: Target
    """Where the caller goes on."""
    interruptible: Truth = True
    """`no` for legal notices: keys do not cut it short."""


class RawMenu(RawRetry):
    """Asks for a key."""

    menu: Prompts
    """What the caller hears."""
    choices: Annotated[
        dict[ChoiceKey, Annotated[RawChoice, BeforeValidator(_choice), ShortFor("next")]],
        BeforeValidator(values.filled),
    ]
    """Keys and what they do. Keys of different lengths cost a wait; none may begin with another."""


class RawCollect(RawRetry):
    """Asks for digits."""

    collect: Prompts
    """What the caller hears."""
    digits: Digits
    """How many."""
    terminator: Annotated[str, BeforeValidator(one_of("#", "none"))] = "#"
    """Key that ends the entry."""
    check: Text | None = None
    """What is right: birth_date, phone, date, number, luhn (card numbers), business_number (Korean)."""
    range: Range | None = None
    """Least and greatest value, with `check: number`."""
    personal: Truth = False
    """Encrypted before it leaves the controller; needs a `legal_basis` in centre.yaml."""
    read_back: PromptsOrNone = ()
    """Said after the digits; 1 accepts them, 2 asks again."""
    into: Name
    """Variable that holds the digits afterwards."""
    next: Target
    """Where the caller goes on."""


class RawSurvey(RawRetry):
    """Asks for a score. Who gives none goes on to `next` unless `on_failure` says otherwise."""

    survey: Prompts
    """What the caller hears."""
    scale: Scale
    """Lowest and highest score."""
    metric: Annotated[str, BeforeValidator(one_of("csat", "nps"))]
    """What the score counts as."""
    of: Annotated[str | None, BeforeValidator(one_of("agent"))] = None
    """`agent`: it is about the agent whom the caller just talked to."""
    next: Target
    """Where the caller goes on."""


class RawAssign(Raw):
    """Sets variables, unheard."""

    set: dict[Name, Text]
    """Variables and their new values; `$name` copies another variable."""
    category: Text | None = None
    """What the call is about from now on."""
    language: Text | None = None
    """What the caller is spoken to in from now on."""
    next: Target
    """Where the caller goes on."""


class RawHours(Raw):
    """Goes by whether the line is open."""

    hours: Text
    """A calendar: `centre` or one of `calendars`."""
    open: Target
    """Where callers go on while it is open."""
    closed: Target
    """Where they go on else; `opens_at` holds the next opening there."""


class RawChoose(Raw):
    """Goes by a variable."""

    choose: Text
    """`language`, `category`, `caller` (known or unknown), or a variable of the flow."""
    cases: Annotated[dict[Text, Target], BeforeValidator(values.filled)]
    """Value -> where the caller goes on."""
    otherwise: Target | None = None
    """For all other values; may be left out where the cases are all there are."""


class RawEnqueue(Raw):
    """Lets the caller wait for an agent. When the talk ends, the call does, unless there is `after`."""

    queue: Text
    """A queue of centre.yaml."""
    keys: dict[MenuKey, Target] = {}
    """Keys that leave the queue while waiting."""
    no_agents: Target
    """When no agent is logged in."""
    timeout: Target
    """When the longest wait is over."""
    after: Target | None = None
    """When the agent hangs up first."""


class RawMessage(RawRetry):
    """Records a message."""

    message: Prompts
    """What the caller hears before the tone."""
    review: Prompts
    """What the caller hears afterwards: what was recorded, and the keys."""
    max: Annotated[int, BeforeValidator(duration("5s", "10m"))]
    """Longest message."""
    silence: Annotated[int, BeforeValidator(duration("1s", "1m"))] = 5
    """This long a silence ends it."""
    keep: MenuKey = "1"
    """Key that keeps the message."""
    again: MenuKey = "2"
    """Key that records anew."""
    cancel: MenuKey = "3"
    """Key that drops it."""
    next: Target
    """When it is kept."""
    cancelled: Target
    """When it is dropped."""
    data: Annotated[tuple[Text, ...], BeforeValidator(values.many), OneOrMore()] = ()
    """Variables kept with the message, encrypted."""


class RawCallback(Raw):
    """Asks for a call back at the next working minute."""

    callback: Text
    """Variable that holds the number."""
    calendar: Text = "centre"
    """Whose working hours count."""
    next: Target
    """Where the caller goes on; `callback_due` holds the time there."""
    data: Annotated[tuple[Text, ...], BeforeValidator(values.many), OneOrMore()] = ()
    """Variables kept with the request, encrypted."""


class RawEnd(Raw):
    """Says something, then hangs up."""

    end: PromptsOrNone
    """What the caller hears last."""
    outcome: Annotated[str, BeforeValidator(one_of("self_served", "blocked", "failed"))] | None = None
    """How the call counts if nothing else was achieved in it."""


class RawCall(Raw):
    """A sub-flow stands here. Each of its exits is a key beside these, with the node where the caller goes on."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Target]

    flow: Text
    """One of `flows`."""
    with_: dict[Name, Any] = Field(default={}, alias="with")
    """Values of its parameters."""


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

    parameters: Annotated[tuple[Name, ...], BeforeValidator(values.many), OneOrMore()] = ()
    """What each use gives a value under `with`; it stands where `<name>` is written."""
    exits: Annotated[tuple[Name, ...], BeforeValidator(some), OneOrMore()]
    """Ways out of it; where `<name>` is a target, the caller goes on where the use says."""
    start: Text
    """The node that callers come to first."""
    nodes: Annotated[dict[Name, Any], BeforeValidator(values.filled)]
    """Its nodes by name."""


class RawFlow(Raw):
    """flow.yaml: what callers hear and press, node by node."""

    # The nodes are read one by one, so that a mistake in one does not hide those in the others.

    start: Target
    """The node that calls begin in."""
    apology: Prompts
    """Heard when something of ours is broken."""
    defaults: RawRetry = RawRetry()
    """For every node that asks for something, unless the node says otherwise."""
    nodes: Annotated[dict[Name, Any], BeforeValidator(values.filled)]
    """Nodes by name."""
    flows: dict[Name, RawSubflow] = {}
    """Sub-flows by name."""


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
                    fields = _model_at(model, where[:-1]).model_fields
                    known = tuple(field.alias or name for name, field in fields.items())
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
