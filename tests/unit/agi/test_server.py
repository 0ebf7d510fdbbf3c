"""The FastAGI listener with real sockets: what strangers do to it must not touch anybody's call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest

from ivr.adapters.agi.codec import Header
from ivr.adapters.agi.server import HEADER_SECONDS, AgiConnection, AgiServer, Handler
from ivr.errors import HungUp, OperatorError, PeerError

HEADER = b"agi_network: yes\nagi_network_script: %s\nagi_uniqueid: n1-1.0\nagi_callerid: 01012345678\n\n"
ENOUGH = 5.0
"""Seconds after which a test that waits for something has failed."""


class Peer:
    """A client that says exactly what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def line(self) -> bytes:
        return await asyncio.wait_for(self.reader.readline(), ENOUGH)

    async def closed(self) -> None:
        """Until the server has closed."""
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(self.reader.read(), ENOUGH) == b""

    async def leave(self) -> None:
        self.writer.write_eof()
        await self.writer.drain()


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[AgiServer]:
    async with AgiServer(host="127.0.0.1", port=0, handlers={"call": handler}) as running:
        yield running


@asynccontextmanager
async def connected(to: AgiServer, script: bytes | None = b"call") -> AsyncIterator[Peer]:
    peer = Peer(*await asyncio.open_connection(to.host, to.port))
    try:
        if script is not None:
            await peer.say(HEADER % script)
        yield peer
    finally:
        peer.writer.close()
        with suppress(ConnectionError):
            await peer.writer.wait_closed()


class Ended:
    """A handler that runs `body` and tells how it ended."""

    def __init__(self, body: Callable[[AgiConnection], Awaitable[object]]) -> None:
        self._body = body
        self.outcome: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def __call__(self, connection: AgiConnection, header: Header) -> None:
        try:
            self.outcome.set_result(await self._body(connection))
        except BaseException as error:
            self.outcome.set_result(error)
            raise

    async def result(self) -> object:
        return await asyncio.wait_for(asyncio.shield(self.outcome), ENOUGH)


async def noop(connection: AgiConnection) -> object:
    return await connection.execute("NOOP")


async def test_a_command_and_its_reply() -> None:
    ended = Ended(noop)
    async with server(ended) as running, connected(running) as peer:
        assert await peer.line() == b"NOOP\n"
        await peer.say(b"200 result=7\n")
        assert getattr(await ended.result(), "result", None) == "7"
        await peer.closed()


async def test_the_port_is_told_and_a_taken_one_is_the_operators_matter() -> None:
    async with server(Ended(noop)) as running:
        assert running.port > 0
        with pytest.raises(OperatorError, match=f"127.0.0.1:{running.port}"):
            async with AgiServer(host="127.0.0.1", port=running.port, handlers={}):
                pass


@pytest.mark.parametrize("said", [b"", b"agi_netw", b"agi_network: yes\n"])
async def test_connecting_and_closing_disturbs_nobody(said: bytes) -> None:
    ended = Ended(noop)
    async with server(ended) as running, connected(running) as caller:
        await caller.line()
        for _ in range(20):
            async with connected(running, script=None) as stranger:
                await stranger.say(said)
        await caller.say(b"200 result=1\n")
        assert getattr(await ended.result(), "result", None) == "1"


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\n\n", bytes(range(256)), b"agi_x: " + b"y" * 20_000, b"\x00" * 20_000]
)
async def test_garbage_is_refused_and_counted(garbage: bytes) -> None:
    async with server(Ended(noop)) as running, connected(running, script=None) as peer:
        await peer.say(garbage)
        await peer.closed()
        assert running.refused == 1


async def test_an_unknown_script_is_refused_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    async with server(Ended(noop)) as running, connected(running, script=b"backdoor") as peer:
        await peer.closed()
        assert running.refused == 1
    assert "01012345678" not in caplog.text


async def test_a_script_may_have_a_query() -> None:
    ended = Ended(noop)
    async with server(ended) as running, connected(running, script=b"call?a=b") as peer:
        assert await peer.line() == b"NOOP\n"


def test_a_header_that_never_ends_is_given_up(virtual_time: Callable[..., Any]) -> None:
    async def slow() -> float:
        loop = asyncio.get_running_loop()
        async with server(Ended(noop)) as running, connected(running, script=None) as peer:
            began = loop.time()
            await peer.say(b"agi_network: yes\n")
            await peer.reader.read()
            assert running.refused == 1
            return loop.time() - began

    assert virtual_time(slow()) == pytest.approx(HEADER_SECONDS, abs=0.1)


def test_a_reply_may_take_as_long_as_a_recording(virtual_time: Callable[..., Any]) -> None:
    async def patient() -> object:
        ended = Ended(noop)
        async with server(ended) as running, connected(running) as peer:
            await peer.reader.readline()
            await asyncio.get_running_loop().create_task(asyncio.sleep(600))  # virtual: the caller speaks
            await peer.say(b"200 result=0\n")
            return await ended.outcome

    assert getattr(virtual_time(patient()), "result", None) == "0"


