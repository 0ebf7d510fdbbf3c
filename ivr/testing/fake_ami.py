"""An Asterisk manager port that does as it is told: answers, keeps silent, cuts its bytes up, goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

Packet = Mapping[str, str]
Answer = Callable[[Packet], bytes]
"""The action as received -> the bytes to send back; none: silence."""

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def packet(**headers: str) -> bytes:
    """One AMI packet."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"


def success(action: Packet) -> bytes:
    return packet(Response="Success", ActionID=action["ActionID"], Message="Done")


def error(action: Packet) -> bytes:
    return packet(Response="Error", ActionID=action["ActionID"], Message="Permission denied")


def silence(action: Packet) -> bytes:
    return b""


def listing(complete: str, *items: Mapping[str, str]) -> Answer:
    """A list of events, ended by the event `complete`."""

    def answer(action: Packet) -> bytes:
        own = {"ActionID": action["ActionID"]}
        start = packet(Response="Success", **own, EventList="start", Message="A list will follow")
        end = packet(Event=complete, **own, EventList="Complete", ListItems=str(len(items)))
        return start + b"".join(packet(**item, **own) for item in items) + end

    return answer


@dataclass(slots=True)
class FakeAmi:
    """Serves on a free loopback port while entered. `answers` by action name; `default` for the others."""

    banner: bytes = BANNER
    answers: dict[str, Answer] = field(default_factory=dict)
    default: Answer = success
    port: int = 0
    received: list[Packet] = field(default_factory=list)
    connections: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.stop()

    async def start(self) -> None:
        """Listens, on the port of last time if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Listens no more and hangs up."""
        if self._server is not None:
            self._server.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Ends every connection without a word."""
        for writer in self._writers:
            writer.transport.abort()

    def send(self, data: bytes) -> None:
        """To everybody connected, as it is."""
        for writer in self._writers:
            writer.write(data)

    async def got(self, name: str, times: int = 1, within_s: float = 5.0) -> list[Packet]:
        """Waits until the action `name` has come `times` times; gives them. Raises TimeoutError."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: len(self.list_received(name)) >= times)
        return self.list_received(name)

    async def left_alone(self, within_s: float = 5.0) -> None:
        """Waits until nobody is connected. Raises TimeoutError."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: not self._writers)

    def list_received(self, name: str) -> list[Packet]:
        return [action for action in self.received if action.get("Action") == name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            writer.write(self.banner)
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = dict(line.split(": ", 1) for line in text.strip().split("\r\n"))
                async with self._news:
                    self.received.append(action)
                    self._news.notify_all()
                writer.write(self.answers.get(action["Action"], self.default)(action))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went: a normal ending
        finally:
            writer.close()
            async with self._news:
                self._writers.discard(writer)
                self._news.notify_all()
