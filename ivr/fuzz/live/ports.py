"""Nonsense for the TCP ports: HTTP of the controllers, FastAGI, and Asterisk's AMI."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable

from ivr.fuzz.protocols import AGI_CALL
from ivr.fuzz.source import Source

ANSWER_S = 8.0
"""Longest wait for an answer that ends; FastAGI gives a peer without a header five seconds."""
AT_ONCE = 20
"""Connections side by side."""
_PATHS = ("/status", "/health/live", "/health/ready", "/order/reload", "/order/rollback", "/", "/../../etc/passwd", "*")
_BODIES = (
    b"{}", b"[]", b"null", b"\xff", b'{"who": 1}', b"[" * 9000, b'{"a":' * 3000, b"x" * 100_000, b'"\\ud800"',
    b'{"who": "x", "note": "y", "centre": "../../x", "version": "\\u0000"}',
    b'{"centre": "120", "version": "..", "who": "a", "note": "\\ud800"}',
    b'{"who": {"a": []}, "note": null, "centre": [], "version": 7}',
)  # fmt: skip

Nonsense = Callable[[Source], tuple[bytes, ...]]
"""What is written to a connection, piece by piece; an empty last piece: half of it is closed first."""


def http_nonsense(token: str) -> Nonsense:
    """Requests of every kind of wrongness; some know the token, and their bodies are nonsense all the same."""

    def make(source: Source) -> tuple[bytes, ...]:
        if source.chance() < 0.1:
            return (source.raw(3000),)
        if source.chance() < 0.1:
            return (b"GET /status HTTP/1.1\r\nHost: x\r\n",)  # and never the rest
        method, path = source.one_of(("GET", "POST", "POST", "POST", "POST", "PUT")), source.one_of(_PATHS)
        secret = source.one_of((token, token, "", "wrong", "\xff" * 30))
        if secret == token and path == "/order/reload":
            path = "/order/rollback"  # a reload with who and note is an order like any other
        body = source.one_of(_BODIES) if source.chance() < 0.8 else source.raw(2000)
        lines = [f"{method} {path} HTTP/{source.one_of(('1.1',) * 20 + ('1.0', '9.9', 'x'))}", "Host: localhost",
                 f"Authorization: Bearer {secret}", "Connection: close"]  # fmt: skip
        lines += [f"{source.line(1)}: {source.line(2)}"] if source.chance() < 0.15 else []
        match source.whole(0, 11):
            case 0:
                lines += [f"Content-Length: {source.one_of(('-1', '99999999999', 'x', str(len(body) + 5)))}"]
            case 1:
                lines += ["Transfer-Encoding: chunked", f"Content-Length: {len(body)}"]
            case 2:
                lines += ["Transfer-Encoding: chunked"]
                body = f"{source.one_of(('ffffffffffffffff', '-1', 'zz', '5'))}\r\n".encode() + body[:50]
            case _:
                lines += [f"Content-Length: {len(body)}"]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        data = head + body
        return tuple(source.chunks(source.damaged(data, 1) if source.chance() < 0.1 else data))

    return make


def agi_nonsense(source: Source) -> tuple[bytes, ...]:
    """From an early close to a whole call by somebody who is no Asterisk and answers anything."""
    match source.whole(0, 5):
        case 0:
            return (b"",)
        case 1:
            return (source.raw(3000), b"")
        case 2:
            return (b"GET / HTTP/1.1\r\n\r\n",)
        case 3:
            return (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + source.raw(500), b"")
        case _:
            header, _, replies = AGI_CALL.partition("\n\n")
            lines = [header.encode(), b"\n\n", *(line.encode() + b"\n" for line in replies.splitlines())]
            data = b"".join(lines) if source.chance() < 0.5 else source.damaged(b"".join(lines))
            return (*source.chunks(data), b"")


def ami_nonsense(source: Source) -> tuple[bytes, ...]:
    """Logins that are none, and lines without end."""
    match source.whole(0, 3):
        case 0:
            return (source.raw(3000), b"")
        case 1:
            return (
                b"Action: Login\r\nUsername: ivr\r\nSecret: " + source.line().encode("utf-8", "replace") + b"\r\n\r\n",
                b"",
            )
        case 2:
            stop = b"Action: Command\r\nCommand: core stop now\r\n\r\n"
            dial = b"Action: Originate\r\nChannel: Local/120@from-trunk\r\nApplication: System\r\nData: id\r\n\r\n"
            return (stop, dial, b"")
        case _:
            return (b"A" * 70_000, b"\r\n\r\n", b"")


async def throw(nonsense: Nonsense, source: Source, server: tuple[str, int], count: int) -> Counter[str]:
    """`count` connections; what came back, by its first word and status. `hung`: neither an answer nor an end."""
    seen: Counter[str] = Counter()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(pieces: tuple[bytes, ...]) -> None:
        async with gate:
            seen[await _connect(server, pieces)] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one(nonsense(source)))
    return seen


async def _connect(server: tuple[str, int], pieces: tuple[bytes, ...]) -> str:
    try:
        reader, writer = await asyncio.open_connection(*server)
    except OSError as error:
        return f"refused {type(error).__name__}"
    got = b""
    try:
        for piece in filter(None, pieces):  # what was damaged may be empty: only the last one means an end
            writer.write(piece)
            await writer.drain()
        if pieces[-1:] == (b"",):
            writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S if pieces[-1:] == (b"",) else 1.0):
                while data := await reader.read(65_536):
                    got = (got + data)[:200]
                return _word(got) or "closed"
        # A peer that leaves a request open is left alone until its own time is over; one that closed must be let go.
        return _word(got) or ("hung" if pieces[-1:] == (b"",) else "waiting")
    except OSError:  # refused in the middle: an end too
        return _word(got) or "reset"
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _word(got: bytes) -> str:
    words = got.split(maxsplit=2)
    return (
        b" ".join(words[:2]).decode("ascii", "replace")
        if got.startswith(b"HTTP")
        else got[:8].decode("ascii", "replace")
    )
