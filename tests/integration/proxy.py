"""A way to Postgres that breaks: after so many bytes to or from the server the connection is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    dsn: str
    cut: asyncio.Event


@asynccontextmanager
async def breaking_proxy(dsn: str, *, to_server: int, to_client: int) -> AsyncIterator[Proxy]:
    """Cuts each connection when either number of bytes has gone by; what was sent before arrives."""
    where = urlsplit(dsn)
    cut = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int) -> None:
        while data := await reader.read(min(4096, max(left, 1))):
            if left <= 0:
                cut.set()
                return
            left -= len(data)
            writer.write(data)
            await writer.drain()

    async def serve(client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(where.hostname, where.port)
        writers.extend((client_writer, server_writer))
        pumps = [
            asyncio.create_task(pump(client_reader, server_writer, to_server)),
            asyncio.create_task(pump(server_reader, client_writer, to_client)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for one in pumps:
            one.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for writer in (client_writer, server_writer):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    credentials = where.netloc.rpartition("@")[0]
    try:
        yield Proxy(dsn=urlunsplit(where._replace(netloc=f"{credentials}@127.0.0.1:{port}")), cut=cut)
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


class Wire:
    """A way to Postgres that is steered by hand: open, cut, mute, or slow."""

    def __init__(self, dsn: str) -> None:
        where = urlsplit(dsn)
        self._to = (where.hostname, where.port)
        self._where = where
        self._writers: list[asyncio.StreamWriter] = []
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._muted: list[asyncio.Event] = []
        self._refuses = False
        self._delay_s = 0.0
        self.connections = 0
        self.dsn = ""

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        credentials = self._where.netloc.rpartition("@")[0]
        self.dsn = urlunsplit(self._where._replace(netloc=f"{credentials}@127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for speaks in (*self._muted, self._speaks):
            speaks.set()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Resets every connection and takes no new one."""
        self._refuses = True
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def mute(self) -> None:
        """Nothing goes by any more, and nobody is told: what a cable that was pulled looks like."""
        self._speaks.clear()

    def slow(self, delay_s: float) -> None:
        """Each piece takes so many seconds longer."""
        self._delay_s = delay_s

    def mend(self) -> None:
        """New connections go through; those that were mute stay so for ever."""
        self._refuses, self._delay_s = False, 0.0
        if not self._speaks.is_set():
            self._muted.append(self._speaks)
            self._speaks = asyncio.Event()
            self._speaks.set()

    async def _serve(self, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._refuses:
            client_writer.transport.abort()
            return
        speaks = self._speaks
        self._writers.append(client_writer)
        server_writer = None
        try:
            await speaks.wait()
            server_reader, server_writer = await asyncio.open_connection(*self._to)
            self._writers.append(server_writer)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(client_reader, server_writer, speaks))
                pumps.create_task(self._pump(server_reader, client_writer, speaks))
        except* OSError:
            pass
        finally:
            for writer in (client_writer, server_writer):
                if writer is not None:
                    writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, speaks: asyncio.Event) -> None:
        while data := await reader.read(65536):
            await asyncio.sleep(self._delay_s)
            await speaks.wait()
            writer.write(data)
            await writer.drain()
        writer.close()
