"""Who waits and who could take them, as the switch tells it fact by fact. Pure: facts in, a new picture out.

Every fact carries its whole truth (a member's state, not a change of it) and names what it is about, so that a fact
that comes twice, or late after a `Whole` that had it already, does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

_Item = TypeVar("_Item")


class Device(StrEnum):
    """What a phone is doing, as far as its state alone tells."""

    NOT_IN_USE = "not_in_use"
    IN_USE = "in_use"
    """Busy, ringing or on hold: Asterisk calls a phone that takes one call at a time `busy` in all three."""
    UNAVAILABLE = "unavailable"
    """Not registered, or registered and not answering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An agent who is logged in to a queue."""

    agent: str
    tier: int
    device: Device
    paused: bool = False
    in_call: bool = False
    """With a caller of this queue."""
    last_talk_ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """One queue: members by agent id, callers by call id with the moment each joined."""

    members: Mapping[str, Member] = field(default_factory=dict)
    waiting: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Talk:
    """What is at an agent's phone: the call, ringing until it is answered."""

    call: str
    ringing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """All that is known. Queues by Asterisk's name, devices and talks by agent id."""

    known: bool = False
    """False before the first `Whole` and after `Lost`: then it is the last that was known."""
    queues: Mapping[str, QueueState] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    talks: Mapping[str, Talk] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything, read at once: what was known before does not count."""

    presence: Presence


@dataclass(frozen=True, slots=True)
class Lost:
    """The switch does not tell any more."""


@dataclass(frozen=True, slots=True)
class MemberIs:
    """An agent is logged in to a queue, so."""

    queue: str
    member: Member


@dataclass(frozen=True, slots=True)
class MemberLeft:
    queue: str
    agent: str


@dataclass(frozen=True, slots=True)
class DeviceIs:
    agent: str
    device: Device


@dataclass(frozen=True, slots=True)
class CallerJoined:
    queue: str
    call: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """Answered, given up or timed out: the queue does not hold the caller any more."""

    queue: str
    call: str


@dataclass(frozen=True, slots=True)
class AgentRings:
    agent: str
    call: str


@dataclass(frozen=True, slots=True)
class AgentTalks:
    agent: str
    call: str


@dataclass(frozen=True, slots=True)
class AgentFree:
    """The ring went unanswered, or the talk is over."""

    agent: str
    call: str


Fact = Whole | Lost | MemberIs | MemberLeft | DeviceIs | CallerJoined | CallerLeft | AgentRings | AgentTalks | AgentFree


def told(presence: Presence, fact: Fact) -> Presence:
    """The picture after `fact`."""
    match fact:
        case Whole(whole):
            return replace(whole, known=True)
        case Lost():
            return replace(presence, known=False)
        case MemberIs(queue, member):
            here = _queue(presence, queue)
            with_member = _put(presence, queue, replace(here, members={**here.members, member.agent: member}))
            return _device(with_member, member.agent, member.device)
        case MemberLeft(queue, agent):
            here = _queue(presence, queue)
            return _put(presence, queue, replace(here, members=_without(here.members, agent)))
        case DeviceIs(agent, device):
            return _device(presence, agent, device)
        case CallerJoined(queue, call, at):
            here = _queue(presence, queue)
            return _put(presence, queue, replace(here, waiting={call: at, **here.waiting}))
        case CallerLeft(queue, call):
            here = _queue(presence, queue)
            return _put(presence, queue, replace(here, waiting=_without(here.waiting, call)))
        case AgentRings(agent, call):
            return replace(presence, talks={**presence.talks, agent: Talk(call, ringing=True)})
        case AgentTalks(agent, call):
            return replace(presence, talks={**presence.talks, agent: Talk(call, ringing=False)})
        case AgentFree(agent, call):
            talk = presence.talks.get(agent)
            # A late end of an earlier call says nothing about the present one.
            over = talk is not None and talk.call == call
            return replace(presence, talks=_without(presence.talks, agent)) if over else presence


def _device(presence: Presence, agent: str, device: Device) -> Presence:
    """A phone that is not in use has no talk, even if nobody said that it ended (another agent took the call)."""
    talks = presence.talks if device is Device.IN_USE else _without(presence.talks, agent)
    return replace(presence, devices={**presence.devices, agent: device}, talks=talks)


def _queue(presence: Presence, name: str) -> QueueState:
    return presence.queues.get(name, QueueState())


def _put(presence: Presence, name: str, queue: QueueState) -> Presence:
    return replace(presence, queues={**presence.queues, name: queue})


def _without(items: Mapping[str, _Item], key: str) -> Mapping[str, _Item]:
    return {name: item for name, item in items.items() if name != key} if key in items else items
