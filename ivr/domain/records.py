"""What the record keeps of a call: its legs, its path, and what it left behind. Times are those of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ivr.domain.legs import LegState


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRecord:
    """One channel."""

    id: str
    kind: str
    """caller | agent | transfer (an agent reached by a blind transfer) | callback (a customer we called) | other."""
    agent: str | None
    state: LegState
    created_at: datetime
    ringing_at: datetime | None
    """When the phone was called; Asterisk's journal does not say when it began to ring. None for who called us."""
    answered_at: datetime | None
    ended_at: datetime | None
    hangup_cause: int | None
    """Q.850. A queue that withdraws a call says 26 (answered elsewhere)."""
    ended_by: str | None
    """caller | agent | system."""
    talk_s: float
    """Seconds spent in bridges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One thing that happened in the flow: commit `seq`, note `idx` within it."""

    seq: int
    idx: int
    at: datetime
    node: str
    kind: str
    phase: str | None
    heard: tuple[str, ...]
    result: str | None
    got: str | None
    """Digits, or a sealed token when they are personal."""
    to: str | None
    language: str | None
    category: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRecord:
    take: int
    file: str
    at: datetime
    """When the recording began."""
    state: str
    """recording | kept | discarded | empty (nothing was said)."""
    seconds: float | None
    sha256: str | None
    language: str | None
    category: str | None
    data: str | None
    """Sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRecord:
    """A wish to be called back. Many wishes of one number may become one work item."""

    seq: int
    at: datetime
    origin: str
    due: datetime
    number: str
    """Sealed."""
    number_key: str
    language: str | None
    category: str | None
    data: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkRecord:
    """A recorded conversation."""

    file: str
    at: datetime
    seconds: float | None
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """An agent logged in, out, paused or came back."""

    seq: int
    idx: int
    at: datetime
    agent: str
    action: str
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyRecord:
    """A score that the caller gave: commit `seq`, note `idx` within it."""

    seq: int
    idx: int
    at: datetime
    node: str
    metric: str
    """csat | nps."""
    lowest: int
    highest: int
    score: int
    of_agent: bool
    """The agent was judged; False: the service as a whole."""
    agent: str | None
    """Who talked to the caller last before the score."""
    queue: str | None
    language: str | None
    category: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call as far as its journal goes; `ended_at` is None while it lives."""

    id: str
    kind: str
    """inbound | internal (an agent's service call) | outbound."""
    dnis: str
    centre: str | None
    version: str | None
    language: str | None
    category: str | None
    caller: str | None
    """Sealed."""
    caller_key: str | None
    queue: str | None
    entered_at: datetime
    business_at: datetime | None
    """What the business clock said at entry."""
    queued_at: datetime | None
    answered_at: datetime | None
    """When an agent and the caller first were in one bridge."""
    ended_at: datetime | None
    ended_by: str | None
    outcome: str | None
    end_reason: str | None
    legs: tuple[LegRecord, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    messages: tuple[MessageRecord, ...] = ()
    callbacks: tuple[CallbackRecord, ...] = ()
    talks: tuple[TalkRecord, ...] = ()
    agent_events: tuple[AgentRecord, ...] = ()
    surveys: tuple[SurveyRecord, ...] = ()
    faults: tuple[str, ...] = ()
    """What the journal said and could not be understood; no personal data."""
