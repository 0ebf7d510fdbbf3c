"""Implements `ivr.engine.board.SwitchEvents` over AMI: events as facts, and the whole state after every (re)connect.

Asterisk replays nothing that was missed, so the state is read whole each time the connection is up, and never else.
Events that came while it was read are told after it: facts carry whole truths, so those that were in it already do no
harm, and those that were not are the newer ones.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ivr.adapters.ami.client import AmiClient, Connected, Disconnected
from ivr.adapters.ami.message import Message
from ivr.domain.presence import (
    AgentFree,
    AgentRings,
    AgentTalks,
    CallerJoined,
    CallerLeft,
    Device,
    DeviceIs,
    Fact,
    Lost,
    Member,
    MemberIs,
    MemberLeft,
    Presence,
    QueueState,
    Talk,
    Whole,
)
from ivr.engine.ports import Clock
from ivr.errors import PeerError

# The numbers of AST_DEVICE_* (QueueMember's Status) and their names (DeviceStateChange's State). All between "not in
# use" and "unavailable" is a phone in use: with device_state_busy_at=1 even a ringing one is called busy.
_FREE = frozenset({"1", "NOT_INUSE"})
_AWAY = frozenset({"0", "4", "5", "", "UNKNOWN", "INVALID", "UNAVAILABLE"})

_CHANNEL = re.compile(r"^PJSIP/(?P<agent>.+)-[0-9a-f]{8}$")
_RINGING_STATES = frozenset({"0", "4", "5"})
"""Of a channel towards a phone: down, ring, ringing. Not answered yet."""
_MEMBER_EVENTS = frozenset(
    {
        "QueueMemberStatus",
        "QueueMemberAdded",
        "QueueMemberPause",
        "QueueMemberPenalty",
        "QueueMemberRinginuse",
    }
)
EVENTS = _MEMBER_EVENTS | {
    "QueueMemberRemoved",
    "QueueCallerJoin",
    "QueueCallerLeave",
    "AgentCalled",
    "AgentConnect",
    "AgentComplete",
    "AgentRingNoAnswer",
    "AgentDump",
    "DeviceStateChange",
}
"""All that `fact_of` understands: manager.conf lets these through and little else."""


@dataclass(frozen=True, slots=True)
class AmiSwitch:
    """`clock` is the machine's own, the one that Asterisk's waits and last calls go by."""

    client: AmiClient
    clock: Clock

    async def facts(self) -> AsyncIterator[Fact]:
        """Endless: see `SwitchEvents`."""
        async for news in self.client.news():
            match news:
                case Connected():
                    try:
                        yield Whole(await self._read())
                    except PeerError as error:
                        # Without the whole nothing is known. The client tries again, later and later.
                        self.client.drop(str(error))
                case Disconnected():
                    yield Lost()
                case _:
                    if (fact := fact_of(news, self.clock.now())) is not None:
                        yield fact

    async def _read(self) -> Presence:
        queues = await self.client.list_action("QueueStatus")
        devices = await self.client.list_action("DeviceStateList")
        channels = await self.client.list_action("CoreShowChannels")
        return presence_of(queues, devices, channels, self.clock.now())


def presence_of(queues: list[Message], devices: list[Message], channels: list[Message], now: datetime) -> Presence:
    """The answers to QueueStatus, DeviceStateList and CoreShowChannels as one picture."""
    members: dict[str, dict[str, Member]] = {}
    waiting: dict[str, dict[str, datetime]] = {}
    states: dict[str, Device] = {}
    for item in devices:
        if agent := _agent(item.text("device")):
            states[agent] = _device(item.text("state"))
    for item in queues:
        queue = item.text("queue")
        members.setdefault(queue, {})
        waiting.setdefault(queue, {})
        if item.text("event") == "QueueMember" and (member := _member(item, item.text("location"))):
            members[queue][member.agent] = member
            states[member.agent] = member.device
        elif item.text("event") == "QueueEntry":
            waiting[queue][item.text("uniqueid")] = now - timedelta(seconds=item.number("wait"))
    return Presence(
        queues={name: QueueState(members=members[name], waiting=waiting[name]) for name in members},
        devices=states,
        talks=_talks(channels),
    )


def fact_of(event: Message, now: datetime) -> Fact | None:
    """What an event says about queues and agents; None when nothing."""
    name, queue = event.text("event"), event.text("queue")
    interface, call = event.text("interface"), event.text("uniqueid")
    agent = _agent(interface)
    if name in _MEMBER_EVENTS:
        member = _member(event, interface)
        return MemberIs(queue, member) if member else None
    match name:
        case "QueueMemberRemoved" if agent:
            return MemberLeft(queue, agent)
        case "QueueCallerJoin":
            return CallerJoined(queue, call, now)
        case "QueueCallerLeave":
            return CallerLeft(queue, call)
        case "AgentCalled" if agent:
            return AgentRings(agent, call)
        case "AgentConnect" if agent:
            return AgentTalks(agent, call)
        case "AgentComplete" | "AgentRingNoAnswer" | "AgentDump" if agent:
            return AgentFree(agent, call)
        case "DeviceStateChange" if device_of := _agent(event.text("device")):
            return DeviceIs(device_of, _device(event.text("state")))
        case _:
            return None


def _member(item: Message, interface: str) -> Member | None:
    agent = _agent(interface)
    if agent is None:
        return None
    return Member(
        agent=agent,
        tier=item.number("penalty") + 1,
        device=_device(item.text("status")),
        paused=item.text("paused") == "1",
        in_call=item.text("incall") == "1",
        last_talk_ended=_instant(item.number("lastcall")),
    )


def _instant(seconds: int) -> datetime | None:
    """Of seconds since 1970; 0 is Asterisk's word for never."""
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**33 else None


def _talks(channels: list[Message]) -> dict[str, Talk]:
    """Channels of agents' phones that belong to somebody else's call (not those of a service code they dialled)."""
    found: dict[str, Talk] = {}
    for item in channels:
        match = _CHANNEL.match(item.text("channel"))
        call = item.text("linkedid")
        if match and call and call != item.text("uniqueid"):
            found[match["agent"]] = Talk(call, ringing=item.text("channelstate") in _RINGING_STATES)
    return found


def _agent(interface: str) -> str | None:
    """The agent of `PJSIP/<agent>`; None for any other device."""
    return interface.removeprefix("PJSIP/") or None if interface.startswith("PJSIP/") else None


def _device(state: str) -> Device:
    if state in _FREE:
        return Device.NOT_IN_USE
    return Device.UNAVAILABLE if state in _AWAY else Device.IN_USE
