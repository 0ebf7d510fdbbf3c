"""The live board against a real Asterisk, and pyst2 as a second, independent pair of eyes."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asterisk.manager import Manager as Pyst2Manager

from ivr.adapters.ami.client import AmiClient
from ivr.adapters.ami.link import RefusedError
from ivr.adapters.ami.switch import AmiSwitch
from ivr.adapters.clock import SystemClock
from ivr.adapters.runtime.asterisk import AsteriskServer
from ivr.adapters.runtime.asterisk_config import AMI_USER, AsteriskInput
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.ports import Ports, find_free_ports
from ivr.adapters.runtime.process import find_account
from ivr.adapters.runtime.secrets import Secrets, load_secrets
from ivr.adapters.runtime.toolchain import get_asterisk, get_sipp
from ivr.domain.centre import Centre
from ivr.engine.board import AgentState, AgentView, Board, LiveBoard, QueueView
from ivr.engine.centres import LiveCentres
from ivr.settings import Settings
from ivr.testing.centres import small_centre
from ivr.testing.phones import AgentPhone, Answer
from ivr.testing.sipp import Sipp, find_free_port

AGENT = "2001"
"""Second tier: the calls of these tests enter as those that the first tier handed on."""
WRAP_UP_S = 4
CONFIG = Path(__file__).parents[2] / "asterisk-config"
HAND = "hand"
"""An AMI user of these tests, who may do what the controllers' own may not: place calls, log agents in."""
HAND_USER = f"""
[{HAND}]
secret = {{{{ ami_secret }}}}
permit = 127.0.0.1/255.255.255.255
write = call,agent,originate
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A running Asterisk."""

    centre: Centre
    ports: Ports
    secrets: Secrets
    sipp: Sipp
    server: AsteriskServer
    given: AsteriskInput

    @property
    def queue(self) -> str:
        return self.centre.queues["pension"].asterisk_name

    def client(self) -> AmiClient:
        return AmiClient(host=self.ports.bind, port=self.ports.ami, username=AMI_USER, secret=self.secrets.ami)

    def hand(self) -> AmiClient:
        return AmiClient(host=self.ports.bind, port=self.ports.ami, username=HAND, secret=self.secrets.ami)

    def phone(self) -> AgentPhone:
        return AgentPhone(sipp=self.sipp, user=AGENT, password=self.secrets.agents[AGENT], port=find_free_port())


@pytest.fixture
async def system() -> AsyncIterator[System]:
    # Not pytest's folder: the unprivileged user cannot go through that of root.
    var = Path(tempfile.mkdtemp(prefix="ivr-ami-", dir="/tmp"))
    layout, account, ports = Layout(var=var), find_account("nobody"), find_free_ports()
    layout.create(account)
    centre = small_centre()
    queues = {name: dataclasses.replace(queue, wrap_up_s=WRAP_UP_S) for name, queue in centre.queues.items()}
    centre = dataclasses.replace(centre, queues=queues)
    secrets = load_secrets(layout, centre.agents)
    cache = Settings().cache
    sipp = Sipp(command=get_sipp(cache), server=f"{ports.bind}:{ports.sip}", work=var)
    source = var / "asterisk-config"
    shutil.copytree(CONFIG, source)
    with (source / "templates/manager.conf.j2").open("a", encoding="utf-8") as manager:
        manager.write(HAND_USER)
    server = AsteriskServer(layout=layout, program=get_asterisk(cache), source=source, node="n1", account=account)
    given = AsteriskInput(centres=(centre,), secrets=secrets, ports=ports, layout=layout)
    try:
        await server.start(given)
        yield System(centre=centre, ports=ports, secrets=secrets, sipp=sipp, server=server, given=given)
    finally:
        await server.stop()
        shutil.rmtree(var, ignore_errors=True)


@asynccontextmanager
async def followed(system: System, client: AmiClient) -> AsyncIterator[LiveBoard]:
    clock = SystemClock()
    board = LiveBoard(switch=AmiSwitch(client, clock), centres=LiveCentres([system.centre]), clock=clock)
    running = asyncio.create_task(board.run())
    try:
        yield board
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(board: LiveBoard, holds: Callable[[Board], bool], within_s: float = 10.0) -> Board:
    try:
        async with asyncio.timeout(within_s):
            while not holds(shown := board.snapshot):
                await board.wait_newer(board.revision)
    except TimeoutError:
        raise AssertionError(f"the board never got there: {board.snapshot}") from None
    return shown


def agent(shown: Board) -> AgentView:
    view = shown.find_agent(AGENT)
    assert view is not None
    return view


def queue(shown: Board, system: System) -> QueueView:
    view = shown.find_queue(system.queue)
    assert view is not None
    return view


async def place_call(hand: AmiClient, system: System, seconds: int) -> None:
    """A caller in the queue without a trunk: gone `seconds` after an agent answered."""
    await hand.action(
        "Originate",
        Channel="Local/*20@ivr-transfers/n",
        Application="Wait",
        Data=seconds,
        Async="true",
        # Two underscores: the half of the Local channel that enters the queue inherits them.
        Variable=["__IVR_DNIS=120", f"__IVR_QUEUE={system.queue}", "__IVR_QUEUE_TIMEOUT=60"],
    )


async def log_in(hand: AmiClient, system: System) -> None:
    await hand.action(
        "QueueAdd",
        Queue=system.queue,
        Interface=f"PJSIP/{AGENT}",
        StateInterface=f"PJSIP/{AGENT}",
        MemberName="이둘",
        Penalty=1,
    )


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
