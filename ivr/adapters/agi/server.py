"""The FastAGI listener: one session a connection, every wait bounded, nonsense refused without harm to other calls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field
from typing import Self, cast

from ivr.adapters.agi.codec import (
    Decoder,
    HangupNotice,
    Header,
    Message,
    ProtocolError,
    Reply,
    command,
)
from ivr.adapters.agi.connection import DEAD, P, T, accepted
from ivr.errors import HungUp, IvrError, OperatorError, PeerError

log = logging.getLogger(__name__)

HEADER_SECONDS = 5.0
"""A peer that has not sent its header by then is no Asterisk."""
READ_BYTES = 16_384


class AgiConnection:
    """Implements `ivr.adapters.agi.connection.Connection` over a socket."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, header_s: float = HEADER_SECONDS
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._header_s = header_s
        self._decoder = Decoder()
        self._ready: list[Message] = []
        self.hung_up = False

    async def header(self) -> Header:
        """The first message. Raises ProtocolError, PeerError (closed) or TimeoutError."""
        async with asyncio.timeout(self._header_s):
            message = await self._next()
        if not isinstance(message, Header):
            raise ProtocolError("no header")
        return message

    async def execute(self, *words: str | int) -> Reply:
        try:
            self._writer.write(command(*words))
            await self._writer.drain()
        except ConnectionError as error:
            raise PeerError("Asterisk closed the AGI connection") from error
        while True:
            try:
                message = await self._next()
            except ProtocolError as error:
                raise PeerError("Asterisk sent something that is no AGI reply") from error
            if isinstance(message, HangupNotice):
                self.hung_up = True
            elif isinstance(message, Reply):
                self.hung_up = self.hung_up or message.code == DEAD
                return accepted(message, words[0])

    async def aside(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(work, *args, **kwargs)

    async def _next(self) -> Message:
        while not self._ready:
            try:
                data = await self._reader.read(READ_BYTES)
            except ConnectionError as error:
                raise PeerError("Asterisk closed the AGI connection") from error
            if not data:
                raise PeerError("Asterisk closed the AGI connection")
            self._ready.extend(self._decoder.feed(data))
        return self._ready.pop(0)


Handler = Callable[[AgiConnection, Header], Awaitable[None]]


@dataclass(slots=True)
class AgiServer:
    """Serves `agi://host:port/<script>` by the handler of that name. Raises OperatorError when it cannot listen."""

    host: str
    port: int
    """0: any free one; once entered, the one that it is."""
    handlers: dict[str, Handler]
    peers: Container[str] | None = None
    """Addresses that may connect; None: any. FastAGI itself asks nobody who they are."""
    is_shared: bool = False
    """Other processes of ours may listen on the same port: the kernel gives each connection to one of them."""
    header_s: float = HEADER_SECONDS
    refused: int = 0
    """Connections from elsewhere, or that did not speak AGI or asked for no known script."""
    _server: asyncio.Server | None = None
    _sessions: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def live(self) -> int:
        """Sessions under way."""
        return len(self._sessions)

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(
                self._serve, self.host, self.port, backlog=1024, reuse_port=self.is_shared
            )
        except OSError as error:
            reason = error.strerror or "no such address"
            raise OperatorError(f"cannot listen for FastAGI on {self.host}:{self.port}: {reason}") from error
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def drain(self, within_s: float) -> int:
        """Takes no more connections and returns when the last session is over, or after `within_s` seconds; how many
        there are then."""
        self._stop_listening()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while sessions := list(self._sessions):
                    await asyncio.wait(sessions)
        return self.live

    def _stop_listening(self) -> None:
        # Whom the kernel had let in already gets a reset; the dialplan enters again at once.
        if self._server is not None:
            self._server.close()

    async def __aexit__(self, *exc_info: object) -> None:
        self._stop_listening()
        # The dialplan takes a caller on where the state says: dropping the sessions is safe by design.
        for session in list(self._sessions):
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.peers is not None and (writer.get_extra_info("peername") or ("",))[0] not in self.peers:
            self.refused += 1
            log.warning("refused a connection to the AGI port", extra={"reason": "not one of our addresses"})
            writer.close()
            return
        session = cast("asyncio.Task[None]", asyncio.current_task())
        self._sessions.add(session)
        try:
            await self._session(AgiConnection(reader, writer, header_s=self.header_s))
        except asyncio.CancelledError:
            pass  # we are shutting down
        finally:
            self._sessions.discard(session)
            writer.close()

    async def _session(self, connection: AgiConnection) -> None:
        try:
            header = await connection.header()
        except (ProtocolError, PeerError, TimeoutError) as error:
            self.refused += 1
            log.warning("refused a connection to the AGI port", extra={"reason": type(error).__name__})
            return
        handler = self.handlers.get(header.get("network_script").partition("?")[0])
        if handler is None:
            self.refused += 1
            log.warning("refused an AGI request for an unknown script")
            return
        call_id = header.get("uniqueid")
        try:
            await handler(connection, header)
        except HungUp:
            pass
        except (IvrError, ProtocolError) as error:
            log.warning("AGI session ended early", extra={"call_id": call_id, "reason": str(error)})
        except Exception:  # the outermost place: the dialplan sees no IVR_NEXT and takes care of the caller
            log.exception("AGI session failed", extra={"call_id": call_id})
