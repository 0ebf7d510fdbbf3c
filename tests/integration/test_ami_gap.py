"""The AMI link is cut, half-open or slow while queues and agents change: afterwards the board is what Asterisk's own
tables say. They are read on its console, another way than the board's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from ami_proxy import AmiProxy, ami_proxy
from switchboard import AGENT, System, followed, log_in, place_call, switchboard, until

from ivr.adapters.ami.client import AmiClient, Timing
from ivr.adapters.ami.link import UnansweredError
from ivr.engine.board import Board, LiveBoard
from ivr.testing.phones import Answer, Ignore
from ivr.testing.waiting import eventually

QUICK = Timing(answer_s=2, connect_s=2, ping_every_s=0.3, pong_s=0.5, backoff_first_s=0.05, backoff_last_s=0.2)
Picture = dict[str, object]


@pytest.fixture
async def system() -> AsyncIterator[System]:
    async with switchboard() as running:
        yield running


@pytest.fixture
async def hand(system: System) -> AsyncIterator[AmiClient]:
    """Changes things by a link of its own, which nothing happens to."""
    async with system.hand() as connected:
        await connected.wait_connected(10)
        yield connected


def as_shown(board: Board) -> Picture:
    """What the board says, in the words of the tables."""
    return {
        "members": {
            (queue.queue, member.agent, member.tier, member.paused)
            for queue in board.queues
            for member in queue.members
        },
        "waiting": {queue.queue: queue.waiting for queue in board.queues},
        "registered": {view.agent for view in board.agents if view.registered},
        "talking": {view.agent for view in board.agents if view.call is not None},
    }


async def as_asterisk_says(system: System) -> Picture:
    """`queue show`, `pjsip show contacts`, `core show channels concise`."""
    queues = await system.server.command("queue show")
    contacts = await system.server.command("pjsip show contacts")
    channels = await system.server.command("core show channels concise")
    members, waiting, name = set(), {}, ""
    for line in queues.splitlines():
        if header := re.match(r"(\S+) has (\d+) calls", line):
            name = header[1]
            waiting[name] = int(header[2])
        elif member := re.search(r"\(PJSIP/(\w+)\).*with penalty (\d+)", line):
            members.add((name, member[1], int(member[2]) + 1, "(paused" in line))
    return {
        "members": members,
        "waiting": waiting,
        "registered": set(re.findall(r"^\s*Contact:\s+(\w+)/sip:", contacts, re.MULTILINE)),
        "talking": set(re.findall(r"^PJSIP/(\w+)-[0-9a-f]{8}!", channels, re.MULTILINE)),
    }


async def settled(system: System, **wanted: object) -> Picture:
    """The tables, once they say so."""
    return await eventually(
        lambda: as_asterisk_says(system), lambda told: all(told[name] == value for name, value in wanted.items())
    )


def waiting(system: System, count: int) -> dict[str, int]:
    """In the queue of these tests; nobody is in the other ones."""
    return {
        queue.asterisk_name: count if queue.asterisk_name == system.queue else 0
        for queue in system.centre.queues.values()
    }


async def change_everything(system: System, hand: AmiClient) -> None:
    await log_in(hand, system)
    await hand.action("QueuePause", Interface=f"PJSIP/{AGENT}", Paused="true")


async def live(board: LiveBoard) -> Board:
    """The first picture after the link is back: it must be right at once, not some time later."""
    return await until(board, lambda shown: shown.is_live)


async def gone(board: LiveBoard) -> None:
    await until(board, lambda shown: not shown.is_live)


@pytest.mark.parametrize("fault", ["cut", "half-open"])
async def test_what_changed_in_the_gap_is_on_the_board_when_it_is_back(
    system: System, hand: AmiClient, fault: str
) -> None:
    phone = system.phone()
    async with (
        ami_proxy(system.ports.bind, system.ports.ami) as proxy,
        system.client(proxy.port, QUICK) as client,
        followed(system, client) as board,
        phone.serving(Ignore()),
    ):
        assert as_shown(await live(board)) == await as_asterisk_says(system)

        await _break(proxy, fault)
        await gone(board)
        # Somebody logs in, is paused, and a phone registers, unseen.
        await change_everything(system, hand)
        await phone.register()
        told = await settled(system, registered={AGENT})
        _mend(proxy)
        assert as_shown(await live(board)) == told
        assert told["members"] == {(system.queue, AGENT, 2, True)}

        await _break(proxy, fault)
        await gone(board)
        # A caller comes and the phone rings, unseen.
        await hand.action("QueuePause", Interface=f"PJSIP/{AGENT}", Paused="false")
        await place_call(hand, system, 60)
        told = await settled(system, waiting=waiting(system, 1), talking={AGENT})
        _mend(proxy)
        assert as_shown(await live(board)) == told

        await _break(proxy, fault)
        await gone(board)
        # The caller goes, the agent logs out, the phone is away.
        await system.server.command("channel request hangup all")
        await hand.action("QueueRemove", Queue=system.queue, Interface=f"PJSIP/{AGENT}")
        await phone.register(expires_s=0)
        told = await settled(system, members=set(), waiting=waiting(system, 0), registered=set(), talking=set())
        _mend(proxy)
        assert as_shown(await live(board)) == told


async def test_a_slow_link_is_late_but_right(system: System, hand: AmiClient) -> None:
    phone = system.phone()
    patient = Timing(answer_s=5, connect_s=5, ping_every_s=0.5, pong_s=3)
    async with (
        ami_proxy(system.ports.bind, system.ports.ami) as proxy,
        system.client(proxy.port, patient) as client,
        followed(system, client) as board,
        phone.serving(Answer(after_s=0.1, talk_s=1)),
    ):
        await live(board)
        proxy.delay_s = 0.3
        await log_in(hand, system)
        await phone.register()
        await place_call(hand, system, 60)
        await until(board, lambda shown: bool(as_shown(shown)["talking"]))
        told = await settled(system, waiting=waiting(system, 0), talking=set())
        await until(board, lambda shown: as_shown(shown) == told)
        assert proxy.connections == 1, "slow is not dead"


async def test_an_action_without_an_answer_is_never_sent_again(system: System) -> None:
    """panoramisk sends what was not answered again after a reconnect: an Originate would dial twice."""
    async with (
        ami_proxy(system.ports.bind, system.ports.ami) as proxy,
        system.hand(proxy.port, QUICK) as hand,
    ):
        await hand.wait_connected(10)
        proxy.deaf = True
        with pytest.raises(UnansweredError):
            await log_in(hand, system)
        _mend(proxy)

        async def again() -> int:
            return proxy.connections

        await eventually(again, lambda count: count > 1)
        await hand.wait_connected(10)
        await hand.action("Ping")
        assert bytes(proxy.from_client).count(b"QueueAdd") == 1
        assert (await as_asterisk_says(system))["members"] == {(system.queue, AGENT, 2, False)}


async def _break(proxy: AmiProxy, fault: str) -> None:
    if fault == "cut":
        proxy.refuse = True
        proxy.cut()
    else:
        proxy.mute = True


def _mend(proxy: AmiProxy) -> None:
    proxy.refuse = proxy.mute = proxy.deaf = False
