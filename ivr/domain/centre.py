"""A centre as compiled from its folder: numbers, hours, queues, agents and the flow that its callers take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.domain.checks import CHECKS, Check
from ivr.domain.flow import Flow
from ivr.domain.hours import Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Callers waiting for agents; `asterisk_name` is what app_queue knows it as."""

    name: str
    asterisk_name: str
    label: Mapping[str, str]
    """Language -> what the agent's phone shows."""
    timeout_s: int
    """Longest wait in seconds before the caller is offered something else."""
    strategy: str = "rrmemory"
    ring_s: int = 15
    retry_s: int = 3
    wrap_up_s: int = 0
    escalate_after_s: int = 30
    """Seconds after which the next tier rings beside the first even if the first only failed to answer."""
    announce_every_s: int = 30
    announce_position: bool = True
    announce_wait: bool = True
    record_talk: bool = False
    music: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A person with a SIP account. `tier` 1 is rung first; a higher tier when the lower cannot take the call."""

    id: str
    """Also the SIP user name."""
    name: str
    queues: Mapping[str, int]
    """Queue name -> tier (1 = first)."""
    language: str
    """Spoken to the agent by the service codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferNumber:
    """A number outside."""

    number: str
    """As it is dialled: digits, after a + perhaps."""
    label: Mapping[str, str]
    """Language -> what people call it."""
    price: int | None = None
    """Of a minute, in the centre's unit of money; None: it may not be dialled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """What calls to numbers outside may cost at most."""

    calls: int = 0
    """At once."""
    spend: int = 0
    """A day, in the unit of the prices."""
    minutes: int = 0
    """Longest call; its price is set aside before it is dialled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What no single call may exceed, so that a caller who presses keys for ever is one ended call."""

    steps: int = 300
    minutes: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """One public line: a folder under dialplans/."""

    id: str
    """Name of the folder; prefixes queue names in Asterisk."""
    title: Mapping[str, str]
    numbers: tuple[str, ...]
    """DNIS values it answers."""
    languages: tuple[str, ...]
    """The first is the one before the caller chose."""
    calendars: Mapping[str, Calendar]
    """Name -> hours; `centre` is the default one."""
    queues: Mapping[str, Queue]
    agents: Mapping[str, Agent]
    categories: Mapping[str, Mapping[str, str]]
    """Category -> language -> label."""
    flow: Flow
    transfers: Mapping[str, TransferNumber] = field(default_factory=dict)
    """Name -> number outside that callers may be transferred to: there are no others."""
    outbound: Outbound = field(default_factory=Outbound)
    checks: Mapping[str, Check] = field(default_factory=lambda: CHECKS)
    """Name of a Collect check -> what it asks of the digits; the dialplan layer adds `phone` from a library."""
    limits: Limits = field(default_factory=Limits)
    version: str
    """First 12 hex digits of the SHA-256 over the folder's files."""
    message_retention_days: int = 90
    talk_retention_days: int = 90
    call_retention_days: int = 90
    """Of callers' numbers and what they typed."""
