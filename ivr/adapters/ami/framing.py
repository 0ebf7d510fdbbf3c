"""AMI as a pure decoder: bytes in, whole packets out. No socket, no clock.

Bytes are decoded a line at a time, once the line is whole: a Korean name split across two TCP segments stays whole
(panoramisk decodes each segment alone and drops the halves, see docs/adr/0003). Sizes are limited, because the peer of
a wrong port number may send anything for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ivr.errors import PeerError

BANNER = b"Asterisk Call Manager/"
EOL = b"\r\n"
LINE_LIMIT = 64 * 1024
"""Bytes in a line. Asterisk's own limit for one is far below."""
PACKET_LIMIT = 2_000
"""Lines in a packet."""

Headers = dict[str, list[str]]
"""Name as sent first -> every value, in order. Names are one whatever their case."""


class FramingError(PeerError):
    """The peer does not speak AMI; the connection is of no more use."""

    code = "ami_framing"


@dataclass(slots=True)
class Framer:
    """Feed it what arrives; it yields packets. Raises FramingError, and again for whatever it is fed afterwards."""

    version: str = ""
    """Of the protocol, from the banner; empty until that is there."""
    ignored: int = 0
    """Lines that were no headers."""
    _buffer: bytearray = field(default_factory=bytearray)
    _scanned: int = 0
    _headers: Headers = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _lines: int = 0
    _broken: str = ""

    def feed(self, data: bytes) -> Iterator[Headers]:
        if self._broken:
            raise FramingError(self._broken)
        self._buffer += data
        # Only CR LF ends a line: a lone LF in a value must not begin a header.
        while (end := self._buffer.find(EOL, self._scanned)) >= 0:
            if end > LINE_LIMIT:
                self._break("the AMI peer sent a line that is too long")
            line = bytes(self._buffer[:end])
            del self._buffer[: end + len(EOL)]
            self._scanned = 0
            if (packet := self._line(line)) is not None:
                yield packet
        self._scanned = max(0, len(self._buffer) - 1)
        if not self.version and not self._buffer.startswith(BANNER[: len(self._buffer)]):
            self._break("what answers on the AMI port is no Asterisk")
        # The first half of a line end may be there already: how a line arrives must not decide whether it is too long.
        if len(self._buffer.removesuffix(EOL[:1])) > LINE_LIMIT:
            self._break("the AMI peer sent a line that is too long")

    def _line(self, line: bytes) -> Headers | None:
        if not self.version:
            if not line.startswith(BANNER):
                self._break("what answers on the AMI port is no Asterisk")
            self.version = line[len(BANNER) :].decode("ascii", "replace").strip() or "unknown"
            return None
        if not line:
            return self._packet()
        self._lines += 1
        if self._lines > PACKET_LIMIT:
            self._break("the AMI peer sent a packet that is too long")
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if not colon or not name:
            self.ignored += 1
            return None
        known = self._names.setdefault(name.lower(), name)
        self._headers.setdefault(known, []).append(value.removeprefix(" "))
        return None

    def _packet(self) -> Headers | None:
        packet, self._headers, self._names, self._lines = self._headers, {}, {}, 0
        return packet or None

    def _break(self, why: str) -> None:
        self._broken = why
        raise FramingError(why)