@pytest.mark.parametrize("said", [b"", b"200 resu", b"HANGUP\n", b"520-Invalid\nUsage"])
async def test_an_end_in_mid_command_is_a_peer_error(said: bytes) -> None:
    ended = Ended(noop)
    async with server(ended) as running, connected(running) as peer:
        await peer.line()
        await peer.say(said)
        await peer.leave()
        assert isinstance(await ended.result(), PeerError)


async def test_a_reset_is_a_peer_error() -> None:
    ended = Ended(noop)
    async with server(ended) as running, connected(running) as peer:
        await peer.line()
        peer.writer.transport.abort()
        assert isinstance(await ended.result(), PeerError)


async def test_garbage_for_a_reply_is_a_peer_error() -> None:
    ended = Ended(noop)
    async with server(ended) as running, connected(running) as peer:
        await peer.line()
        await peer.say(b"what?\n")
        assert isinstance(await ended.result(), PeerError)


@pytest.mark.parametrize("reply", [b"510 Invalid or unknown command\n", b"520-No\nUsage\n520 End\n"])
async def test_a_refused_command_is_a_peer_error_that_names_it(reply: bytes) -> None:
    ended = Ended(noop)
    async with server(ended) as running, connected(running) as peer:
        await peer.line()
        await peer.say(reply)
        error = await ended.result()
        assert isinstance(error, PeerError)
        assert "NOOP" in str(error)


async def test_a_dead_channel_is_a_hang_up() -> None:
    ended = Ended(noop)
    async with server(ended) as running, connected(running) as peer:
        await peer.line()
        await peer.say(b"HANGUP\n511 Command Not Permitted on a dead channel\n")
        assert isinstance(await ended.result(), HungUp)
        await peer.closed()


async def test_a_hangup_notice_is_remembered_and_answers_nothing() -> None:
    async def two(connection: AgiConnection) -> object:
        return (
            await connection.execute("NOOP"),
            connection.hung_up,
            await connection.execute("NOOP"),
            connection.hung_up,
        )

    ended = Ended(two)
    async with server(ended) as running, connected(running) as peer:
        await peer.line()
        await peer.say(b"200 result=1\nHANGUP\n")
        await peer.line()
        await peer.say(b"200 result=2\n")
        result = await ended.result()
        assert isinstance(result, tuple)
        assert (result[0].result, result[2].result, result[3]) == ("1", "2", True)


async def test_a_fault_in_a_handler_ends_its_own_session_only(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(connection: AgiConnection, header: Header) -> None:
        raise LookupError("a fault of ours")

    ended = Ended(noop)
    async with (
        AgiServer(host="127.0.0.1", port=0, handlers={"call": ended, "broken": broken}) as running,
        connected(running) as peer,
        connected(running, script=b"broken") as other,
    ):
        await peer.line()
        await other.closed()
        await peer.say(b"200 result=1\n")
        assert getattr(await ended.result(), "result", None) == "1"
    assert "AGI session failed" in caplog.text
    assert "01012345678" not in caplog.text


async def test_shutting_down_ends_every_session() -> None:
    ended = Ended(noop)
    running = AgiServer(host="127.0.0.1", port=0, handlers={"call": ended})
    shutdown = AsyncExitStack()
    await shutdown.enter_async_context(running)
    async with shutdown, connected(running) as peer:
        await peer.line()
        assert running.live == 1
        await shutdown.aclose()
        assert isinstance(await ended.result(), asyncio.CancelledError)
        assert running.live == 0
        await peer.closed()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(running.host, running.port)


async def test_draining_takes_nobody_new_and_waits_for_those_it_has() -> None:
    ended = Ended(noop)
    async with server(ended) as running, connected(running) as peer:
        await peer.line()
        draining = asyncio.create_task(running.drain(within_s=60.0))
        await asyncio.sleep(0)  # it closes the port first
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(running.host, running.port)
        assert not draining.done()
        await peer.say(b"200 result=1\n")
        assert await asyncio.wait_for(draining, ENOUGH) == 0


def test_draining_drops_who_takes_too_long(virtual_time: Callable[..., Any]) -> None:
    async def patient() -> float:
        async with server(Ended(noop)) as running, connected(running) as peer:
            await peer.reader.readline()
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert await running.drain(within_s=20.0) == 1
            return loop.time() - began

    assert virtual_time(patient()) == pytest.approx(20.0, abs=0.1)


async def test_many_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    async def echo(connection: AgiConnection, header: Header) -> None:
        for _ in range(5):
            await connection.execute("NOOP")

    async def call(running: AgiServer) -> int:
        heard = 0
        async with connected(running) as peer:
            while await peer.line():
                heard += 1
                await peer.say(b"200 result=0\n")
        return heard

    async with server(echo) as running:
        assert await asyncio.gather(*(call(running) for _ in range(50))) == [5] * 50
        assert running.live == 0
    assert not caplog.records
