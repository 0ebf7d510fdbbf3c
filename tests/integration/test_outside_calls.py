"""Calls to numbers outside on a real Asterisk: dialled within what the centre may spend, and not beyond."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from switchboard import System, switchboard

from ivr.adapters.ami.client import AmiClient
from ivr.adapters.runtime.asterisk_config import AsteriskInput
from ivr.domain.centre import Outbound, TransferNumber
from ivr.domain.flow import Destination, Transfer
from ivr.testing.phones import AgentPhone, Answer
from ivr.testing.sipp import find_free_port
from ivr.testing.waiting import eventually

PRICE, MINUTES = 39, 30
BOUNDS = Outbound(calls=2, spend=3000, minutes=MINUTES)
OFFICE = TransferNumber(number="0212345678", label={"ko": "본부"}, price=PRICE)


@pytest.fixture
def port() -> int:
    """Where the trunk for calls going out is."""
    return find_free_port()


@pytest.fixture
async def system(port: int) -> AsyncIterator[System]:
    def with_a_number(given: AsteriskInput) -> AsteriskInput:
        (centre,) = given.centres
        node = Transfer(
            id="away", to=Destination("number", "office"), ring_s=20, busy="bye", no_answer="bye", failed="bye"
        )
        flow = dataclasses.replace(centre.flow, nodes={**centre.flow.nodes, "away": node})
        centre = dataclasses.replace(centre, flow=flow, transfers={"office": OFFICE}, outbound=BOUNDS)
        return dataclasses.replace(given, centres=(centre,), outbound_trunk=f"127.0.0.1:{port}")

    async with switchboard(with_a_number) as running:
        yield running


async def spent(system: System) -> int:
    """What astdb has of today."""
    told = await system.server.command("database show ivr-spend")
    found = re.search(r"/ivr-spend/small\s*:\s*\d{4}-\d\d-\d\d:(\d+)", told)
    return int(found[1]) if found else 0


async def on_disk(system: System) -> int:
    """The same as a killed Asterisk leaves it: it commits up to a second later, and tells nobody."""
    file = system.given.layout.asterisk_lib / "astdb.sqlite3"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        found = database.execute("SELECT value FROM astdb WHERE key = '/ivr-spend/small'").fetchone()
    return int(found[0].partition(":")[2]) if found else 0


async def dial(hand: AmiClient) -> None:
    """A caller whom the flow transfers to the office."""
    await hand.action(
        "Originate",
        Channel="Local/small.number.office@ivr-transfer-out/n",
        Application="Wait",
        Data=60,
        Async="true",
        Variable=["__IVR_TRANSFER_RING=20"],
    )


async def quiet(system: System) -> None:
    await eventually(system.server.count_channels, lambda count: count == 0)


async def test_what_is_not_talked_is_given_back(system: System, port: int) -> None:
    office = AgentPhone(sipp=system.sipp, user="office", password="", port=port)
    async with system.hand() as hand, office.serving(Answer(after_s=0.1, talk_s=2)) as phone:
        await hand.wait_connected(10)
        await dial(hand)
        await eventually(lambda: spent(system), lambda figure: figure == PRICE * MINUTES)
        await quiet(system)
        assert await spent(system) == PRICE, "a started minute"
        assert (await phone.stop()).calls == 1


async def test_a_call_that_dies_with_asterisk_stays_counted(system: System, port: int) -> None:
    office = AgentPhone(sipp=system.sipp, user="office", password="", port=port)
    async with system.hand() as hand, office.serving(Answer(after_s=0.1)):
        await hand.wait_connected(10)
        await dial(hand)
        await eventually(lambda: spent(system), lambda figure: figure == PRICE * MINUTES)
        process = system.server.find()
        assert process is not None
        await eventually(lambda: on_disk(system), lambda figure: figure == PRICE * MINUTES)
        await process.stop(grace_s=0)
        await system.server.start(system.given)
        assert await spent(system) == PRICE * MINUTES


async def test_neither_more_calls_at_once_nor_more_money_than_allowed(system: System, port: int) -> None:
    office = AgentPhone(sipp=system.sipp, user="office", password="", port=port)
    async with system.hand() as hand, office.serving(Answer(after_s=0.1, talk_s=4)) as phone:
        await hand.wait_connected(10)
        # 1170 is set aside for each: two fit into 3000, and two may be under way.
        await asyncio.gather(*(dial(hand) for _ in range(5)))
        await eventually(lambda: spent(system), lambda figure: figure == 2 * PRICE * MINUTES)
        await quiet(system)
        assert await spent(system) == 2 * PRICE
        today = re.search(r"(\d{4}-\d\d-\d\d):", await system.server.command("database show ivr-spend"))
        assert today is not None
        await system.server.command(f"database put ivr-spend small {today[1]}:{BOUNDS.spend - PRICE * MINUTES + 1}")
        await dial(hand)
        await quiet(system)
        assert (await phone.stop()).calls == 2, "the third was one too many, the last one too dear"
        # Yesterday's figure counts no more.
        await system.server.command(f"database put ivr-spend small 2020-01-01:{BOUNDS.spend}")
    async with system.hand() as hand, office.serving(Answer(after_s=0.1, talk_s=1)) as phone:
        await hand.wait_connected(10)
        await dial(hand)
        await eventually(lambda: spent(system), lambda figure: figure > 0)
        await quiet(system)
        assert (await phone.stop()).calls == 1
