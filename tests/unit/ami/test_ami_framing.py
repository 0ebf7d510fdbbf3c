"""Bytes of AMI as packets, however they are cut up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.ami.framing import LINE_LIMIT, PACKET_LIMIT, Framer, FramingError, Headers

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def framed(*chunks: bytes) -> list[Headers]:
    framer = Framer()
    return [packet for chunk in chunks for packet in framer.feed(chunk)]


def test_a_packet_is_its_headers():
    assert framed(BANNER, b"Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n") == [
        {"Event": ["FullyBooted"], "Status": ["Fully Booted"]}
    ]


@given(st.integers(min_value=0, max_value=200), st.integers(min_value=0, max_value=200))
def test_korean_survives_any_cut(first: int, second: int):
    data = BANNER + "Event: X\r\nMemberName: 김하나 상담원\r\n\r\nEvent: Y\r\n\r\n".encode()
    low, high = sorted((first, second))
    whole = [{"Event": ["X"], "MemberName": ["김하나 상담원"]}, {"Event": ["Y"]}]
    assert framed(data[:low], data[low:high], data[high:]) == whole


def test_byte_by_byte():
    data = BANNER + "Event: 끝\r\n\r\n".encode()
    assert framed(*(bytes([byte]) for byte in data)) == [{"Event": ["끝"]}]


def test_repeated_headers_keep_every_value_whatever_their_case():
    assert framed(BANNER + b"Response: Success\r\nOutput: a\r\noutput: b\r\n\r\n") == [
        {"Response": ["Success"], "Output": ["a", "b"]}
    ]


def test_values_keep_colons_and_spaces_and_may_be_empty():
    assert framed(BANNER + b"A: sip:x@y: z \r\nB:\r\nC: \r\n\r\n") == [{"A": ["sip:x@y: z "], "B": [""], "C": [""]}]


def test_a_lone_line_feed_begins_no_header():
    (packet,) = framed(BANNER + b"Name: a\nEvent: Forged\r\n\r\n")
    assert "Event" not in packet


def test_bytes_that_are_no_utf8_are_replaced():
    assert framed(BANNER + b"Name: \xff\xfe\r\n\r\n") == [{"Name": ["\ufffd\ufffd"]}]


def test_lines_that_are_no_headers_are_passed_over():
    framer = Framer()
    packets = list(framer.feed(BANNER + b"what is this\r\nEvent: X\r\n\r\n\r\n\r\n"))
    assert (packets, framer.ignored) == ([{"Event": ["X"]}], 1)


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 400 Bad Request\r\n", b"S", b"\r\n", b"\x00" * 10, b"Asterisk Call Monitor/1\r\n"],
)
def test_another_protocol_is_noticed_at_once(data: bytes):
    with pytest.raises(FramingError, match="no Asterisk"):
        framed(data)


def test_a_line_without_end_is_cut_off():
    framer = Framer()
    list(framer.feed(BANNER))
    for _ in range(LINE_LIMIT // 1024):
        assert list(framer.feed(b"x" * 1024)) == []
    with pytest.raises(FramingError, match="line that is too long"):
        list(framer.feed(b"x"))


def test_a_line_with_an_end_is_limited_too():
    with pytest.raises(FramingError, match="line that is too long"):
        framed(BANNER + b"A: " + b"x" * LINE_LIMIT + b"\r\n")


def test_a_packet_without_end_is_cut_off():
    with pytest.raises(FramingError, match="packet that is too long"):
        framed(BANNER + b"A: b\r\n" * (PACKET_LIMIT + 1))


def test_a_broken_framer_stays_broken():
    framer = Framer()
    with pytest.raises(FramingError):
        list(framer.feed(b"SSH-2.0\r\n"))
    with pytest.raises(FramingError):
        list(framer.feed(BANNER))


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_garbage_never_raises_anything_else(chunks: list[bytes]):
    framer = Framer()
    list(framer.feed(BANNER))
    for chunk in chunks:
        for packet in framer.feed(chunk):
            assert all(values for values in packet.values())
