"""Whole calls: what a caller hears and what the journal says are the same on the fake line and through FastAGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from itertools import cycle
from typing import Any

import pytest

from ivr.adapters.agi.codec import Header
from ivr.adapters.agi.line import AgiLine, Folders, arrival_of
from ivr.adapters.agi.server import AgiConnection
from ivr.adapters.vault import KeyVault
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.testing.caller import FakeLine, moves_from_keys, place_call
from ivr.testing.centres import CLOSED_AT, OPEN_AT, small_centre
from ivr.testing.fake_asterisk import FakeAsterisk
from ivr.testing.worlds import FixedCentres, ManualClock

from .conftest import ENOUGH, serving

CALLER = "01012345678"
VAULT = KeyVault(bytes(range(32)))
SCRIPTS = {
    "agent and survey": (OPEN_AT, ["2", "1", "queue:ANSWERED", "1"]),
    "agent": (OPEN_AT, ["1", "0", "queue:ANSWERED"]),
    "no agents, message": (OPEN_AT, ["2", "7", "-", "0", "queue:JOINEMPTY", "1", "900101#", "1", "1", "talk:2", "1"]),
    "queue, callback": (OPEN_AT, ["1", "1", "queue:KEY:1"]),
    "closed, typed number": (CLOSED_AT, ["1", "900101#", "2", "900102#", "1", "2", "0212345678#", "1", "talk:3", "1"]),
    "closed, two takes": (CLOSED_AT, ["1", "900101", "1", "1", "-", "talk:3", "2", "talk:2", "-", "1"]),
    "cancelled": (CLOSED_AT, ["1", "900101", "1", "1", "talk:3", "3"]),
    "barred": (OPEN_AT, ["2", "3", "0000"]),
    "hang-up in the message": (CLOSED_AT, ["1", "900101", "1", "1", "hangup"]),
    "hang-up in the queue": (OPEN_AT, ["1", "1", "hangup"]),
    "hang-up at once": (OPEN_AT, ["hangup"]),
}


def engine(at: datetime, is_ending: Callable[[], bool] = lambda: False) -> Engine:
    return Engine(centres=FixedCentres((small_centre(),)), vault=VAULT, clock=ManualClock(at), is_ending=is_ending)


async def on_fake_line(at: datetime, keys: list[str], dnis: str = "120") -> FakeLine:
    line = FakeLine(moves=moves_from_keys(keys))
    return await place_call(engine(at), line, Arrival(call="n1-1.0", dnis=dnis, caller=CALLER))


async def on_agi(
    folders: Folders,
    at: datetime,
    keys: list[str],
    dnis: str = "120",
    is_ending: Callable[[], bool] = lambda: False,
    **options: Any,
) -> FakeAsterisk:
    running = engine(at, is_ending)

    async def handler(connection: AgiConnection, header: Header) -> None:
        await running.run(AgiLine(connection, folders), arrival_of(header))

    async with serving(handler) as server:
        channel = FakeAsterisk(
            host=server.host, port=server.port, moves=moves_from_keys(keys), caller=CALLER, **options
        )
        await asyncio.wait_for(channel.place_call(dnis=dnis), ENOUGH)
    return channel


def story(journal: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The notes as ingest sees them, without what differs from run to run."""
    last = {entry["q"]: entry["n"] for entry in journal}
    return [
        {name: "<sealed>" if str(value).startswith("s1.") else value for name, value in note.items()}
        for number in sorted(last)
        for note in last[number]
        if note["k"] != "resume"
    ]


def heard(channel: FakeAsterisk) -> list[str]:
    return [key for key in channel.heard if not key.startswith("beep@")]


@pytest.mark.parametrize("name", SCRIPTS)
async def test_the_same_call_on_both(folders: Folders, name: str) -> None:
    at, keys = SCRIPTS[name]
    fake, agi = await on_fake_line(at, keys), await on_agi(folders, at, keys)
    assert story(agi.journal) == story(fake.journal)
    assert heard(agi) == fake.heard
    assert (agi.answered, agi.hung_up) == (fake.answered, fake.hung_up)
    assert agi.moves == fake.moves


async def test_an_unknown_number(folders: Folders) -> None:
    fake, agi = await on_fake_line(OPEN_AT, [], dnis="999"), await on_agi(folders, OPEN_AT, [], dnis="999")
    assert story(agi.journal) == story(fake.journal)
    assert heard(agi) == fake.heard


@pytest.mark.parametrize("name", ["no agents, message", "closed, two takes", "agent and survey"])
async def test_a_hang_up_in_any_command_ends_the_call_once(folders: Folders, name: str) -> None:
    at, keys = SCRIPTS[name]
    whole = len((await on_agi(folders, at, keys)).commands)
    for number in range(whole):
        channel = await on_agi(folders, at, keys, hang_up_at=number, call_id=f"n2-{number}.0")
        ends = [note for note in story(channel.journal) if note["k"] == "end"]
        # Before the answer and on the way to a queue it is Asterisk's own hang-up that ends the call.
        without_us = channel.commands[-1].startswith(("ANSWER", "NOOP", "EXEC MSet"))
        assert len(ends) == (0 if without_us else 1), f"hung up in {channel.commands[number]}"


@pytest.mark.parametrize("name", ["no agents, message", "closed, two takes", "agent and survey", "queue, callback"])
async def test_a_connection_lost_at_any_command_changes_nothing_for_the_caller(folders: Folders, name: str) -> None:
    at, keys = SCRIPTS[name]
    calm = await on_agi(folders, at, keys)
    for number in range(len(calm.commands)):
        channel = await on_agi(folders, at, keys, drop_at=number, call_id=f"n2-{number}.0")
        told = [{**note, "file": "", "talk_file": ""} for note in story(channel.journal)]
        assert told == [{**note, "file": "", "talk_file": ""} for note in story(calm.journal)], f"lost at {number}"
        assert channel.answered
        assert channel.variables["IVR_NEXT"] == "done"


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_call_that_another_controller_goes_on_with_at_every_step_is_the_same_to_the_caller(
    folders: Folders, name: str
) -> None:
    at, keys = SCRIPTS[name]
    calm = await on_agi(folders, at, keys)
    one_step_each = cycle([False, True])
    channel = await on_agi(folders, at, keys, is_ending=lambda: next(one_step_each), call_id="n2-1.0")
    assert heard(channel) == heard(calm)
    told, known = ([{**note, "file": "", "talk_file": ""} for note in story(each.journal)] for each in (channel, calm))
    assert told == known
    assert sum(line == 'SET VARIABLE IVR_NEXT "again"' for line in channel.commands) >= min(2, len(keys) - 1)


async def test_nothing_personal_is_in_any_command(folders: Folders) -> None:
    at, keys = SCRIPTS["closed, typed number"]
    channel = await on_agi(folders, at, keys)
    sent = "\n".join(channel.commands) + repr(channel.journal)
    assert not [text for text in (CALLER, "900101", "900102", "0212345678") if text in sent]
