"""The compiled flow: an immutable graph of nodes. What a node does is in `step.py`; here is only what it is.

Durations are in seconds. A `Spoken` tuple is what the caller hears, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.domain.conditions import Condition

NodeId = str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Fixed audio by key, in the caller's language unless one is named (`greeting@en`)."""

    key: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """A value spoken from prompts: `how` is one of `saying.WAYS`, `what` names the variable."""

    how: str
    what: str


@dataclass(frozen=True, slots=True)
class Playback:
    """The caller's own recording of this call."""


Spoken = Prompt | Say | Playback
Prompts = tuple[Spoken, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What happens when the caller presses nothing or something else, and when that happened too often."""

    tries: int = 3
    """Attempts in all, wrong keys and silences counted together."""
    wait_s: float = 5.0
    """Seconds of silence after the prompt (and between digits) that count as one silence."""
    on_invalid: Prompts = ()
    on_silence: Prompts = ()
    on_failure: NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One key of a menu."""

    next: NodeId
    category: str | None = None
    language: str | None = None
    assign: Mapping[str, str] = field(default_factory=dict)
    """Variable -> value; `$name` copies another variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    id: NodeId
    prompts: Prompts
    next: NodeId
    interruptible: bool = True
    """False: keys pressed meanwhile do not cut it (legal notices)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    id: NodeId
    prompts: Prompts
    choices: Mapping[str, Choice]
    """Key (0-9, *, #) -> choice."""
    retry: Retry
    phrases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Language -> what a caller may say -> the key that it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    id: NodeId
    prompts: Prompts
    min_digits: int
    max_digits: int
    check: str | None
    """None (the count of digits is all) or a key of `Centre.checks`."""
    personal: bool
    read_back: Prompts
    """Empty: no read-back. Otherwise spoken after the digits; 1 accepts, 2 asks again."""
    into: str
    next: NodeId
    retry: Retry
    terminator: str | None = "#"
    """Key that ends the entry early; None: # is a wrong key, and only the count of digits or silence ends it."""
    value_range: tuple[int, int] | None = None
    """Least and greatest number that is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Asks for a score. Whoever gives none goes to `retry.on_failure`."""

    id: NodeId
    prompts: Prompts
    lowest: int
    highest: int
    metric: str
    """csat | nps."""
    of: str | None
    """agent: the score is that agent's who talked to the caller last; None: of the service as a whole."""
    next: NodeId
    retry: Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Sets variables, the category, the language; nobody hears anything."""

    id: NodeId
    assign: Mapping[str, str]
    """Variable -> value; `$name` copies another variable."""
    next: NodeId
    category: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    id: NodeId
    calendar: str
    open: NodeId
    closed: NodeId
    """Taken with the variable `opens_at` set to the next opening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    id: NodeId
    on: str
    """A variable: `language`, `category`, `caller` (known | unknown) or one that the flow collected."""
    cases: Mapping[str, NodeId]
    otherwise: NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Taken when all its conditions hold."""

    conditions: tuple[Condition, ...]
    next: NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """The first case that holds; the journal says which one by its place, from 1."""

    id: NodeId
    cases: tuple[Case, ...]
    otherwise: NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Asks another system over HTTP. Whatever is in `query` stands in the URL and so is never personal."""

    id: NodeId
    url: str
    method: str
    """GET | POST."""
    query: Mapping[str, str]
    body: Mapping[str, str]
    """Names -> value or `$variable`, sent as a JSON object."""
    headers: Mapping[str, str]
    secrets: Mapping[str, str]
    """Header -> environment variable that holds its value."""
    personal: bool
    """The body may hold personal values, and what is taken from the answer is personal."""
    within_s: float
    """Longest wait for one answer."""
    retries: int
    """Further attempts after no answer or a fault of the other side."""
    take: Mapping[str, str]
    """Variable -> where its value is in the answer: names and list indexes (from 0) joined by dots."""
    found: NodeId
    not_found: NodeId
    timeout: NodeId
    error: NodeId


@dataclass(frozen=True, slots=True)
class Destination:
    """`kind` is number | queue | agent, `name` its name in the centre. Nothing that a caller said is in it."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Connects the caller elsewhere; when somebody answers, the call ends with that talk."""

    id: NodeId
    to: Destination
    ring_s: int
    """Longest ringing; a queue has its own longest wait."""
    busy: NodeId
    no_answer: NodeId
    failed: NodeId
    """Not reachable, or (a number) no way out is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueue:
    id: NodeId
    queue: str
    keys: Mapping[str, NodeId]
    """Keys that leave the queue while waiting."""
    no_agents: NodeId
    timeout: NodeId
    after: NodeId | None = None
    """Where the caller goes on when the agent hangs up first; None ends the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    id: NodeId
    prompts: Prompts
    """Heard before the tone."""
    review: Prompts
    """Heard after recording; normally plays it back and offers keep / again / cancel."""
    max_s: int
    silence_s: int
    """Seconds of silence that end the recording."""
    keep_key: str
    again_key: str
    cancel_key: str
    next: NodeId
    cancelled: NodeId
    retry: Retry
    data: tuple[str, ...] = ()
    """Variables stored, sealed, with the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Asks for a call back at the next working minute of `calendar`; sets the variable `callback_due`."""

    id: NodeId
    number: str
    """Variable that holds the number to call."""
    calendar: str
    next: NodeId
    data: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    id: NodeId
    prompts: Prompts
    outcome: str | None = None
    """self_served | blocked | failed, or None: what the call achieved before decides."""


Node = (
    Play
    | Menu
    | Collect
    | Survey
    | Assign
    | Hours
    | Choose
    | Decide
    | Lookup
    | Transfer
    | Enqueue
    | Message
    | Callback
    | End
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Nodes by id; `start` is where a caller enters, `apology` where a fault of ours leads."""

    start: NodeId
    nodes: Mapping[NodeId, Node]
    apology: Prompts = ()

    def node(self, node_id: NodeId) -> Node:
        return self.nodes[node_id]


def targets(node: Node) -> dict[str, NodeId]:
    """Every edge of a node as label -> target: the one place that knows which fields are edges."""
    match node:
        case Play() | Callback() | Assign():
            return {"next": node.next}
        case Menu():
            return {**{key: choice.next for key, choice in node.choices.items()}, "on_failure": node.retry.on_failure}
        case Collect() | Survey():
            return {"next": node.next, "on_failure": node.retry.on_failure}
        case Hours():
            return {"open": node.open, "closed": node.closed}
        case Choose():
            return {**node.cases, "otherwise": node.otherwise}
        case Decide():
            cases = {str(place): case.next for place, case in enumerate(node.cases, start=1)}
            return {**cases, "otherwise": node.otherwise}
        case Lookup():
            return {"found": node.found, "not_found": node.not_found, "timeout": node.timeout, "error": node.error}
        case Transfer():
            return {"busy": node.busy, "no_answer": node.no_answer, "failed": node.failed}
        case Enqueue():
            edges = {**node.keys, "no_agents": node.no_agents, "timeout": node.timeout}
            return edges if node.after is None else {**edges, "after": node.after}
        case Message():
            return {"next": node.next, "cancelled": node.cancelled, "on_failure": node.retry.on_failure}
        case End():
            return {}


def prompts_of(node: Node) -> tuple[Spoken, ...]:
    """Everything a node may say, for checking that the audio exists."""
    match node:
        case Play() | End():
            return node.prompts
        case Menu() | Survey():
            return (*node.prompts, *node.retry.on_invalid, *node.retry.on_silence)
        case Collect():
            return (*node.prompts, *node.read_back, *node.retry.on_invalid, *node.retry.on_silence)
        case Message():
            return (*node.prompts, *node.review, *node.retry.on_invalid, *node.retry.on_silence)
        case Assign() | Hours() | Choose() | Decide() | Lookup() | Transfer() | Enqueue() | Callback():
            return ()
