"""Lines to run the same suite on: the fake, and AgiLine over FastAGI and as a local AGI with a fake Asterisk behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ivr.adapters.agi.codec import Header
from ivr.adapters.agi.line import AgiLine, Folders
from ivr.adapters.agi.local import LocalConnection
from ivr.adapters.agi.server import AgiConnection, AgiServer
from ivr.domain.actions import Dial, Wait
from ivr.domain.saying import keys as spoken_keys
from ivr.engine.agent_desk import CONFIRMATIONS
from ivr.engine.ports import Line
from ivr.engine.session import NOT_IN_SERVICE
from ivr.testing.caller import FakeLine, moves_from_keys
from ivr.testing.centres import prompt_keys, small_centre
from ivr.testing.fake_asterisk import FakeAsterisk, write_prompts

LANGUAGES = ("ko", "en")
ENOUGH = 10.0
"""Seconds after which a call that does not end has failed."""


Talk = Callable[[Line], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Seen:
    """What became of a line, in the same words for both."""

    heard: list[str]
    journal: list[dict[str, Any]]
    answered: bool
    state: str
    queue: str
    transfer: str
    done: bool
    let_go: bool


@dataclass(slots=True, kw_only=True)
class FakeWorld:
    """Runs a talk on FakeLine."""

    recordings: Path

    async def talk(self, body: Talk, *keys: str) -> Seen:
        line = FakeLine(moves=moves_from_keys(keys))
        await body(line)
        return Seen(
            heard=line.heard,
            journal=line.journal,
            answered=line.answered,
            state=line.state,
            queue=line.waiting.queue if isinstance(line.waiting, Wait) else "",
            transfer=line.waiting.target if isinstance(line.waiting, Dial) else "",
            done=line.done,
            let_go=bool(line.passed_on),
        )


@dataclass(slots=True, kw_only=True)
class AgiWorld:
    """Runs a talk on AgiLine, AgiServer and FakeAsterisk."""

    folders: Folders
    asterisk: FakeAsterisk = field(init=False)

    @property
    def recordings(self) -> Path:
        return self.folders.recordings

    async def talk(self, body: Talk, *keys: str, **options: Any) -> Seen:
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def handler(connection: AgiConnection, header: Header) -> None:
            try:
                await body(AgiLine(connection, self.folders))
                outcome.set_result(None)
            except BaseException as error:
                outcome.set_exception(error)

        async with AgiServer(host="127.0.0.1", port=0, handlers={"call": handler}) as server:
            channel = FakeAsterisk(host=server.host, port=server.port, moves=moves_from_keys(keys), **options)
            self.asterisk = channel
            await asyncio.wait_for(channel.request("call"), ENOUGH)
            await asyncio.wait_for(outcome, ENOUGH)
        return seen_on(channel)


class LocalWorld(AgiWorld):
    """Runs a talk on AgiLine and LocalConnection; FakeAsterisk is in a thread, for this side blocks."""

    async def talk(self, body: Talk, *keys: str, **options: Any) -> Seen:
        channel = self.asterisk = FakeAsterisk(program=("ivr-local",), moves=moves_from_keys(keys), **options)
        ours, theirs = socket.socketpair()
        before = signal.getsignal(signal.SIGHUP)
        try:
            with ThreadPoolExecutor(1) as other_side:
                asterisk = other_side.submit(asyncio.run, _converse(channel, theirs))
                with (
                    ours,
                    ours.makefile("r", encoding="utf-8") as stdin,
                    ours.makefile("w", encoding="utf-8") as stdout,
                ):
                    await body(AgiLine(LocalConnection(stdin, stdout), self.folders))
                asterisk.result(ENOUGH)
        finally:
            signal.signal(signal.SIGHUP, before)
        return seen_on(channel)


async def _converse(channel: FakeAsterisk, own: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=own)
    try:
        await channel.converse(reader, writer, channel.header("call", ()), lambda: os.kill(os.getpid(), signal.SIGHUP))
    finally:
        writer.close()


def seen_on(channel: FakeAsterisk) -> Seen:
    variables = channel.variables
    return Seen(
        heard=[key for key in channel.heard if not key.startswith("beep@")],
        journal=channel.journal,
        answered=channel.answered,
        state=variables.get("IVR_STATE", ""),
        queue=variables.get("IVR_QUEUE", "") if variables.get("IVR_NEXT") == "queue" else "",
        transfer=variables.get("IVR_TRANSFER", "") if variables.get("IVR_NEXT") == "transfer" else "",
        done=variables.get("IVR_NEXT") == "done",
        let_go=variables.get("IVR_NEXT") == "again",
    )


World = FakeWorld | AgiWorld


DESK = {"agent_unknown", *CONFIRMATIONS.values()}


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every prompt that the tests can ask for; shared, so not to be changed."""
    folder = tmp_path_factory.mktemp("prompts")
    names = {"a", "b", "beep", NOT_IN_SERVICE} | DESK | prompt_keys(small_centre())
    for language in LANGUAGES:
        write_prompts(folder, names | spoken_keys(language), [language])
    return folder


@pytest.fixture
def folders(tmp_path: Path, prompts: Path) -> Folders:
    found = Folders(prompts=prompts, recordings=tmp_path / "recordings", spoken=tmp_path / "spoken")
    found.recordings.mkdir()
    return found


WORLDS = {"agi": AgiWorld, "local": LocalWorld}


@pytest.fixture(params=WORLDS)
def agi(request: pytest.FixtureRequest, folders: Folders) -> AgiWorld:
    return WORLDS[request.param](folders=folders)


@pytest.fixture(params=["fake", *WORLDS])
def world(request: pytest.FixtureRequest, folders: Folders) -> World:
    if request.param == "fake":
        return FakeWorld(recordings=folders.recordings)
    return WORLDS[request.param](folders=folders)


@asynccontextmanager
async def serving(handler: Callable[[AgiConnection, Header], Awaitable[None]]) -> AsyncIterator[AgiServer]:
    async with AgiServer(host="127.0.0.1", port=0, handlers={"call": handler, "agent": handler}) as server:
        yield server
