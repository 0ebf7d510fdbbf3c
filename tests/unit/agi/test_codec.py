"""The AGI decoder: tables of real replies, then anything at all in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.agi.codec import (
    HEADER_LIMIT,
    LINE_LIMIT,
    Decoder,
    HangupNotice,
    Header,
    Message,
    ProtocolError,
    Reply,
    command,
    quoted,
)

HEADER = "agi_network: yes\nagi_network_script: call\nagi_callerid: 01012345678\nagi_arg_1: 상태\n\n"
USAGE = (
    "520-Invalid command syntax.  Proper usage follows:\n"
    "Usage: GET DATA <file> [timeout]\n200 result=1 is no reply here\n\n"
    "520 End of proper usage.\n"
)


def decoded(*chunks: bytes, header: bool = True) -> list[Message]:
    decoder = Decoder()
    if header:
        list(decoder.feed(HEADER.encode()))
    return [message for chunk in chunks for message in decoder.feed(chunk)]


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("200 result=0", Reply(200, "0")),
        ("200 result=-1", Reply(200, "-1")),
        ("200 result=1234", Reply(200, "1234")),
        ("200 result=12*", Reply(200, "12*")),
        ("200 result= (timeout)", Reply(200, "", "timeout")),
        ("200 result=", Reply(200, "")),
        ("200 result=12 (timeout)", Reply(200, "12", "timeout")),
        ("200 result=-1 (hangup) endpos=0", Reply(200, "-1", "hangup", "endpos=0")),
        ("200 result=35 (dtmf) endpos=8000", Reply(200, "35", "dtmf", "endpos=8000")),
        ("200 result=49 endpos=1760", Reply(200, "49", "", "endpos=1760")),
        ("200 result=1 (한국어 값)", Reply(200, "1", "한국어 값")),
        ("510 Invalid or unknown command", Reply(510, tail="Invalid or unknown command")),
        (
            "511 Command Not Permitted on a dead channel or intercept routine",
            Reply(511, tail="Command Not Permitted on a dead channel or intercept routine"),
        ),
    ],
)
def test_replies(line: str, reply: Reply) -> None:
    assert decoded(f"{line}\n".encode()) == [reply]
    assert decoded(f"{line}\r\n".encode()) == [reply]


def test_a_provisional_reply_is_none() -> None:
    assert decoded(b"100 result=0 Trying...\n200 result=0\n") == [Reply(200, "0")]


def test_usage_over_many_lines_is_one_reply() -> None:
    assert decoded(USAGE.encode(), b"200 result=5\n") == [Reply(520), Reply(200, "5")]


def test_a_hangup_between_replies_shifts_none() -> None:
    assert decoded(b"200 result=-1\nHANGUP\n511 dead\n200 result=0\n") == [
        Reply(200, "-1"),
        HangupNotice(),
        Reply(511, tail="dead"),
        Reply(200, "0"),
    ]


def test_the_header() -> None:
    [header] = decoded(HEADER.encode(), header=False)
    assert isinstance(header, Header)
    assert (header.get("network_script"), header.get("nothing")) == ("call", "")
    assert header.arguments == ("상태",)


def test_arguments_stop_at_the_first_gap() -> None:
    [header] = decoded(b"agi_arg_1: a\nagi_arg_2: \nagi_arg_4: d\n\n", header=False)
    assert isinstance(header, Header)
    assert header.arguments == ("a", "")


def test_what_may_be_personal_is_not_printed() -> None:
    [header, reply] = decoded((HEADER + "200 result=900101\n").encode(), header=False)
    assert "01012345678" not in repr(header)
    assert "900101" not in repr(reply)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\n",
        b"\x16\x03\x01\x02\x00\x01\n",
        b"agi_network yes\n",
        b"".join(b"agi_%d: y\n" % number for number in range(HEADER_LIMIT + 1)) + b"\n",
        b"agi_x: " + b"y" * (LINE_LIMIT + 1),
        b"agi_x: " + b"y" * (LINE_LIMIT + 1) + b"\n",
    ],
)
def test_what_is_no_header_is_refused(garbage: bytes) -> None:
    with pytest.raises(ProtocolError):
        decoded(garbage, header=False)


@pytest.mark.parametrize("garbage", [b"hello\n", b"20 result=0\n", b"2000 result=0\n", b"x" * (LINE_LIMIT + 1)])
def test_what_is_no_reply_is_refused(garbage: bytes) -> None:
    with pytest.raises(ProtocolError):
        decoded(garbage)


def test_a_header_of_another_encoding_is_read() -> None:
    [header] = decoded("agi_calleridname: 김철수\n\n".encode("euc-kr"), header=False)
    assert isinstance(header, Header)
    assert "�" in header.get("calleridname")


STREAM = HEADER + "200 result=1 (한국어)\nHANGUP\n" + USAGE + "100 Trying\n200 result= (timeout)\n"


@given(st.lists(st.integers(1, len(STREAM.encode()) - 1), max_size=40))
def test_any_chunking_gives_the_same_messages(cuts: list[int]) -> None:
    """Korean characters are cut in the middle too."""
    data = STREAM.encode()
    edges = [0, *sorted(set(cuts)), len(data)]
    chunks = [data[start:end] for start, end in pairwise(edges)]
    assert decoded(*chunks, header=False) == decoded(data, header=False)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_byte_by_byte(size: int) -> None:
    data = STREAM.encode()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert decoded(*chunks, header=False) == decoded(data, header=False)


NOISE = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [b"200 result=", b"HANGUP", b"520-", b"520 ", b"agi_", b": ", b"\n", b"\r", b"(", b")", b"\xec"]
        )
    ).map(b"".join),
)


@given(st.lists(NOISE, max_size=10), st.booleans())
def test_anything_is_a_message_or_a_protocol_error(chunks: list[bytes], header: bool) -> None:
    try:
        messages = decoded(*chunks, header=header)
    except ProtocolError:
        return
    assert all(isinstance(message, Header | Reply | HangupNotice) for message in messages)


@pytest.mark.parametrize("text", ["a\nEXEC System rm", "a\r", "a\0b", "\n"])
def test_an_argument_cannot_start_a_second_command(text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        quoted(text)
    with pytest.raises(ValueError, match="line break"):
        command("SET VARIABLE X", text)


@given(st.text(alphabet=st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])))
def test_a_command_is_one_line_that_gives_its_argument_back(text: str) -> None:
    line = command("SET VARIABLE X", text).decode()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    # As Asterisk takes it apart: a backslash makes the next character plain.
    inner, plain, escaped = line.removeprefix('SET VARIABLE X "').removesuffix('"\n'), "", False
    for character in inner:
        if escaped or character != "\\":
            assert escaped or character != '"'
            plain, escaped = plain + character, False
        else:
            escaped = True
    assert plain == text


def test_numbers_are_not_quoted() -> None:
    assert command("GET DATA", "/a b", 5000, 1) == b'GET DATA "/a b" 5000 1\n'
