"""The AMI connection that is kept: opened again when lost, pinged so that a dead one is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Self

from ivr.adapters.ami.link import Link, RefusedError, UnansweredError
from ivr.adapters.ami.message import Message, Value
from ivr.errors import OperatorError, PeerError

log = logging.getLogger(__name__)

BACKLOG_LIMIT = 10_000
"""Events that a follower may be behind. Further behind it is better off reading the state anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds."""

    answer_s: float = 5.0
    """Longest wait for the answer to an action."""
    connect_s: float = 5.0
    """Longest wait for connection and login together."""
    ping_every_s: float = 3.0
    """A connection that died without an end (half-open) is noticed after this and `pong_s`."""
    pong_s: float = 2.0
    backoff_first_s: float = 0.25
    backoff_last_s: float = 5.0
    """Pause before the next attempt: doubled from first to last, with jitter."""


@dataclass(frozen=True, slots=True)
class Connected:
    """From here on events arrive; what happened before is unknown and must be read."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Events are missed from here on."""


News = Connected | Disconnected | Message


@dataclass(slots=True, kw_only=True)
class AmiClient:
    """Entered, it connects in the background and stays connected; `action` fails fast while it is not."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    timing: Timing = field(default_factory=Timing)
    trouble: str = "not connected to Asterisk's AMI yet"
    """Why it is not connected, in words for the operator; empty when all is well."""
    _link: Link | None = None
    _keeper: asyncio.Task[None] | None = None
    _followers: set[asyncio.Queue[News]] = field(default_factory=set)
    _up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def connected(self) -> bool:
        """Logged in, and the last ping was answered."""
        return self._up.is_set()

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep(), name="ami")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper

    async def wait_connected(self, limit_s: float) -> None:
        """Returns once logged in. Raises OperatorError with the trouble after `limit_s` seconds."""
        try:
            async with asyncio.timeout(limit_s):
                await self._up.wait()
        except TimeoutError as error:
            raise OperatorError(self.trouble) from error

    async def action(self, name: str, **headers: Value) -> Message:
        """Sends one action, once, and gives Asterisk's response.

        Raises ValueError for a line break in a value, PeerError when not connected (nothing was sent), RefusedError
        when Asterisk says no, UnansweredError when it says nothing in time.
        """
        return (await self._current().send(name, headers, limit_s=self.timing.answer_s))[0]

    async def list_action(self, name: str, **headers: Value) -> list[Message]:
        """Like `action`, for those that are answered by a list of events: its items."""
        return (await self._current().send(name, headers, limit_s=self.timing.answer_s, as_list=True))[1:]

    async def news(self) -> AsyncIterator[News]:
        """Everything from now on, in order: `Connected` (at once, if it is), events, `Disconnected`, and so on.

        What arrives while the reader does something else waits for it. Each caller gets all of it.
        """
        queue: asyncio.Queue[News] = asyncio.Queue()
        if self.connected:
            queue.put_nowait(Connected())
        self._followers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers.discard(queue)

    def drop(self, reason: str) -> None:
        """Gives this connection up; the next one begins with `Connected` again."""
        if self._link is not None:
            self._link.drop(reason)

    def _current(self) -> Link:
        if self._link is None or not self.connected:
            raise PeerError(self.trouble or "not connected to Asterisk's AMI")
        return self._link

    async def _keep(self) -> None:
        pause_s = self.timing.backoff_first_s
        while True:
            link = Link(self.host, self.port, self._publish)
            since = asyncio.get_running_loop().time()
            try:
                await self._log_in(link)
                self._rise(link)
                await self._watch(link)
                self._fall(link.reason)
                if asyncio.get_running_loop().time() - since > self.timing.backoff_last_s:
                    pause_s = self.timing.backoff_first_s
            except PeerError as error:
                self._fall(str(error))
            except OperatorError as error:
                self._fall(str(error))
                pause_s = self.timing.backoff_last_s
            finally:
                self._up.clear()
                link.drop("closed by us")
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, self.timing.backoff_last_s)

    async def _log_in(self, link: Link) -> None:
        try:
            async with asyncio.timeout(self.timing.connect_s):
                await link.open()
                who = {"Username": self.username, "Secret": self.secret}
                await link.send("Login", who, limit_s=self.timing.connect_s)
        except TimeoutError as error:
            raise PeerError(f"Asterisk did not answer on AMI port {self.port}") from error
        except UnansweredError as error:
            raise PeerError(link.reason if link.lost.is_set() else str(error)) from error
        except RefusedError as error:
            raise OperatorError(
                f"Asterisk refuses the AMI user {self.username}: was it started with another var/secrets/ami.secret?"
            ) from error

    async def _watch(self, link: Link) -> None:
        """Returns when the link is lost."""
        while not link.lost.is_set():
            try:
                async with asyncio.timeout(self.timing.ping_every_s):
                    await link.lost.wait()
            except TimeoutError:
                try:
                    await link.send("Ping", {}, limit_s=self.timing.pong_s)
                except PeerError:
                    link.drop(f"Asterisk did not answer a ping within {self.timing.pong_s:g} s")

    def _rise(self, link: Link) -> None:
        self._link, self.trouble = link, ""
        self._up.set()
        log.info("AMI connected")
        self._publish(Connected())

    def _fall(self, reason: str) -> None:
        if self.connected or reason != self.trouble:  # an outage is logged once, not at every attempt
            log.warning("AMI not connected", extra={"reason": reason})
        was_up, self._link, self.trouble = self.connected, None, reason
        self._up.clear()
        if was_up:
            self._publish(Disconnected())

    def _publish(self, news: News) -> None:
        for queue in self._followers:
            if queue.qsize() < BACKLOG_LIMIT or not isinstance(news, Message):
                queue.put_nowait(news)
            else:
                self.drop("events came faster than they were read")
