"""Manager events and lists as facts about queues and agents. The packets are those of a real Asterisk 22.10.1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from ivr.adapters.ami.client import AmiClient, Timing
from ivr.adapters.ami.message import Message
from ivr.adapters.ami.switch import AmiSwitch, fact_of
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
    Talk,
    Whole,
)
from ivr.testing.fake_ami import Answer, FakeAmi, Packet, error, listing, packet
from ivr.testing.worlds import ManualClock

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CALL = "n1-1795324064.13"
MEMBER = {
    "Queue": "120-pension",
    "MemberName": "김하나",
    "Interface": "PJSIP/agent01",
    "StateInterface": "PJSIP/agent01",
    "Membership": "dynamic",
    "Penalty": "1",
    "CallsTaken": "1",
    "LastCall": "1795324069",
    "InCall": "0",
    "Status": "1",
    "Paused": "0",
}


def event(name: str, **headers: str) -> Message:
    return Message.of({"Event": [name], **{header: [value] for header, value in headers.items()}})


def member(**changes: object) -> Member:
    base: dict[str, object] = {
        "agent": "agent01",
        "tier": 2,
        "device": Device.NOT_IN_USE,
        "last_talk_ended": datetime.fromtimestamp(1795324069, UTC),
    }
    return Member(**(base | changes))  # type: ignore[arg-type]


OF_CALL = {"Queue": "120-pension", "Uniqueid": CALL, "Linkedid": "n1-1795324064.12", "Interface": "PJSIP/agent01"}


@pytest.mark.parametrize(
    ("told", "fact"),
    [
        (event("QueueMemberStatus", **MEMBER), MemberIs("120-pension", member())),
        (event("QueueMemberAdded", **MEMBER), MemberIs("120-pension", member())),
        (event("QueueMemberPause", **MEMBER | {"Paused": "1"}), MemberIs("120-pension", member(paused=True))),
        (event("QueueMemberPenalty", **MEMBER | {"Penalty": "0"}), MemberIs("120-pension", member(tier=1))),
        (
            event("QueueMemberStatus", **MEMBER | {"Status": "3", "InCall": "1", "LastCall": "0"}),
            MemberIs("120-pension", member(device=Device.IN_USE, in_call=True, last_talk_ended=None)),
        ),
        (
            event("QueueMemberStatus", **MEMBER | {"Status": "5", "LastCall": "99999999999999999999"}),
            MemberIs("120-pension", member(device=Device.UNAVAILABLE, last_talk_ended=None)),
        ),
        (event("QueueMemberRemoved", **MEMBER), MemberLeft("120-pension", "agent01")),
        (event("QueueCallerJoin", Queue="120-pension", Uniqueid=CALL), CallerJoined("120-pension", CALL, NOW)),
        (event("QueueCallerLeave", Queue="120-pension", Uniqueid=CALL), CallerLeft("120-pension", CALL)),
        (event("AgentCalled", **OF_CALL), AgentRings("agent01", CALL)),
        (event("AgentConnect", **OF_CALL), AgentTalks("agent01", CALL)),
        (event("AgentComplete", **OF_CALL), AgentFree("agent01", CALL)),
        (event("AgentRingNoAnswer", **OF_CALL), AgentFree("agent01", CALL)),
        (event("AgentDump", **OF_CALL), AgentFree("agent01", CALL)),
        (event("DeviceStateChange", Device="PJSIP/agent02", State="BUSY"), DeviceIs("agent02", Device.IN_USE)),
        (event("DeviceStateChange", Device="PJSIP/a", State="UNAVAILABLE"), DeviceIs("a", Device.UNAVAILABLE)),
        (event("DeviceStateChange", Device="PJSIP/a", State="INVALID"), DeviceIs("a", Device.UNAVAILABLE)),
        (event("DeviceStateChange", Device="PJSIP/a", State="NOT_INUSE"), DeviceIs("a", Device.NOT_IN_USE)),
        (event("DeviceStateChange", Device="Queue:120-pension_avail", State="INUSE"), None),
        (event("QueueMemberStatus", **MEMBER | {"Interface": "Local/1@x"}), None),
        (event("AgentCalled", **OF_CALL | {"Interface": "Local/1@x"}), None),
        (event("Newchannel", Channel="PJSIP/agent01-00000001"), None),
        (Message.of({"Response": ["Success"]}), None),
    ],
)
def test_what_an_event_says(told: Message, fact: Fact | None):
    assert fact_of(told, NOW) == fact


QUEUE_STATUS = listing(
    "QueueStatusComplete",
    {"Event": "QueueParams", "Queue": "120-pension", "Calls": "1"},
    {"Event": "QueueMember", "Name": "김하나", "Location": "PJSIP/agent01"}
    | {name: value for name, value in MEMBER.items() if name not in ("Interface", "MemberName")},
    {"Event": "QueueEntry", "Queue": "120-pension", "Position": "1", "Uniqueid": CALL, "Wait": "12"},
    {"Event": "QueueParams", "Queue": "120-health", "Calls": "0"},
)
DEVICES = listing(
    "DeviceStateListComplete",
    {"Event": "DeviceStateChange", "Device": "PJSIP/agent01", "State": "NOT_INUSE"},
    {"Event": "DeviceStateChange", "Device": "PJSIP/agent02", "State": "BUSY"},
    {"Event": "DeviceStateChange", "Device": "Queue:120-pension_avail", "State": "INUSE"},
)
CHANNELS = listing(
    "CoreShowChannelsComplete",
    {
        "Event": "CoreShowChannel",
        "Channel": "PJSIP/trunk-00000001",
        "ChannelState": "6",
        "Uniqueid": "n1-1.1",
        "Linkedid": "n1-1.1",
    },
    {
        "Event": "CoreShowChannel",
        "Channel": "PJSIP/agent02-00000002",
        "ChannelState": "5",
        "Uniqueid": "n1-1.2",
        "Linkedid": "n1-1.1",
    },
    {
        "Event": "CoreShowChannel",
        "Channel": "PJSIP/agent03-00000003",
        "ChannelState": "6",
        "Uniqueid": "n1-1.3",
        "Linkedid": "n1-1.3",
    },
)
ANSWERS: dict[str, Answer] = {
    "QueueStatus": QUEUE_STATUS,
    "DeviceStateList": DEVICES,
    "CoreShowChannels": CHANNELS,
}


@asynccontextmanager
async def following(fake: FakeAmi) -> AsyncIterator[AsyncIterator[Fact]]:
    timing = Timing(answer_s=1.0, ping_every_s=60.0, backoff_first_s=0.01, backoff_last_s=0.02)
    client = AmiClient(host="127.0.0.1", port=fake.port, username="ivr", secret="s", timing=timing)
    async with (
        client,
        asyncio.timeout(5.0),
        aclosing(AmiSwitch(client, ManualClock(NOW)).facts()) as facts,
    ):
        yield facts


async def test_the_whole_is_read_at_the_start():
    async with FakeAmi(answers=ANSWERS) as fake, following(fake) as facts:
        whole = await anext(facts)
    assert isinstance(whole, Whole)
    presence = whole.presence
    assert set(presence.queues) == {"120-pension", "120-health"}
    assert presence.queues["120-pension"].members == {"agent01": member()}
    assert presence.queues["120-pension"].waiting == {CALL: NOW - timedelta(seconds=12)}
    assert presence.queues["120-health"].members == {}
    assert presence.devices == {"agent01": Device.NOT_IN_USE, "agent02": Device.IN_USE}
    # agent02's phone rings for a caller; agent03 dialled a service code, which is no talk.
    assert presence.talks == {"agent02": Talk("n1-1.1", ringing=True)}


async def test_events_follow_and_the_whole_is_read_again_after_a_reconnect_only():
    async with FakeAmi(answers=ANSWERS) as fake, following(fake) as facts:
        assert isinstance(await anext(facts), Whole)
        fake.send(packet(Event="QueueCallerLeave", Queue="120-pension", Uniqueid=CALL))
        assert await anext(facts) == CallerLeft("120-pension", CALL)
        assert len(fake.list_received("QueueStatus")) == 1
        fake.hang_up()
        assert await anext(facts) == Lost()
        assert isinstance(await anext(facts), Whole)
        assert len(fake.list_received("QueueStatus")) == 2


async def test_an_event_amid_the_reading_is_told_after_it():
    def meanwhile(action: Packet) -> bytes:
        return packet(Event="QueueCallerLeave", Queue="120-pension", Uniqueid=CALL) + QUEUE_STATUS(action)

    async with FakeAmi(answers=ANSWERS | {"QueueStatus": meanwhile}) as fake, following(fake) as facts:
        assert isinstance(await anext(facts), Whole)
        assert await anext(facts) == CallerLeft("120-pension", CALL)


async def test_a_reading_that_fails_begins_again_on_a_new_connection():
    answers = ANSWERS | {"DeviceStateList": error}
    async with FakeAmi(answers=answers) as fake, following(fake) as facts:
        found = asyncio.create_task(_until_whole(facts))
        await fake.got("DeviceStateList", times=2)
        fake.answers["DeviceStateList"] = DEVICES
        *before, whole = await found
        assert isinstance(whole, Whole)
        assert before == [Lost()] * len(before)
        assert before


async def _until_whole(facts: AsyncIterator[Fact]) -> list[Fact]:
    found: list[Fact] = []
    async for fact in facts:
        found.append(fact)
        if isinstance(fact, Whole):
            break
    return found
