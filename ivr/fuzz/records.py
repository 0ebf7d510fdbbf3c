"""Cases for what becomes the record: journal lines, the file that is followed, notes and states, the ledger."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from ivr.adapters.journal.files import LONGEST_LINE
from ivr.adapters.journal.lines import FIELDS, parse, parse_line
from ivr.adapters.journal.rotation import rotate
from ivr.adapters.journal.tail import LAST_LOOKS, LOOK_AROUND, JournalTail
from ivr.adapters.vault import KeyVault
from ivr.domain.commits import decode_commit
from ivr.domain.events import PAYLOAD_LIMIT, USER_EVENT, JournalEvent, PayloadJoiner, Torn, payload_parts
from ivr.domain.flow import Playback, Prompt, Say, Spoken
from ivr.domain.ledger import OUTCOMES, Measured, derive
from ivr.domain.records import CallRecord
from ivr.domain.state import CallState
from ivr.domain.values import Personal
from ivr.engine.wire import notes_to_journal, state_from_token, state_to_token
from ivr.errors import OperatorError
from ivr.fuzz.kind import Kind, hold
from ivr.fuzz.source import Source
from ivr.settings import CHECKOUT

CAPTURES = CHECKOUT / "tests" / "data" / "journals"
"""Journals of real calls, one a file."""
VAULT = KeyVault(bytes(range(32)))
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)
"""Instants that every store and every language can hold."""
_TYPES = ("CHAN_START", "ANSWER", "APP_START", "BRIDGE_ENTER", "BRIDGE_EXIT", "BLINDTRANSFER", "HANGUP", "CHAN_END",
          "LINKEDID_END", "NODE_START", "IVR", "IVRFALLBACK", "X")  # fmt: skip
_TIME = re.compile(rb'"\d{10}\.')
_AT_LAST = b'"CHAN_END","","9999999999.000000","PJSIP/trunk-00000001","n1-9.9","n1-9.9","120","ivr","","",""'
_NOTES = ("enter", "resume", "step", "message", "callback", "queue", "survey", "end", "agent", "x")
_NOTE_FIELDS = (
    "centre", "version", "dnis", "at", "language", "caller", "caller_key", "node", "kind", "phase", "heard", "result",
    "got", "to", "category", "take", "file", "state", "data", "origin", "due", "number", "number_key", "queue",
    "talk_file", "metric", "lowest", "highest", "score", "of", "outcome", "reason", "agent", "action", "queues",
)  # fmt: skip
_INSTANTS = ("2026-11-23T10:00:00+09:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23", "x")


@cache
def captured() -> tuple[tuple[bytes, ...], ...]:
    """The lines of each capture."""
    return tuple(tuple(path.read_bytes().splitlines()) for path in sorted(CAPTURES.glob("*.csv")))


@cache
def calls() -> tuple[tuple[JournalEvent, ...], ...]:
    """The events of each captured call."""
    found: dict[str, list[JournalEvent]] = {}
    for place, lines in enumerate(captured()):
        for event in map(parse, lines):
            if isinstance(event, JournalEvent):
                found.setdefault(f"{place}/{event.call}", []).append(event)
    return tuple(tuple(events) for events in found.values() if len(events) > 1)


def journal_line(source: Source) -> None:
    """Any bytes are one event or torn, either can be stored, and an event written again is read the same."""
    line = source.damaged(source.one_of(source.one_of(captured()))) if source.chance() < 0.8 else _written(source)
    for one in line.split(b"\n"):
        read = parse(one)
        if isinstance(read, Torn):
            hold(can_be_stored(read.text) and can_be_stored(read.reason), "journal: a torn line cannot be stored")
            continue
        texts = (read.type, read.user_type, read.channel, read.unique_id, read.call, read.exten, read.context, read.app,
                 read.peer, read.extra_text)  # fmt: skip
        hold(all(map(can_be_stored, texts)), "journal: an event cannot be stored")
        hold(EARLIEST < read.at < LATEST, "journal: an event's time is none")
        hold(parse(as_line(read)) == read, "journal: an event written again is another")


def _written(source: Source) -> bytes:
    fields = [source.text(2) for _ in FIELDS]
    fields[2] = f"{source.whole(10**9, 2 * 10**9)}.{source.whole(0, 999999):06}"
    fields[-1] = json.dumps({source.text(1): source.text(2)}, ensure_ascii=source.chance() < 0.5)
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields).encode("utf-8", "replace")


def as_line(event: JournalEvent) -> bytes:
    """As Asterisk writes it: all fields quoted, quotes doubled."""
    out = io.StringIO()
    seconds = (event.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    when = f"{seconds // 10**6:09}.{seconds % 10**6:06}"
    fields = (event.type, event.user_type, when, event.channel, event.unique_id, event.call, event.exten, event.context,
              event.app, event.peer, event.extra_text)  # fmt: skip
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="").writerow(fields)
    return out.getvalue().encode()


def can_be_stored(text: str) -> bool:
    """Whether Postgres takes it as text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def journal_file(source: Source) -> None:
    """However a file is written and rotated, every whole line is read once and in order, as what it is."""
    lines = [_line_of_file(source, place) for place in range(source.whole(1, 12))]
    # A live file is read from its first event on, and Asterisk goes on writing: a whole event comes at last.
    lines.append(_AT_LAST)
    with tempfile.TemporaryDirectory(prefix="ivr-fuzz-") as folder:
        path = Path(folder) / "journal.csv"
        tail = JournalTail(path, read_bytes=source.one_of((LONGEST_LINE + 1, 4 * LONGEST_LINE)))
        read: list[str] = []
        rotations = written = 0
        for chunk in source.chunks(b"".join(line + b"\n" for line in lines)):
            with path.open("ab") as file:
                file.write(chunk)
            read += _read_some(tail)
            written += chunk.count(b"\n")
            if written < len(lines) and chunk.endswith(b"\n") and source.chance() < 0.3:
                rotations += rotate(path) is not None
                read += _read_some(tail)
        for _ in range((LOOK_AROUND + LAST_LOOKS) * (rotations + 2)):
            read += _read_some(tail)
        tail.close()
    hold(
        read == [_seen(what) for line in lines for _, what in parse_line(line)],
        "journal: lines of a file are lost, doubled or changed",
    )


