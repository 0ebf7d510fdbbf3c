"""One AGI session over stdin and stdout, as Asterisk runs a program for one call, on pyst2.

pyst2 carries the session: it reads the header, writes commands and notices SIGHUP, by which a local program is told of
a hang-up. Its faults are guarded here (docs/adr/0011): it takes an end of file for the end of the header or dies of it,
loses the word after an empty result (`result= (timeout)`), takes every -1 for an error, refuses to write the journal
after a hang-up, and copies all it reads to stderr, the caller's number too. So replies are read by our own codec.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from asterisk.agi import AGI, AGISIGHUPHangup

from ivr.adapters.agi.codec import (
    HEADER_LIMIT,
    LINE_LIMIT,
    Decoder,
    Header,
    ProtocolError,
    Reply,
    command,
)
from ivr.adapters.agi.connection import DEAD, P, T, accepted
from ivr.errors import PeerError


class LocalConnection:
    """Implements `ivr.adapters.agi.connection.Connection` for a process that serves one call, so it may block.

    Reads the header; handles SIGHUP from then on, so it must be made in the main thread. Raises PeerError when Asterisk
    closed the pipe, ProtocolError when this is no Asterisk.
    """

    def __init__(self, stdin: TextIO, stdout: TextIO) -> None:
        self._lines = _Lines(stdin)
        self._agi = AGI(stdin=self._lines, stdout=stdout, stderr=_Nowhere())
        self._lines.in_header = False
        self._decoder = Decoder.after_header()
        self._dead = False
        fields = {name: value for name, value in self._agi.env.items() if name.startswith("agi_")}
        if not fields or len(fields) < len(self._agi.env):
            raise ProtocolError("not an AGI header")
        self.header = Header(fields)

    @property
    def hung_up(self) -> bool:
        try:
            self._agi.test_hangup()
        except AGISIGHUPHangup:
            return True
        return self._dead

    async def execute(self, *words: str | int) -> Reply:
        try:
            self._agi.send_command(command(*words).decode())
        except OSError as error:
            raise PeerError("Asterisk closed the AGI pipe") from error
        reply = self._reply()
        self._dead = self._dead or reply.code == DEAD
        return accepted(reply, words[0])

    async def aside(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return work(*args, **kwargs)

    async def variable(self, name: str) -> str:
        """A channel variable; empty when it is not set."""
        reply = await self.execute("GET VARIABLE", name)
        return reply.note if reply.result == "1" else ""

    def _reply(self) -> Reply:
        while True:
            try:
                for message in self._decoder.feed(self._lines.readline().encode()):
                    if isinstance(message, Reply):
                        return message
                    self._dead = True  # HANGUP, of which a local program is told by a signal instead
            except ProtocolError as error:
                raise PeerError("Asterisk sent something that is no AGI reply") from error


class _Lines:
    """Standard input as pyst2 reads it, but bounded and with an end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._count = 0
        self.in_header = True

    def readline(self) -> str:
        """Raises PeerError at the end of the stream, ProtocolError for a line or a header that is too long."""
        line = self._stream.readline(LINE_LIMIT)
        if not line:
            raise PeerError("Asterisk closed the AGI pipe")
        self._count += self.in_header
        if not line.endswith("\n") or self._count > HEADER_LIMIT:
            raise ProtocolError("line or header too long")
        return line


class _Nowhere:
    """Where pyst2 writes every line that it reads, the caller's number among them."""

    def write(self, _: str) -> None: ...
