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
