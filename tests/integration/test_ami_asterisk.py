"""The live board against a real Asterisk, and pyst2 as a second, independent pair of eyes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asterisk.manager import Manager as Pyst2Manager
from switchboard import AGENT, System, agent, followed, log_in, place_call, queue, switchboard, until

from ivr.adapters.ami.client import AmiClient
from ivr.adapters.ami.link import RefusedError
from ivr.adapters.runtime.asterisk_config import AMI_USER
from ivr.engine.board import AgentState, Board, LiveBoard
from ivr.testing.phones import Answer


@pytest.fixture
async def system() -> AsyncIterator[System]:
    async with switchboard() as running:
        yield running


def timeless(shown: Board) -> Board:
    queues = tuple(dataclasses.replace(view, longest_wait_s=0.0) for view in shown.queues)
    return dataclasses.replace(shown, as_of=shown.as_of.min, queues=queues)


async def test_the_board_follows_an_agent_and_a_caller(system: System):
    phone = system.phone()
    async with system.client() as client, system.hand() as hand, followed(system, client) as board:
        await hand.wait_connected(10)
        shown = await until(board, lambda shown: shown.is_live)
        assert (agent(shown).registered, agent(shown).logged_in) == (False, False)

        await log_in(hand, system)
        shown = await until(board, lambda shown: agent(shown).logged_in)
        assert agent(shown).state is AgentState.UNAVAILABLE
        assert queue(shown, system).members[0].tier == 2

        async with phone.serving(Answer(after_s=1.5)):
            await phone.register()
            shown = await until(board, lambda shown: agent(shown).registered)
            assert (agent(shown).state, queue(shown, system).free) == (AgentState.NOT_IN_USE, 1)

            await hand.action("QueuePause", Interface=f"PJSIP/{AGENT}", Paused="true")
            shown = await until(board, lambda shown: agent(shown).paused)
            assert queue(shown, system).free == 0
            await hand.action("QueuePause", Interface=f"PJSIP/{AGENT}", Paused="false")
            await until(board, lambda shown: not agent(shown).paused)

            await place_call(hand, system, 3)
            ringing = await until(board, lambda shown: agent(shown).state is AgentState.RINGING)
            assert queue(ringing, system).waiting == 1
            await _same_after_reading_anew(board, client, ringing)

            talking = await until(
                board, lambda shown: agent(shown).state is AgentState.IN_USE and not queue(shown, system).waiting
            )
            assert agent(talking).call == agent(ringing).call is not None
            await _same_after_reading_anew(board, client, talking)

            wrapping = await until(board, lambda shown: queue(shown, system).members[0].wrap_up_until is not None)
            assert (agent(wrapping).state, queue(wrapping, system).free) == (AgentState.NOT_IN_USE, 0)

            await place_call(hand, system, 1)
            waiting = await until(board, lambda shown: queue(shown, system).waiting == 1)
            assert agent(waiting).call is None, "rung during wrap-up"
            await _same_after_reading_anew(board, client, waiting)
            connected = await until(board, lambda shown: agent(shown).state is AgentState.IN_USE)
            assert queue(connected, system).waiting == 0
            await until(board, lambda shown: agent(shown).state is AgentState.NOT_IN_USE)

            await phone.register(expires_s=0)
            await until(board, lambda shown: not agent(shown).registered)
        await hand.action("QueueRemove", Queue=system.queue, Interface=f"PJSIP/{AGENT}")
        await until(board, lambda shown: not agent(shown).logged_in)


async def _same_after_reading_anew(board: LiveBoard, client: AmiClient, shown: Board) -> None:
    """What was followed event by event is what Asterisk says when asked for the whole."""
    client.drop("a test")
    await until(board, lambda shown: not shown.is_live)
    anew = timeless(await until(board, lambda shown: shown.is_live))
    assert anew.queues == timeless(shown).queues
    # Not the call: that of this test's caller is a Local channel, and its half in the queue has an id of its own.
    assert [view.state for view in anew.agents] == [view.state for view in shown.agents]
    assert [view.call is None for view in anew.agents] == [view.call is None for view in shown.agents]


async def test_asterisk_restarted_is_read_anew(system: System):
    async with system.client() as client, system.hand() as hand, followed(system, client) as board:
        await client.wait_connected(10)
        await hand.wait_connected(10)
        await log_in(hand, system)
        await until(board, lambda shown: agent(shown).logged_in)
        await system.server.stop()
        lost = await until(board, lambda shown: not shown.is_live)
        assert agent(lost).logged_in
        await system.server.start(system.given)
        await until(board, lambda shown: shown.is_live and agent(shown).logged_in)


async def test_nothing_is_allowed_that_is_not_needed(system: System):
    async with system.client() as client:
        await client.wait_connected(10)
        for name, headers in (
            ("Command", {"Command": "core show version"}),
            ("Reload", {}),
            ("GetConfig", {"Filename": "manager.conf"}),
            ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
            ("Originate", {"Channel": "PJSIP/2001", "Application": "Wait", "Data": "1"}),
            ("Redirect", {"Channel": "PJSIP/2001-00000001", "Context": "ivr", "Exten": "120", "Priority": "1"}),
            ("Hangup", {"Channel": "PJSIP/2001-00000001"}),
            ("Setvar", {"Variable": "IVR_AGI", "Value": "192.0.2.1:4573"}),
            ("QueueAdd", {"Queue": system.queue, "Interface": "PJSIP/2001"}),
            ("QueuePause", {"Interface": "PJSIP/2001", "Paused": "true"}),
        ):
            with pytest.raises(RefusedError, match="Permission denied"):
                await client.action(name, **headers)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pyst2 names threads' methods by their old names
async def test_pyst2_sees_the_same_queues(system: System):
    async with system.client() as client, system.hand() as hand:
        await client.wait_connected(10)
        await hand.wait_connected(10)
        await log_in(hand, system)
        theirs = await asyncio.to_thread(_queue_status_by_pyst2, system)
        ours = [dict(item) for item in await client.list_action("QueueStatus")]
    assert [item["Event"] for item in ours].count("QueueMember") == 1
    assert [_comparable(item) for item in ours] == [_comparable(item) for item in theirs]


def _comparable(item: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in item.items() if name not in ("ActionID", "content")}


def _queue_status_by_pyst2(system: System) -> list[dict[str, str]]:
    manager = Pyst2Manager()
    manager.connect(system.ports.bind, system.ports.ami)
    try:
        manager.login(AMI_USER, system.secrets.ami)
        # It takes a whole status list for one message; its lines are as they came.
        lines = "".join(manager.send_action({"Action": "QueueStatus"}).response)
    finally:
        manager.close()
    packets = [packet.strip() for packet in lines.split("\r\n\r\n")]
    return [
        {name: value.strip() for name, _, value in (line.partition(":") for line in packet.split("\r\n"))}
        for packet in packets
        if packet.startswith("Event: ") and "QueueStatusComplete" not in packet
    ]
