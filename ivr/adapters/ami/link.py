"""One AMI connection on panoramisk, with its traps closed (FACTS and docs/adr/0003 have each).

panoramisk opens the connection, numbers and writes actions, matches answers and tells a list from a single one. What it
does about time is not sound and is switched off: its pings nobody checks, its reconnecting, its sending again of
actions that had no answer. A `Link` lives for one connection; `ivr.adapters.ami.client` makes the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from ivr.adapters.ami.framing import Framer, FramingError
from ivr.adapters.ami.message import Message, Value, checked
from ivr.errors import PeerError

log = logging.getLogger(__name__)

# panoramisk logs actions and messages as they are: secrets and caller numbers. Nothing of it may reach a handler.
_silent = logging.Logger("panoramisk, silenced")
_silent.addHandler(logging.NullHandler())


class RefusedError(PeerError):
    """Asterisk said no; its reason is the message. Again will not help."""

    code = "ami_refused"
    retryable = False


class UnansweredError(PeerError):
    """No answer came in time, or the connection ended first: the action may have been done or not. An Originate must
    not be repeated without looking."""

    code = "ami_unanswered"
    retryable = False


class _Protocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    closed: bool

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._framer = Framer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # panoramisk sets it a moment later; data or an end may come before.
        self.factory = self._manager

    def data_received(self, data: bytes) -> None:
        try:
            for headers in self._framer.feed(data):
                self.handle_message(Message.of(headers))
        except FramingError as error:
            log.warning("AMI connection dropped", extra={"reason": str(error)})
            self._manager.reason = str(error)
            self.transport.abort()

    def connection_lost(self, exc: object) -> None:
        self.close()
        self.factory.connection_lost(exc)

    def close(self) -> None:
        """Everybody who still waits is told; nothing is kept to be sent again."""
        for action in self.responses.values():
            if not action.future.done():
                action.future.set_exception(UnansweredError("the connection to Asterisk ended before it answered"))
                action.future.exception()  # whoever awaited it may be gone: no complaint at its deletion
        if not self.closed:
            self.closed = True
            self.transport.abort()


class Link(Manager):  # type: ignore[misc]  # panoramisk has no types
    """A connection from `open` until `lost` is set. `on_event` is called for every event that answers no action."""

    def __init__(self, host: str, port: int, on_event: Callable[[Message], None]) -> None:
        super().__init__(host=host, port=port, protocol_factory=lambda: _Protocol(self), log=_silent)
        self.loop = asyncio.get_running_loop()
        self.lost = asyncio.Event()
        self.reason = "Asterisk closed the AMI connection"
        self._on_event = on_event

    async def open(self) -> None:
        """Connects. Raises PeerError when nobody listens."""
        try:
            await self.connect()
        except OSError as error:
            raise PeerError(f"no Asterisk listens on AMI port {self.config['port']}") from error

    async def send(
        self, name: str, headers: Mapping[str, Value], *, limit_s: float, as_list: bool = False
    ) -> list[Message]:
        """One action and its answer: the response, then (`as_list`) the items if a list follows, without its end.

        Raises ValueError for a line break in a value, PeerError when the link is lost already (nothing was sent),
        RefusedError, and UnansweredError after `limit_s` seconds or when the link is lost meanwhile.
        """
        wanted = checked(name, headers)
        if self.lost.is_set() or self.protocol is None:
            raise PeerError("not connected to Asterisk's AMI")
        action = Action(wanted)
        # None lets panoramisk look whether a list follows: told that one must, it would wait for ever after an error.
        # Without a list it must not look: it takes `Added interface to queue` for the beginning of one.
        future = self.send_action(action, as_list=None if as_list else False)
        try:
            async with asyncio.timeout(limit_s):
                answer: Any = await future
        except TimeoutError as error:
            raise UnansweredError(f"Asterisk did not answer {name} within {limit_s:g} s") from error
        finally:
            self.protocol.responses.pop(action.id, None)
        response, *items = answer if isinstance(answer, list) else [answer]
        if not response.success:
            raise RefusedError(f"Asterisk refused {name}: {response.text('message')}")
        return [response, *items[:-1]]

    def drop(self, reason: str) -> None:
        """Ends the connection now."""
        if not self.lost.is_set():
            self.reason = reason
        self.close()
        self.lost.set()

    # What panoramisk calls.

    def connection_made(self, f: asyncio.Future[Any]) -> None:
        # It would come back on its own two seconds after a failure; whoever opened the link decides that.
        if not f.cancelled() and f.exception() is None:
            super().connection_made(f)
            self.pinger.cancel()

    def connection_lost(self, exc: object) -> None:
        self.lost.set()

    def dispatch(self, event: Message) -> None:
        # An item of a list whose asker has given up is old news; only the outcome of an Originate comes late by design.
        if not event.text("actionid") or event.text("event") == "OriginateResponse":
            self._on_event(event)
