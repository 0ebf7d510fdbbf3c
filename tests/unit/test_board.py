"""The live board: facts folded into a picture, the picture shown at an instant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.centre import Agent, Centre, Queue
from ivr.domain.flow import End, Flow
from ivr.domain.hours import Calendar
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
    told,
)
from ivr.engine.board import AgentState, AgentView, Board, LiveBoard, MemberView, board_of
from ivr.engine.centres import LiveCentres
from ivr.testing.worlds import ManualClock

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
QUEUE = "120-pension"
OTHER = "120-health"


def centre() -> Centre:
    queues = {
        name: Queue(name=name, asterisk_name=f"120-{name}", label={}, timeout_s=60, wrap_up_s=wrap_up_s)
        for name, wrap_up_s in (("pension", 30), ("health", 0))
    }
    agents = {
        "agent01": Agent(id="agent01", name="김하나", queues={"pension": 1, "health": 1}, language="ko"),
        "agent02": Agent(id="agent02", name="Lee", queues={"pension": 2}, language="en"),
    }
    return Centre(
        id="120",
        title={},
        numbers=("120",),
        languages=("ko",),
        calendars={"centre": Calendar(timezone=ZoneInfo("Asia/Seoul"), week={})},
        queues=queues,
        agents=agents,
        categories={},
        flow=Flow(start="end", nodes={"end": End(id="end", prompts=())}),
        version="1",
    )


def is_member(agent: str = "agent01", queue: str = QUEUE, tier: int = 1, **changes: object) -> MemberIs:
    base: dict[str, object] = {"device": Device.NOT_IN_USE}
    return MemberIs(queue, Member(agent=agent, tier=tier, **(base | changes)))  # type: ignore[arg-type]


def after(*facts: Fact) -> Presence:
    return reduce(told, facts, Presence())


def board(*facts: Fact, at: datetime = NOW) -> Board:
    return board_of(after(*facts), [centre()], at)


def the_member(shown: Board, agent: str = "agent01", queue: str = QUEUE) -> MemberView:
    view = shown.find_queue(queue)
    assert view is not None
    return next(member for member in view.members if member.agent == agent)


def the_agent(shown: Board, agent: str = "agent01") -> AgentView:
    view = shown.find_agent(agent)
    assert view is not None
    return view


def test_before_the_switch_has_told_anything_everybody_is_away():
    shown = board()
    assert not shown.is_live
    assert [(queue.queue, queue.waiting, queue.free) for queue in shown.queues] == [(QUEUE, 0, 0), (OTHER, 0, 0)]
    assert [(agent.agent, agent.registered, agent.logged_in) for agent in shown.agents] == [
        ("agent01", False, False),
        ("agent02", False, False),
    ]


def test_live_from_the_whole_until_it_is_lost():
    whole = Whole(Presence(queues={QUEUE: QueueState(waiting={"c1": NOW})}))
    assert board(whole).is_live
    lost = board(whole, Lost())
    assert not lost.is_live
    assert lost.queues[0].waiting == 1  # the last that was known
    assert board(whole, Lost(), Whole(Presence())).queues[0].waiting == 0


def test_waiting_callers_are_counted_and_the_longest_wait_is_in_seconds():
    early, late = NOW - timedelta(seconds=90), NOW - timedelta(seconds=5)
    shown = board(CallerJoined(QUEUE, "c1", early), CallerJoined(QUEUE, "c2", late), CallerJoined(OTHER, "c3", late))
    assert [(queue.waiting, queue.longest_wait_s) for queue in shown.queues] == [(2, 90.0), (1, 5.0)]
    left = board(CallerJoined(QUEUE, "c1", early), CallerLeft(QUEUE, "c1"))
    assert (left.queues[0].waiting, left.queues[0].longest_wait_s) == (0, 0.0)


def test_a_join_that_comes_again_keeps_the_first_moment():
    early = NOW - timedelta(seconds=90)
    assert board(CallerJoined(QUEUE, "c1", early), CallerJoined(QUEUE, "c1", NOW)).queues[0].longest_wait_s == 90.0


def test_members_come_by_tier_and_leave():
    facts = (is_member("agent02", tier=2), is_member("agent01"))
    assert [member.agent for member in board(*facts).queues[0].members] == ["agent01", "agent02"]
    assert [member.agent for member in board(*facts, MemberLeft(QUEUE, "agent01")).queues[0].members] == ["agent02"]
    assert board(*facts, MemberLeft(QUEUE, "nobody")).queues[0].free == 2


@pytest.mark.parametrize(
    ("facts", "state", "call"),
    [
        ((), AgentState.NOT_IN_USE, None),
        ((DeviceIs("agent01", Device.UNAVAILABLE),), AgentState.UNAVAILABLE, None),
        ((DeviceIs("agent01", Device.IN_USE),), AgentState.IN_USE, None),
        ((AgentRings("agent01", "c1"), DeviceIs("agent01", Device.IN_USE)), AgentState.RINGING, "c1"),
        ((AgentRings("agent01", "c1"), AgentTalks("agent01", "c1")), AgentState.IN_USE, "c1"),
        ((AgentRings("agent01", "c1"), AgentFree("agent01", "c1")), AgentState.NOT_IN_USE, None),
        ((AgentTalks("agent01", "c2"), AgentFree("agent01", "c1")), AgentState.IN_USE, "c2"),
        # Another agent took the call: only the phone tells that the ringing is over.
        ((AgentRings("agent01", "c1"), DeviceIs("agent01", Device.NOT_IN_USE)), AgentState.NOT_IN_USE, None),
        ((AgentTalks("agent01", "c1"), DeviceIs("agent01", Device.UNAVAILABLE)), AgentState.UNAVAILABLE, None),
    ],
)
def test_what_a_phone_is_doing(facts: tuple[Fact, ...], state: AgentState, call: str | None):
    shown = board(is_member(), *facts)
    assert (the_member(shown).state, the_agent(shown).state, the_agent(shown).call) == (state, state, call)
    assert shown.queues[0].free == (state is AgentState.NOT_IN_USE)


def test_a_member_in_a_call_that_nobody_told_of_is_in_use():
    shown = board(is_member(in_call=True, device=Device.NOT_IN_USE))
    assert the_member(shown).state is AgentState.IN_USE


def test_wrap_up_counts_from_the_end_of_the_last_talk_by_the_queue():
    ended = NOW - timedelta(seconds=10)
    facts = (is_member(last_talk_ended=ended), is_member(queue=OTHER, last_talk_ended=ended))
    shown = board(*facts)
    assert the_member(shown).wrap_up_until == NOW + timedelta(seconds=20)
    assert not the_member(shown).is_free
    assert the_member(shown, queue=OTHER).wrap_up_until is None
    assert [queue.free for queue in shown.queues] == [0, 1]
    assert the_member(board(*facts, at=NOW + timedelta(seconds=20))).wrap_up_until is None


def test_an_agent_is_paused_when_paused_in_every_queue():
    half = board(is_member(paused=True), is_member(queue=OTHER))
    assert (the_member(half).paused, the_agent(half).paused) == (True, False)
    assert half.queues[0].free == 0
    both = board(is_member(paused=True), is_member(queue=OTHER, paused=True))
    assert the_agent(both).paused
    assert not the_agent(board()).paused


def test_registered_and_logged_in_are_two_things():
    shown = board(DeviceIs("agent02", Device.NOT_IN_USE), is_member(device=Device.UNAVAILABLE))
    assert [(agent.registered, agent.logged_in) for agent in shown.agents] == [(False, True), (True, False)]


def test_strangers_are_left_out():
    shown = board(CallerJoined("999-else", "c1", NOW), DeviceIs("stranger", Device.IN_USE))
    assert [queue.queue for queue in shown.queues] == [QUEUE, OTHER]
    assert shown.find_queue("999-else") is None
    assert shown.find_agent("stranger") is None


def test_the_board_is_json_without_names():
    shown = board(is_member(last_talk_ended=NOW), CallerJoined(QUEUE, "c1", NOW))
    plain = json.loads(json.dumps(shown.to_json()))
    assert plain["as_of"] == "2026-11-23T01:00:00+00:00"
    assert plain["queues"][0]["members"] == [
        {
            "agent": "agent01",
            "tier": 1,
            "state": "not_in_use",
            "paused": False,
            "wrap_up_until": "2026-11-23T01:00:30+00:00",
        }
    ]
    assert "김하나" not in json.dumps(plain, ensure_ascii=False)


FACTS = st.sampled_from(
    [
        is_member(),
        is_member(paused=True),
        is_member("agent02"),
        MemberLeft(QUEUE, "agent01"),
        CallerJoined(QUEUE, "c1", NOW),
        CallerLeft(QUEUE, "c1"),
        DeviceIs("agent01", Device.IN_USE),
        AgentRings("agent01", "c1"),
        AgentTalks("agent01", "c1"),
        AgentFree("agent01", "c1"),
    ]
)


@given(st.lists(FACTS, max_size=12), st.integers(min_value=0, max_value=12))
def test_facts_told_again_after_the_whole_that_had_them_do_no_harm(facts: list[Fact], cut: int):
    """The whole is read while events arrive: those from `cut` on are in it already and come once more."""
    queues_and_devices = after(*facts)
    again = reduce(told, facts[cut:], told(Presence(), Whole(queues_and_devices)))
    assert again.queues == queues_and_devices.queues
    assert again.devices == queues_and_devices.devices
    assert again.talks == queues_and_devices.talks


def test_what_concerns_different_queues_may_come_in_any_order():
    facts = (CallerJoined(QUEUE, "c1", NOW), is_member(queue=OTHER), is_member("agent02"))
    boards = {json.dumps(board(*order).to_json(), sort_keys=True) for order in permutations(facts)}
    assert len(boards) == 1


class ToldSwitch:
    """Tells what a test puts in."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Fact] = asyncio.Queue()

    async def facts(self) -> AsyncIterator[Fact]:
        while True:
            yield await self.queue.get()


async def test_the_live_board_follows_and_wakes_who_waits():
    switch, clock = ToldSwitch(), ManualClock(NOW)
    live = LiveBoard(switch=switch, centres=LiveCentres([centre()]), clock=clock)
    running = asyncio.create_task(live.run())
    switch.queue.put_nowait(Whole(Presence(talks={"agent01": Talk("c1", ringing=True)})))
    seen = await asyncio.wait_for(live.wait_newer(0), 5)
    assert live.snapshot.is_live

    async def tell() -> None:
        switch.queue.put_nowait(CallerJoined(QUEUE, "c1", NOW))

    async with asyncio.timeout(5):
        await asyncio.gather(live.wait_newer(seen), tell())  # the waiting begins first
    before = live.snapshot
    clock.at = NOW + timedelta(seconds=3)
    assert (before.queues[0].longest_wait_s, live.snapshot.queues[0].longest_wait_s) == (0.0, 3.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
