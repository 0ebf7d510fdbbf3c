"""A SIP peer that sends what no SIP library would, and still ends every call that its messages happen to begin."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from ivr.errors import PeerError

_HEADER = re.compile(rb"^(?P<name>[A-Za-z-]+)[ \t]*:[ \t]*(?P<value>.*)$")
_CSEQ = re.compile(rb"(\d+)\s+(\w+)")
_URI = re.compile(rb"<(sip:[^>]+)>")
_MEDIA = re.compile(rb"^m=audio (\d+)", re.MULTILINE)
Answered = Callable[[bytes, int], float]
"""(Call-ID, RTP port of the other side) -> seconds after which the caller hangs up."""


@dataclass(slots=True)
class SipPeer(asyncio.DatagramProtocol):
    """One UDP port. Every 200 to an INVITE is acknowledged and hung up; every request is answered."""

    server: tuple[str, int]
    on_answer: Answered = lambda _, __: 0.0
    codes: Counter[str] = field(default_factory=Counter)
    """Answers to us by code, 200 to an INVITE as `answered`."""
    open: set[bytes] = field(default_factory=set)
    """Call-IDs of calls that were answered and not hung up yet."""
    _seen: set[bytes] = field(default_factory=set)
    _transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    @property
    def port(self) -> int:
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(data[:65_000], self.server)

    def datagram_received(self, data: bytes, addr: object) -> None:
        head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
        headers = _headers(head[1:])
        if head[0].startswith(b"SIP/2.0 "):
            self._answered(head[0].split()[1], headers, data)
        else:
            self._asked(head[0].partition(b" ")[0], headers)

    def _answered(self, code: bytes, headers: dict[bytes, list[bytes]], data: bytes) -> None:
        cseq = _CSEQ.match(_first(headers, b"cseq"))
        if cseq is None or cseq[2] != b"INVITE":
            self.codes[code.decode()] += 1
            return
        if code < b"200":
            return
        key = b"\0".join((_first(headers, b"call-id"), _first(headers, b"to"), cseq[1]))
        contact = _URI.search(_first(headers, b"contact"))
        self.send(
            self._within(b"ACK", headers, int(cseq[1]), contact[1] if contact else None, own_branch=code == b"200")
        )
        if key in self._seen:
            return
        self._seen.add(key)
        self.codes["answered" if code == b"200" else code.decode()] += 1
        if code == b"200":
            media = _MEDIA.search(data)
            self.open.add(key)
            bye = self._within(b"BYE", headers, int(cseq[1]) + 1, contact[1] if contact else None, own_branch=True)
            wait = self.on_answer(_first(headers, b"call-id"), int(media[1]) if media else 0)
            asyncio.get_running_loop().call_later(wait, self._hang_up, key, bye)

    def _hang_up(self, key: bytes, bye: bytes) -> None:
        self.open.discard(key)
        if self._transport is not None and not self._transport.is_closing():
            self.send(bye)

    def _asked(self, method: bytes, headers: dict[bytes, list[bytes]]) -> None:
        if method == b"ACK":
            return
        lines = [b"SIP/2.0 200 OK", *(b"Via: " + via for via in headers.get(b"via", []))]
        lines += [name.title() + b": " + _first(headers, name) for name in (b"from", b"to", b"call-id", b"cseq")]
        self.send(b"\r\n".join([*lines, b"Content-Length: 0", b"", b""]))

    def _within(
        self, method: bytes, headers: dict[bytes, list[bytes]], number: int, target: bytes | None, *, own_branch: bool
    ) -> bytes:
        """A request within the dialog of a response."""
        # Asterisk knows a transaction by its branch alone, whoever sends it: unique over all peers and runs.
        branch = b"z9hG4bK%s" % secrets.token_hex(8).encode()
        own = b"SIP/2.0/UDP 127.0.0.1:%d;branch=%s" % (self.port, branch)
        via = own if own_branch else _first(headers, b"via")
        uri = target or b"sip:nobody"
        lines = [
            b"%s %s SIP/2.0" % (method, uri), b"Via: " + via, b"From: " + _first(headers, b"from"),
            b"To: " + _first(headers, b"to"), b"Call-ID: " + _first(headers, b"call-id"),
            b"CSeq: %d %s" % (number, method), b"Max-Forwards: 70", b"Content-Length: 0", b"", b"",
        ]  # fmt: skip
        return b"\r\n".join(lines)


@asynccontextmanager
async def open_peer(server: tuple[str, int], on_answer: Answered = lambda _, __: 0.0) -> AsyncIterator[SipPeer]:
    """A peer on a free port of the loopback address; on leaving, what still talks is waited for."""
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_datagram_endpoint(
        lambda: SipPeer(server, on_answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield peer
        try:
            async with asyncio.timeout(40):
                while peer.open:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise PeerError("calls of the fuzz did not end") from None
    finally:
        transport.close()


def _headers(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for line in lines:
        if match := _HEADER.match(line):
            found.setdefault(match["name"].lower(), []).append(match["value"])
    return found


def _first(headers: dict[bytes, list[bytes]], name: bytes) -> bytes:
    values = headers.get(name)
    return values[0] if values else b""
