"""A way to Asterisk's AMI that misbehaves: cut, mute in one direction or both, slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class AmiProxy:
    """`port` leads to Asterisk. What is set holds for connections under way and to come."""

    port: int = 0
    mute: bool = False
    """Nothing passes any more, and nobody is told: a half-open connection."""
    deaf: bool = False
    """What Asterisk says does not pass; what it is told does."""
    delay_s: float = 0.0
    """Seconds that each piece is late."""
    refuse: bool = False
    """New connections end at once."""
    connections: int = 0
    from_client: bytearray = field(default_factory=bytearray)
    """All that was ever sent towards Asterisk."""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def cut(self) -> None:
        """Every connection under way ends, in both directions."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


@asynccontextmanager
async def ami_proxy(host: str, ami_port: int) -> AsyncIterator[AmiProxy]:
    proxy = AmiProxy()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, of_client: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(4096):
                if proxy.delay_s:
                    await asyncio.sleep(proxy.delay_s)
                if proxy.mute or (proxy.deaf and not of_client):
                    continue
                if of_client:
                    proxy.from_client += data
                writer.write(data)
                await writer.drain()

    async def serve(client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        if proxy.refuse:
            client_writer.transport.abort()
            return
        reader, writer = await asyncio.open_connection(host, ami_port)
        proxy._writers.extend((client_writer, writer))
        pumps = [
            asyncio.create_task(pump(client_reader, writer, of_client=True)),
            asyncio.create_task(pump(reader, client_writer, of_client=False)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for one in pumps:
            one.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for each in (client_writer, writer):
            each.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
