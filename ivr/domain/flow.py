"""The compiled flow: an immutable graph of nodes. What a node does is in `step.py`; here is only what it is.

Durations are in seconds. A `Spoken` tuple is what the caller hears, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NodeId = str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Fixed audio by key, in the caller's language unless one is named (`greeting@en`)."""

    key: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """A value spoken from prompts: `how` is digits | number | date | time | datetime, `what` names the variable."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    id: NodeId
    prompts: Prompts
    min_digits: int
    max_digits: int
    check: str | None
    """None | birth_date (YYMMDD) | phone."""
    personal: bool
    read_back: Prompts
    """Empty: no read-back. Otherwise spoken after the digits; 1 accepts, 2 asks again."""
    into: str
    next: NodeId
    retry: Retry


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


Node = Play | Menu | Collect | Hours | Choose | Enqueue | Message | Callback | End


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
        case Play() | Callback():
            return {"next": node.next}
        case Menu():
            return {**{key: choice.next for key, choice in node.choices.items()}, "on_failure": node.retry.on_failure}
        case Collect():
            return {"next": node.next, "on_failure": node.retry.on_failure}
        case Hours():
            return {"open": node.open, "closed": node.closed}
        case Choose():
            return {**node.cases, "otherwise": node.otherwise}
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
        case Menu():
            return (*node.prompts, *node.retry.on_invalid, *node.retry.on_silence)
        case Collect():
            return (*node.prompts, *node.read_back, *node.retry.on_invalid, *node.retry.on_silence)
        case Message():
            return (*node.prompts, *node.review, *node.retry.on_invalid, *node.retry.on_silence)
        case Hours() | Choose() | Enqueue() | Callback():
            return ()
