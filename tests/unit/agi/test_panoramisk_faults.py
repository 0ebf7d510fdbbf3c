"""Faults of panoramisk 1.4's FastAGI that made us write our own codec: each shown on it, then shown to be absent here.

| fault of panoramisk | test |
|---|---|
| a client that connects and closes stops the whole event loop | the first two |
| an end of file in mid-call is a ValueError | `test_an_end_of_file_in_mid_call_is_an_error_with_a_meaning` |
| a HANGUP line shifts later replies by one | `test_a_hangup_line_shifts_no_reply` |
| one byte of a header that is no UTF-8 kills the request | `test_a_byte_that_is_no_utf8_kills_no_request` |
| a quoted value is cut at its first space | `test_a_quoted_value_is_kept_whole` |
| help text after 520- answers the next commands | `test_usage_is_taken_whole` |
| a line break in a value is a second command | `test_a_command_cannot_carry_another` |
| cancelling a session is swallowed | `test_a_cancelled_session_ends` |
| a plain function as an endpoint fails on Python 3.11 | `test_a_plain_function_cannot_serve_a_route_in_panoramisk` |

AMI's are in tests/unit/ami/test_panoramisk_ami_faults.py. What Asterisk itself does with a command that is too long is
in tests/unit/fuzz/test_pure_fuzz.py.

Should a later panoramisk mend one, its test fails and the decision (docs/adr) can be looked at again.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable

import pytest
from panoramisk import fast_agi
from panoramisk.utils import parse_agi_result

from ivr.adapters.agi.codec import Decoder, HangupNotice, Header, Message, Reply
from ivr.adapters.agi.server import AgiConnection, AgiServer
from ivr.errors import PeerError

SPIN = """
import asyncio
from panoramisk import fast_agi

async def main():
    application = fast_agi.Application(loop=asyncio.get_running_loop())
    server = await asyncio.start_server(application.handler, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.close()
    for _ in range(10):
        await asyncio.sleep(0.01)
    print("alive", flush=True)
    import os; os._exit(0)

asyncio.run(main())
"""


def ours(data: bytes) -> list[Message]:
    decoder = Decoder()
    list(decoder.feed(b"agi_network: yes\n\n"))
    return list(decoder.feed(data))


def test_panoramisk_stops_the_whole_event_loop_when_a_client_connects_and_closes() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(SPIN)], timeout=2, capture_output=True)


async def test_ours_goes_on_when_a_client_connects_and_closes() -> None:
    """panoramisk's handler reads b'' for ever without yielding."""
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    async with AgiServer(host="127.0.0.1", port=0, handlers={}) as server:
        beating = asyncio.create_task(heart())
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert server.refused == 1
        before = beats
        while beats < before + 1000:
            await asyncio.sleep(0)
        beating.cancel()


def test_a_hangup_line_shifts_no_reply() -> None:
    """panoramisk reads one line a command, so HANGUP is taken for a reply and every later reply is one late."""
    assert "error" in parse_agi_result("HANGUP")
    assert ours(b"HANGUP\n200 result=1\n") == [HangupNotice(), Reply(200, "1")]


async def test_an_end_of_file_in_mid_call_is_an_error_with_a_meaning() -> None:
    """panoramisk parses the empty line and raises ValueError: int('')."""
    with pytest.raises(ValueError, match="int"):
        parse_agi_result("")
    reader = asyncio.StreamReader()
    reader.feed_data(b"agi_network: yes\n\n")
    reader.feed_eof()
    connection = AgiConnection(reader, _Deaf())  # type: ignore[arg-type]
    await connection.header()
    with pytest.raises(PeerError):
        await connection.execute("NOOP")


async def test_a_cancelled_session_ends() -> None:
    """panoramisk catches BaseException around a session, so its task goes on after it was cancelled."""
    begun, gone_on = asyncio.Event(), asyncio.Event()

    async def session(_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def handle() -> None:
        await _given_to_panoramisk(b"agi_network_script: call\n\n", session)
        gone_on.set()

    theirs = asyncio.create_task(handle())
    await begun.wait()
    theirs.cancel()
    await theirs
    assert gone_on.is_set()

    async with AgiServer(host="127.0.0.1", port=0, handlers={"call": _never}) as server:
        _, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"agi_network_script: call\n\n")
        while not server.live:
            await asyncio.sleep(0)
    assert server.live == 0
    writer.close()


async def test_a_plain_function_cannot_serve_a_route_in_panoramisk() -> None:
    """It calls asyncio.coroutine, which Python 3.11 no longer has."""
    with pytest.raises(AttributeError, match="coroutine"):
        fast_agi.Application().add_route("call", lambda _: None)


async def _nothing(_: object) -> None:
    pass


async def _never(connection: AgiConnection, header: Header) -> None:
    await asyncio.Event().wait()


async def _given_to_panoramisk(raw: bytes, session: Callable[[object], Awaitable[None]]) -> None:
    application = fast_agi.Application(loop=asyncio.get_running_loop())
    application.add_route("call", session)
    reader = asyncio.StreamReader()
    reader.feed_data(raw)
    await application.handler(reader, _Deaf())


class _Deaf:
    """A writer that nobody reads."""

    def get_extra_info(self, name: str) -> None:
        return None

    def close(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        pass

    async def drain(self) -> None:
        pass


async def test_a_byte_that_is_no_utf8_kills_no_request() -> None:
    """panoramisk decodes the header strictly: a caller name in another encoding ends the call."""
    raw = "agi_calleridname: 홍길동\nagi_network_script: call\n\n".encode("euc-kr")
    with pytest.raises(UnicodeDecodeError):
        await _given_to_panoramisk(raw, _nothing)
    [header] = Decoder().feed(raw)
    assert isinstance(header, Header)
    assert header.get("network_script") == "call"


def test_a_quoted_value_is_kept_whole() -> None:
    """panoramisk cuts a value at its first space."""
    line = '200 result=1 (speech) endpos=0 results=1 text0="국민 연금"'
    assert parse_agi_result(line)["text0"][0] == '"국민'
    [reply] = ours(f"{line}\n".encode())
    assert isinstance(reply, Reply)
    assert reply.tail.endswith('text0="국민 연금"')


def test_usage_is_taken_whole() -> None:
    """panoramisk takes one line after 520-, so the rest of the help text answers the next commands."""
    assert parse_agi_result("520-Invalid command syntax.")["error"] == "AGIUsageError"
    assert ours(b"520-Invalid\nUsage: a\nb\n520 End of proper usage.\n200 result=1\n") == [Reply(520), Reply(200, "1")]


def test_a_command_cannot_carry_another() -> None:
    """panoramisk sends what it is given: a line break in a value is a second command."""
    from ivr.adapters.agi.codec import command

    with pytest.raises(ValueError, match="line break"):
        command("SET VARIABLE NAME", "x\nEXEC System reboot")
