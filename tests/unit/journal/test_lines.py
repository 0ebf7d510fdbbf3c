"""A line is exactly an event, or torn."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.adapters.journal.lines import FIELDS, decode_extra, event_time, node_start, parse
from ivr.domain.events import NODE_START, JournalEvent, Torn

ROOT = Path(__file__).parents[3]
GOOD = (
    b'"HANGUP","","1795323060.456952","PJSIP/trunk-00000001","n1-1795323058.1","n1-1795323058.0","s","ivr","Queue",'
    b'"PJSIP/kim-00000002","{""hangupcause"":16,""hangupsource"":""\xea\xb9\x80""}"'
)


def test_a_whole_line() -> None:
    event = parse(GOOD)
    assert event == JournalEvent(
        type="HANGUP",
        user_type="",
        at=datetime(2026, 11, 22, 4, 51, 0, 456952, tzinfo=UTC),
        channel="PJSIP/trunk-00000001",
        unique_id="n1-1795323058.1",
        call="n1-1795323058.0",
        exten="s",
        context="ivr",
        app="Queue",
        peer="PJSIP/kim-00000002",
        extra_text='{"hangupcause":16,"hangupsource":"김"}',
    )
    assert isinstance(event, JournalEvent)
    assert event.extra == {"hangupcause": 16, "hangupsource": "김"}
    assert event_time(GOOD) == 1795323060.456952


def test_the_fields_are_those_that_asterisk_writes() -> None:
    config = (ROOT / "asterisk-config" / "cel_custom.conf").read_text(encoding="utf-8")
    match = re.search(r"^fields\s*=\s*(.+)$", config, re.MULTILINE)
    assert match is not None
    assert tuple(match[1].strip().split(",")) == FIELDS


def test_the_fields_are_those_of_the_documentation() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.sub(r"\s*\([^)]*\)", "", next(line for line in text.splitlines() if line.startswith("    EventType")))
    assert tuple(named.strip().split(", ")) == FIELDS


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        GOOD[:-1],
        GOOD[1:],
        GOOD + b',"x"',
        GOOD.replace(b'"s",', b""),
        GOOD.replace(b"1795323060.456952", b"yesterday"),
        GOOD.replace(b"1795323060.456952", b"1795323060.4569"),
        GOOD.replace(b"1795323060.456952", b"99999999999.456952"),
        GOOD.replace(b'"HANGUP"', b'""'),
        GOOD.replace(b'"n1-1795323058.0"', b'""'),
        GOOD.replace(b"{", b"[", 1),
        GOOD.replace(b'{""hangup', b'{""hang\\u0000up'),
        GOOD.replace(b'{""hangup', b'{""hang\\ud800up'),
        GOOD.replace(b"trunk", b"tr\x00nk"),
        GOOD.replace(b"trunk", b"tr\xffnk"),
        GOOD.replace(b'{""hangupcause"":16,""hangupsource"":""\xea\xb9\x80""}', b"1"),
        b'"' + b"[" * 3000 + b'"',
    ],
)
def test_anything_else_is_torn(line: bytes) -> None:
    assert isinstance(parse(line), Torn)


def test_a_line_that_asterisk_cut_is_torn() -> None:
    """22.10.1 cuts a record at 1023 characters."""
    long = GOOD.replace(b"16", b'""' + b"x" * 2000 + b'""')
    assert isinstance(parse(long), JournalEvent)
    assert isinstance(parse(long[:1023]), Torn)


@given(st.binary(max_size=300) | st.text(alphabet='",\\{}:ab1\r\n\x00', max_size=60).map(str.encode))
@settings(max_examples=300)
def test_no_bytes_raise_and_what_is_torn_can_be_stored(line: bytes) -> None:
    result = parse(line)
    if isinstance(result, Torn):
        assert "\x00" not in result.text
        result.text.encode("utf-8")


@given(cut=st.integers(0, len(GOOD) - 1))
def test_no_part_of_a_line_is_an_event(cut: int) -> None:
    assert isinstance(parse(GOOD[:cut]), Torn)


def test_the_start_of_asterisk_is_a_line_of_its_own() -> None:
    at = datetime(2026, 11, 23, 1, 0, 0, 5, tzinfo=UTC)
    line = node_start("n1", at)
    assert line.endswith(b'"\n')
    event = parse(line.removesuffix(b"\n"))
    assert isinstance(event, JournalEvent)
    assert (event.type, event.at, event.unique_id, event.call) == (NODE_START, at, "n1", "")


def test_extra_is_an_object() -> None:
    assert decode_extra("") == {}
    with pytest.raises(ValueError, match="not an object"):
        decode_extra("[]")