def _line_of_file(source: Source, place: int) -> bytes:
    """One of a capture, `place` seconds from now: a file without any event is as old as its last change."""
    line = _TIME.sub(b'"%010d.' % (time.time() + place), source.one_of(source.one_of(captured())), count=1)
    if source.chance() < 0.3:
        line = source.damaged(line).replace(b"\n", b"")[: LONGEST_LINE // 64]
    # A line of its own each: a file is known by its first line, and a copied line would be the same file.
    return line.replace(b'"n1-', b'"n%d-' % source.whole(0, 2**60), 1)


def _read_some(tail: JournalTail) -> list[str]:
    read: list[str] = []
    while (batch := tail.read()) is not None:
        read += [_seen(entry.what) for entry in batch.entries]
    return read


def _seen(what: JournalEvent | Torn) -> str:
    return repr(what) + (what.text if isinstance(what, Torn) else "")


def payload(source: Source) -> None:
    """A commit that was cut into parts is the same again, in any order, repeated, among parts of others."""
    notes = [_note(source) for _ in range(source.whole(1, 8))]
    number = source.whole(0, 999_999)
    text = notes_to_journal(number, notes, VAULT)
    hold(text.isascii() and not set(text) & set('+/=," \r\n'), "notes: a payload has characters that mean something")
    parts = list(payload_parts(text))
    hold(all(len(part) <= PAYLOAD_LIMIT + 24 for part in parts), "notes: a part is too long for a journal record")
    joiner = PayloadJoiner()
    source.random.shuffle(parts)
    whole = [joiner.feed(channel, part) for part in (*parts[:-1], *parts[:-1], parts[-1]) for channel in ("a", "b")]
    hold(whole[-2:] == [text, text], "notes: the parts of a payload do not give it back")
    read, told = decode_commit(text)
    hold(read == number, "notes: a commit has another number")
    for note, one in zip(notes, told, strict=True):
        kept = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in note.items()
            if value not in (None, "", ())
        }
        hold(kept.keys() == one.keys(), "notes: a field is missing or too many")
        for name, value in kept.items():
            if isinstance(value, Personal):
                hold(value.text not in ("", str(one[name])), "notes: a personal value is not sealed")
                hold(VAULT.unseal(str(one[name])) == value.text, "notes: a personal value changed")
            else:
                hold(one[name] == value, "notes: a field changed")


def _note(source: Source) -> dict[str, Any]:
    fields: dict[str, Any] = {"k": source.one_of(_NOTES)}
    for _ in range(source.whole(0, 6)):
        fields[source.one_of(_NOTE_FIELDS)] = source.one_of(
            (
                whole_text(source),
                source.whole(-9, 10**6),
                None,
                source.chance() < 0.5,
                (whole_text(source),),
                Personal("0" + whole_text(source)),
            )
        )
    return fields


def whole_text(source: Source) -> str:
    """Wild text as it can come from a peer: decoded from UTF-8, so without halves of surrogate pairs or NUL."""
    return source.text(2).encode("utf-8", "replace").decode().replace("\0", "")


def state_token(source: Source) -> None:
    """A state survives its token; a token that was changed is refused by an error of ours, or is the same state."""
    state = _state(source)
    token = state_to_token(state, VAULT)
    hold(
        token.isascii() and not set(token) & set(", \"'\\\r\n${}&|;"),
        "state: a token has characters that mean something",
    )
    hold(state_from_token(token, VAULT) == state, "state: a token gives another state")
    other = source.damaged(token.encode()).decode("utf-8", "replace") if source.chance() < 0.8 else source.text()
    try:
        read = state_from_token(other, VAULT)
    except (OperatorError, ValueError) as error:
        hold(len(str(error)) < 300 and str(error).isprintable(), "state: an error repeats what it was given")
        return
    hold(read == state, "state: an altered token gives another state")


