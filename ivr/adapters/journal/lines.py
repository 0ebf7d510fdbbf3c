"""One line of the journal to one event, strictly: what is not exactly an event is `Torn`."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from ivr.domain.events import NODE_START, JournalEvent, Torn

FIELDS = (
    "EventType",
    "userdeftype",
    "EventTime",
    "ChanName",
    "UniqueID",
    "LinkedID",
    "Exten",
    "Context",
    "AppName",
    "Peer",
    "EventExtra",
)
"""The order of asterisk-config/cel_custom.conf and docs/architecture.md."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"(\d{9,10})\.(\d{6})\Z", re.ASCII)
LONGEST_EVENT = 4096
"""Bytes: Asterisk cuts a record at 1023 characters."""
_BEGINNING = re.compile(rb'(?="[A-Z][A-Z0-9_]*",")')
"""How every line begins; the beginnings of two may overlap."""
_TYPE = re.compile(r"[A-Z][A-Z0-9_]*\Z", re.ASCII)
_UNSTORABLE = re.compile(r"\\u(0000|d[89a-f])", re.IGNORECASE)
"""Escapes of NUL and of lone surrogates: legal JSON that Postgres cannot hold."""


def parse_line(line: bytes) -> tuple[tuple[int, JournalEvent | Torn], ...]:
    """What stands in one line (without its newline), each with the byte that it begins at. Never raises.

    After a disk was full, half a line and the next whole one stand in one: the half is torn, the whole one an event.
    """
    whole = parse(line)
    if isinstance(whole, JournalEvent):
        return ((0, whole),)
    found: list[tuple[int, JournalEvent | Torn]] = []
    end = len(line)
    while (event := _last_event(line[:end])) is not None:
        found.insert(0, event)
        end = event[0]
    return ((0, parse(line[:end])), *found) if end or not found else tuple(found)


def _last_event(line: bytes) -> tuple[int, JournalEvent] | None:
    """The event that the line ends with, if it ends with a whole one."""
    for beginning in _BEGINNING.finditer(line, max(len(line) - LONGEST_EVENT, 0)):
        # A quote within a field is doubled, so what is a whole line from here on is no part of the line before.
        event = parse(line[beginning.start() :])
        if isinstance(event, JournalEvent):
            return beginning.start(), event
    return None


def parse(line: bytes) -> JournalEvent | Torn:
    """The event of one line (without its newline). Never raises."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return Torn(text=_storable(line.decode("utf-8", "backslashreplace")), reason="not UTF-8")
    try:
        return _event(text)
    except (ValueError, csv.Error) as error:
        return Torn(text=_storable(text), reason=str(error))


def node_start(node: str, at: datetime) -> bytes:
    """The line that whoever starts Asterisk appends to the journal first: it ends the calls of a killed Asterisk."""
    moment = at.astimezone(UTC)
    fields = [
        NODE_START,
        "",
        f"{int(moment.timestamp())}.{moment.microsecond:06}",
        "",
        node,
        "",
        "",
        "",
        "",
        "",
        "",
    ]
    return (",".join(f'"{field}"' for field in fields) + "\n").encode()


def event_time(line: bytes) -> float | None:
    """When the event of a line happened, in seconds since the epoch; None when the line is torn."""
    event = parse(line)
    return event.at.timestamp() if isinstance(event, JournalEvent) else None


def decode_extra(text: str) -> dict[str, Any]:
    """EventExtra as a mapping. Raises ValueError."""
    if not text:
        return {}
    if "\\u" in text and _UNSTORABLE.search(text):
        raise ValueError("EventExtra holds characters that cannot be stored")
    try:
        extra = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("EventExtra is not JSON") from error
    if not isinstance(extra, dict):
        raise ValueError("EventExtra is not an object")  # noqa: TRY004 - one kind of error for any bad line
    return extra


def _event(text: str) -> JournalEvent:
    if not (text.startswith('"') and text.endswith('"')) or "\x00" in text:
        raise ValueError("not a whole line of quoted fields")
    kind, user_type, time, channel, unique_id, call, exten, context, app, peer, extra_text = _fields(text)
    if not _TYPE.match(kind):
        raise ValueError("no type of event")  # two lines in one may look like one of a strange type
    if not unique_id or not (call or kind == NODE_START):
        raise ValueError("no type, channel or call")
    return JournalEvent(
        type=kind,
        user_type=user_type,
        at=_instant(time),
        channel=channel,
        unique_id=unique_id,
        call=call,
        exten=exten,
        context=context,
        app=app,
        peer=peer,
        extra_text=extra_text,
        extra=decode_extra(extra_text),
    )


def _fields(text: str) -> list[str]:
    """Quotes stand only in EventExtra, where they are doubled; the csv module reads whatever else there may be."""
    fields = text[1:-1].split('","', len(FIELDS) - 1)
    if len(fields) == len(FIELDS):
        extra = fields[-1]
        quotes = extra.count('"')
        if quotes == 2 * extra.count('""') and text.count('"') == 2 * len(FIELDS) + quotes:
            fields[-1] = extra.replace('""', '"')
            return fields
    rows = list(csv.reader((text,), strict=True))
    if len(rows) != 1 or len(rows[0]) != len(FIELDS):
        raise ValueError(f"not {len(FIELDS)} fields")
    return rows[0]


def _instant(text: str) -> datetime:
    if (match := _TIME.match(text)) is None:
        raise ValueError("EventTime is not seconds.microseconds")
    return _EPOCH + timedelta(seconds=int(match[1]), microseconds=int(match[2]))


def _storable(text: str) -> str:
    """Postgres text holds no NUL; a torn line is kept only as far as a person needs it."""
    return text.replace("\x00", "\\x00")[:2000]
