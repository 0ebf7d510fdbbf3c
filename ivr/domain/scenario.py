"""A scripted call and what must come of it: the unit of trust in a dialplan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ivr.domain.flow import NodeId
from ivr.domain.moves import Move

GAP = "..."
"""In a path: any nodes, or none."""
AGENTS = ("none", "busy", "free")
"""What agents do during a scenario: none is logged in, none takes the call, one answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must happen, or must not. Empty parts say nothing."""

    path: tuple[NodeId, ...] = ()
    """must: the nodes from first to last, GAP where others may be between; must not: none of these."""
    hear: tuple[str, ...] = ()
    """Prompt keys, `key@language` for one language: must in this order, others between; must not at all."""
    outcome: tuple[str, ...] = ()
    """must: one of these; must not: none of these."""
    queue: tuple[str, ...] = ()
    """Queues, in order."""
    message: Mapping[str, str] | None = None
    """Fields of the message that is kept; data as `data.<variable>`. Empty: any message."""
    callback: Mapping[str, str] | None = None
    """Fields of the call back that is asked for (`due` as YYYY-MM-DD HH:MM in the centre's zone)."""
    notes: tuple[Mapping[str, str], ...] = ()
    """Fields of journal notes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One call; several when the file says that each of its calls is made in several ways."""

    name: str
    file: str
    line: int
    """Where it is written, from 1."""
    dial: str
    at: datetime
    """Business time, aware."""
    caller: str | None = field(default=None, repr=False)
    """None: withheld."""
    agents: str = "free"
    moves: tuple[Move, ...] = ()
    hang_up_at: NodeId | None = None
    must: Expectation = Expectation()
    must_not: Expectation = Expectation()
