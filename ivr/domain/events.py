"""The journal as values: what Asterisk and the flow wrote, one event a line, and where each stands in the file."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

USER_EVENT = "IVR"
"""EventType of what the flow wrote (CELGenUserEvent)."""
FALLBACK_EVENT = "IVRFALLBACK"
"""EventType of what the dialplan wrote when no controller answered."""
OVERLOAD_EVENT = "IVROVERLOAD"
"""EventType of what the dialplan wrote when it refused a call because there were enough."""
NODE_START = "NODE_START"
"""Written by whoever starts Asterisk: no call from before it is alive."""

PAYLOAD_LIMIT = 700
"""Characters of payload in one event: Asterisk cuts a record at 1023, and up to 300 go to the other fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEvent:
    """One line. Two lines with the same text are the same event."""

    type: str
    user_type: str
    at: datetime
    channel: str
    unique_id: str
    call: str
    """LinkedID; empty only for NODE_START."""
    exten: str = ""
    context: str = ""
    app: str = ""
    peer: str = ""
    extra_text: str = ""
    """EventExtra as written: a JSON object or empty."""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """`extra_text` decoded, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """A line that is no event; it is kept aside for a person to read and never stops the reading."""

    text: str = field(repr=False)
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far one file is read. It is known by its first event, not by its inode, which the next file may inherit."""

    file: str
    """Fingerprint of the file's first event and what stands before it."""
    started: float
    """Time of the file's first event, seconds since the epoch."""
    offset: int
    """Bytes of the file that are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line and where it begins: `(file, offset)` is its identity for ever."""

    file: str
    offset: int
    what: JournalEvent | Torn


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Entries of one file, read in one go, and the position after them."""

    entries: tuple[Entry, ...]
    position: Position
    lost: tuple[str, ...] = ()
    """Files that were gone before their end was seen, noticed since the batch before."""


def payload_parts(payload: str) -> tuple[str, ...]:
    """A payload as what goes into each CELGenUserEvent: itself when it is short, else `part.parts.crc.piece`."""
    if len(payload) <= PAYLOAD_LIMIT:
        return (payload,)
    pieces = [payload[start : start + PAYLOAD_LIMIT] for start in range(0, len(payload), PAYLOAD_LIMIT)]
    check = crc32(payload.encode("ascii"))
    return tuple(f"{part}.{len(pieces)}.{check:08x}.{piece}" for part, piece in enumerate(pieces))


class PayloadJoiner:
    """Puts the parts of payloads together again, in whatever number of repeats they come."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str, str], dict[str, str]] = {}

    def feed(self, channel_id: str, text: str) -> str | None:
        """The whole payload once its last missing part came, else None. Raises ValueError when the parts do not fit."""
        if "." not in text:
            return text
        part, count, check, piece = text.split(".", 3)
        parts = self._parts.setdefault((channel_id, count, check), {})
        parts[part] = piece
        if len(parts) < int(count):
            return None
        whole = "".join(parts[str(number)] for number in range(int(count)))
        if f"{crc32(whole.encode('ascii')):08x}" != check:
            raise ValueError("the parts of a payload do not fit together")
        return whole


def distinct(events: Sequence[JournalEvent]) -> tuple[JournalEvent, ...]:
    """The events without repeats, in their order."""
    return tuple(dict.fromkeys(events))
