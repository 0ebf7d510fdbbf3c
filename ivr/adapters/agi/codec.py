"""The AGI protocol as a pure decoder: bytes and end-of-file in, messages out. No socket, no clock.

A peer may send anything: lines are limited in length, bytes that are not UTF-8 are replaced, an end of file is an event
of its own (panoramisk's reader spins on it, see docs/adr/0003). HANGUP is a notice between replies, never a reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

LINE_LIMIT = 16_384
"""Bytes in a line; Asterisk's own buffer is half of that."""
COMMAND_LIMIT = 8191
"""Bytes in a command with its line end. Asterisk (22.10.1) reads no more at once and takes what follows for the next
command: the end of a long value would be one."""
HEADER_LIMIT = 200
"""Lines in the header; Asterisk sends about 25 and one an argument."""

_REPLY = re.compile(r"^(?P<code>\d{3})(?P<more>[ -]|$)(?P<rest>.*)$")
_RESULT = re.compile(r"^result=(?P<result>\S*)\s*(?:\((?P<note>[^)]*)\))?\s*(?P<tail>.*)$")


class ProtocolError(Exception):
    """The peer does not speak AGI."""


@dataclass(frozen=True, slots=True, repr=False)
class Header:
    """The `agi_…` variables a session begins with. Has the caller's number: never printed."""

    fields: dict[str, str]

    def get(self, name: str) -> str:
        return self.fields.get(f"agi_{name}", "")

    @property
    def arguments(self) -> tuple[str, ...]:
        found: list[str] = []
        while (name := f"agi_arg_{len(found) + 1}") in self.fields:
            found.append(self.fields[name])
        return tuple(found)


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """The answer to one command. `result` may be digits that the caller pressed: never printed."""

    code: int
    result: str = ""
    note: str = ""
    """The word in parentheses: timeout, hangup, dtmf …"""
    tail: str = ""
    """What follows, such as `endpos=8000`."""


@dataclass(frozen=True, slots=True)
class HangupNotice:
    """The channel is gone; commands that work on a dead channel still do."""


Message = Header | Reply | HangupNotice


@dataclass(slots=True)
class Decoder:
    """Feed it what arrives; it yields whole messages. Raises ProtocolError; then the connection is of no more use."""

    _buffer: bytearray = field(default_factory=bytearray)
    _header: dict[str, str] | None = field(default_factory=dict)
    _usage: bool = False

    @classmethod
    def after_header(cls) -> Decoder:
        """For a session whose header somebody else has read."""
        return cls(_header=None)

    def feed(self, data: bytes) -> Iterator[Message]:
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            if end > LINE_LIMIT:  # in bytes, as below: whether a line is too long must not depend on how it arrives
                raise ProtocolError("line too long")
            line = self._buffer[:end].decode("utf-8", "replace").rstrip("\r")
            del self._buffer[: end + 1]
            if (message := self._line(line)) is not None:
                yield message
        if len(self._buffer) > LINE_LIMIT:
            raise ProtocolError("line too long")

    def _line(self, line: str) -> Message | None:
        if self._header is not None:
            return self._header_line(self._header, line)
        if self._usage:
            # The text between `520-Invalid command syntax` and `520 End of proper usage` is help for people.
            self._usage = not line.startswith("520 ")
            return None if self._usage else Reply(520)
        if line == "HANGUP":
            return HangupNotice()
        return self._reply(line) if line else None

    def _header_line(self, header: dict[str, str], line: str) -> Header | None:
        if not line:
            if not header:
                raise ProtocolError("empty header")
            self._header = None
            return Header(header)
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise ProtocolError("not an AGI header")
        if len(header) >= HEADER_LIMIT:
            raise ProtocolError("header too long")
        header[name] = value.removeprefix(" ")
        return None

    def _reply(self, line: str) -> Reply | None:
        match = _REPLY.match(line)
        if match is None:
            raise ProtocolError("not an AGI reply")
        code = int(match["code"])
        if match["more"] == "-":
            self._usage = True
            return None
        if code < 200:
            return None  # "100 result=0 Trying...": the answer is still to come
        result = _RESULT.match(match["rest"])
        if result is None:
            return Reply(code, tail=match["rest"])
        return Reply(code, result["result"], result["note"] or "", result["tail"])


def quoted(argument: str) -> str:
    """One argument of an AGI command. Raises ValueError for a line break or NUL: nothing may start a second command."""
    if any(character in argument for character in "\r\n\0"):
        raise ValueError("an AGI argument may not contain a line break")
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def command(*words: str | int) -> bytes:
    """A command line: the first word as it is, the others quoted where they are text.

    Raises ValueError for what Asterisk would take for more than one command: a line break, or too many bytes.
    """
    name, *arguments = words
    rest = (str(word) if isinstance(word, int) else quoted(word) for word in arguments)
    line = " ".join((str(name), *rest)).encode() + b"\n"
    if len(line) > COMMAND_LIMIT:
        raise ValueError(f"an AGI command may not be longer than {COMMAND_LIMIT} bytes")
    return line