def _state(source: Source) -> CallState:
    def text() -> str:
        return whole_text(source)

    spoken: tuple[Spoken, ...] = (Prompt(text(), source.one_of((None, text()))), Say(text(), text()), Playback())
    return CallState(
        call=text(), centre=text(), version=text(), dnis=text(), started=text(), language=text(), node=text(),
        tries=source.whole(0, 9), lead=tuple(source.one_of(spoken) for _ in range(source.whole(0, 3))),
        category=source.one_of((None, text())), commits=source.whole(0, 300),
        variables={text(): Personal(text()) if source.chance() < 0.5 else text() for _ in range(source.whole(0, 4))},
    )  # fmt: skip


def ledger(source: Source) -> None:
    """Whatever the events say: one record that can be stored, at most one outcome, and repeats change nothing."""
    events = _damaged_call(source)
    record = derive(events, _measure)
    again = list(events)
    for _ in range(source.whole(1, 6)):
        place = source.whole(0, len(events) - 1)
        again.insert(source.whole(again.index(events[place]) + 1, len(again)), events[place])
    hold(derive(again, _measure) == record, "ledger: repeated events change the record")
    owed = record.kind == "inbound" and record.ended_at is not None
    hold(
        (record.outcome in OUTCOMES) if owed else (record.outcome is None), "ledger: an outcome is missing or too many"
    )
    hold(len({leg.id for leg in record.legs}) == len(record.legs), "ledger: a leg twice")
    hold(all(leg.talk_s >= 0 for leg in record.legs), "ledger: a talk of less than nothing")
    for text, instant in _leaves(record):
        hold(can_be_stored(text), "ledger: a text of a record cannot be stored")
        hold(
            instant is None or EARLIEST < instant.astimezone(UTC) < LATEST,
            "ledger: a time of a record cannot be stored",
        )


def _damaged_call(source: Source) -> list[JournalEvent]:
    events = list(source.one_of(calls()))
    for _ in range(source.whole(1, 5)):
        place = source.whole(0, len(events) - 1)
        event = events[place]
        match source.whole(0, 6):
            case 0 if len(events) > 1:
                del events[place]
            case 1:
                events.insert(source.whole(0, len(events)), event)
            case 2:
                source.random.shuffle(events)
            case 3:
                events[place] = replace(
                    event, type=source.one_of(_TYPES), at=event.at + timedelta(hours=source.whole(-2, 2))
                )
            case 4:
                other = source.one_of((whole_text(source), event.call, "PJSIP/trunk-00000001", ""))
                events[place] = replace(event, unique_id=other or "u", channel=whole_text(source), peer=other)
            case _:
                events.insert(place, replace(event, type="IVR", user_type=USER_EVENT, extra={"extra": _payload(source)},
                                             extra_text=f"{source.whole(0, 10**9)}"))  # fmt: skip
    return events


def _payload(source: Source) -> object:
    if source.chance() < 0.2:
        return source.one_of(
            (source.text(), source.whole(0, 9), None, f"0.{source.text(1)}.{source.text(1)}.x", "0.1.00000000.")
        )
    notes = [_note(source) for _ in range(source.whole(1, 4))]
    for note in notes:
        if source.chance() < 0.3:
            note[source.one_of(("at", "due"))] = source.one_of(_INSTANTS)
    text = notes_to_journal(source.whole(0, 9), notes, VAULT)
    return source.damaged(text.encode()).decode("utf-8", "replace") if source.chance() < 0.3 else text


def _measure(file: str) -> Measured | None:
    return Measured(seconds=len(file) % 7, sha256="0" * 64) if len(file) % 2 else None


def _leaves(record: CallRecord) -> Sequence[tuple[str, datetime | None]]:
    """Every text and every instant of a record."""
    from dataclasses import fields, is_dataclass

    found: list[tuple[str, datetime | None]] = []
    todo: list[Any] = [record]
    while todo:
        match todo.pop():
            case str() as text:
                found.append((text, None))
            case datetime() as instant:
                found.append(("", instant))
            case tuple() as many:
                todo += many
            case one if is_dataclass(one):
                todo += [getattr(one, field.name) for field in fields(one)]
            case _:
                pass
    return found


def _kind(name: str, case: Callable[[Source], None], share: int) -> Kind:
    return Kind(name=name, case=case, share=share)


KINDS = (
    _kind("journal-line", journal_line, 16),
    _kind("journal-file", journal_file, 1),
    _kind("payload", payload, 6),
    _kind("state-token", state_token, 6),
    _kind("ledger", ledger, 6),
)
