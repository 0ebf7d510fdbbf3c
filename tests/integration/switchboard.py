"""A real Asterisk with one queue and a board that follows it, for tests of the AMI link."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ivr.adapters.ami.client import AmiClient, Timing
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
from ivr.engine.board import AgentView, Board, LiveBoard, QueueView
from ivr.engine.centres import LiveCentres
from ivr.settings import Settings
from ivr.testing.centres import small_centre
from ivr.testing.phones import AgentPhone
from ivr.testing.sipp import Sipp, find_free_port

AGENT = "2001"
"""Second tier: the calls of these tests enter as those that the first tier handed on."""
WRAP_UP_S = 4
CONFIG = Path(__file__).parents[2] / "asterisk-config"
PATIENT = Timing()
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

    def client(self, port: int = 0, timing: Timing = PATIENT) -> AmiClient:
        """As a controller connects, perhaps through another port."""
        return AmiClient(
            host=self.ports.bind, port=port or self.ports.ami, username=AMI_USER, secret=self.secrets.ami, timing=timing
        )

    def hand(self, port: int = 0, timing: Timing = PATIENT) -> AmiClient:
        return AmiClient(
            host=self.ports.bind, port=port or self.ports.ami, username=HAND, secret=self.secrets.ami, timing=timing
        )

    def phone(self) -> AgentPhone:
        return AgentPhone(sipp=self.sipp, user=AGENT, password=self.secrets.agents[AGENT], port=find_free_port())


@asynccontextmanager
async def switchboard(alter: Callable[[AsteriskInput], AsteriskInput] = lambda given: given) -> AsyncIterator[System]:
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
    given = alter(AsteriskInput(centres=(centre,), secrets=secrets, ports=ports, layout=layout))
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
