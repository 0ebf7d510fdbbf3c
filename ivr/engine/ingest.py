"""Follows the journal into the record, exactly once.

What follows from a batch of lines, and the position after it, is written in one transaction. What is in memory is
only a copy of what the record holds: whatever goes wrong, the session is dropped and the next one begins where the
record says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from ivr.domain.events import NODE_START, Batch, JournalEvent, Position, Torn
from ivr.domain.ledger import Measured, draft, is_over, live, recordings_of, settle
from ivr.domain.records import CallRecord
from ivr.errors import IvrError

log = logging.getLogger(__name__)

POLL_S = 0.05
"""Pause when the journal has nothing new; a file offers nothing to wait for."""
PAUSE_S = 0.5
"""After a write: what comes meanwhile goes into one transaction, which costs much less than several."""
REFRESH_S = 1.0
"""A live call's rows are at most this old; its end is written at once."""
BUSY = 300
"""Lines in one read from which on the next read follows without a pause."""
UNSETTLED_S = 10.0
"""How long the end of a call waits for its recordings to be closed and readable."""
BACKOFF_S = (0.1, 5.0)
BEAT_S = 3.0
"""An idle session is tried this often: a record that is cut off without a word must not go unnoticed."""
READ_BYTES = (4 * 1024, 256 * 1024)
"""Least and most of one transaction. One that fails halves the next: a slow record is not asked for too much."""
LINE_BYTES = 150
"""Guess before any line was read."""


class StillWritten(Exception):  # noqa: N818 - not a fault: look again in a moment
    """A recording is not closed yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A call derived anew, and what the record already holds of it."""

    record: CallRecord
    written: CallRecord | None
    """None: not known; every row is written and stale ones are removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Where the record stands."""

    positions: Sequence[Position]
    """One for each file of the journal, the one moved last at the end."""
    open_calls: Mapping[str, Sequence[JournalEvent]]
    torn: int
    lost_files: int


class Reader(Protocol):
    """The journal file."""

    def seek(self, positions: Sequence[Position]) -> None: ...

    def read(self, most: int) -> Batch | None:
        """At most about `most` bytes."""

    def bytes_after(self, positions: Sequence[Position]) -> int: ...

    def close(self) -> None: ...

    @property
    def lost_pending(self) -> int:
        """Files that vanished and that no batch has told of yet."""


class Writer(Protocol):
    """One session with the record; raises IvrError for all that goes wrong."""

    async def resume(self) -> Resume: ...

    async def events_of(self, calls: Sequence[str]) -> Mapping[str, Sequence[JournalEvent]]: ...

    async def write(self, batch: Batch | None, changes: Sequence[Change]) -> None:
        """All of it or nothing."""

    async def beat(self) -> None:
        """Whether the record is still there."""


class Record(Protocol):
    """Where calls are kept. Each wait on it has an end."""

    def session(self) -> AbstractAsyncContextManager[Writer]:
        """Raises PeerError when the record is away or another ingest of this node has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStatus:
    """For `ivr status`."""

    lag_bytes: int
    lag_s: float
    """Seconds for which there have been lines that are not in the record; 0 when there are none."""
    lag_lines: int
    """About so many lines are not in the record, by the mean length of those that are."""
    lines_per_s: float
    """How fast the last lines went into the record while there was a backlog; 0 before."""
    torn: int
    lost_files: int
    """Files of the journal that vanished before their end was seen: lines may be missing."""
    open_calls: int
    position: Position | None
    last_error: str | None
    """None when the record is being written."""


@dataclass(slots=True)
class _Call:
    """A call that is not finished in the record."""

    events: list[JournalEvent] = field(default_factory=list)
    written: CallRecord | None = None
    dirty: bool = True
    derived_at: float = float("-inf")
    over_at: float | None = None


class Ingest:
    """The loop. `measure` is blocking (it runs in a thread) and may raise StillWritten or OSError; `complete` adds to a
    call with recordings what its events cannot say."""

    def __init__(
        self,
        *,
        reader: Reader,
        record: Record,
        measure: Callable[[str], Measured | None],
        complete: Callable[[CallRecord], CallRecord] = lambda record: record,
        poll_s: float = POLL_S,
        pause_s: float = PAUSE_S,
        refresh_s: float = REFRESH_S,
        beat_s: float = BEAT_S,
    ) -> None:
        self._reader = reader
        self._record = record
        self._measure = measure
        self._complete = complete
        self._poll_s = poll_s
        self._pause_s = pause_s
        self._refresh_s = refresh_s
        self._beat_s = beat_s
        self._calls: dict[str, _Call] = {}
        self._positions: dict[str, Position] = {}
        self._position: Position | None = None
        self._read_bytes = READ_BYTES[1]
        self._torn = 0
        self._lost_files = 0
        self._lines = 0
        self._bytes = 0
        self._busy_s = 0.0
        self._busy_lines = 0
        self._unwritten_since: float | None = None
        self._last_error: str | None = None
        self._waiting: list[asyncio.Future[None]] = []

    async def caught_up(self) -> None:
        """Returns once every whole line that is in the journal now, and all that follows from it, is in the record."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        await done

    async def run(self) -> None:
        """Until cancelled. A record that is away is waited for."""
        pause = BACKOFF_S[0]
        while True:
            before = self._position
            try:
                async with self._record.session() as writer:
                    await self._follow(writer)
            except IvrError as error:
                self._fail(str(error))
            except Exception as error:  # a fault of ours in the record must not take the live calls down with it
                log.exception("ingest_failed")
                self._fail(f"{type(error).__name__} in ingest: see the log")
            finally:
                self._reader.close()
            self._read_bytes = max(self._read_bytes // 2, READ_BYTES[0])
            _require_wanted()
            pause = BACKOFF_S[0] if self._position != before else min(pause * 2, BACKOFF_S[1])
            await asyncio.sleep(pause)

    def _fail(self, error: str) -> None:
        self._last_error = error
        self._unwritten_since = self._unwritten_since or asyncio.get_running_loop().time()

    def status(self) -> IngestStatus:
        since = self._unwritten_since
        lag_bytes = self._reader.bytes_after(tuple(self._positions.values()))
        return IngestStatus(
            lag_bytes=lag_bytes,
            lag_lines=round(lag_bytes / (self._bytes / self._lines if self._lines else LINE_BYTES)),
            lines_per_s=round(self._busy_lines / self._busy_s, 1) if self._busy_s else 0.0,
            lag_s=0.0 if since is None else asyncio.get_running_loop().time() - since,
            torn=self._torn,
            lost_files=self._lost_files + self._reader.lost_pending,
            open_calls=len(self._calls),
            position=self._position,
            last_error=self._last_error,
        )

    async def _follow(self, writer: Writer) -> None:
        resume = await writer.resume()
        self._positions = {position.file: position for position in resume.positions}
        self._position = resume.positions[-1] if resume.positions else None
        self._torn, self._lost_files = resume.torn, resume.lost_files
        self._calls = {call: _Call(list(events)) for call, events in resume.open_calls.items()}
        self._reader.seek(resume.positions)
        self._last_error = None
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while True:
            _require_wanted()
            waiting = tuple(self._waiting)
            began = loop.time()
            batch = self._reader.read(self._read_bytes)
            if batch is not None:
                self._unwritten_since = self._unwritten_since or began
                await self._take(writer, batch)
            changes = await self._changes(loop.time())
            if batch is not None or changes:
                await writer.write(batch, changes)
                self._written(batch, changes)
                heard_at = loop.time()
            elif loop.time() - heard_at >= self._beat_s:
                await writer.beat()
                heard_at = loop.time()
            if batch is None:
                self._unwritten_since = None
                self._release(waiting)
            elif len(batch.entries) >= BUSY or self._read_bytes < READ_BYTES[1]:
                self._read_bytes = min(self._read_bytes * 2, READ_BYTES[1])
                self._busy_s, self._busy_lines = loop.time() - began, len(batch.entries)
                continue
            await asyncio.sleep(self._poll_s if batch is None else self._pause_s)

    def _release(self, waiting: Sequence[asyncio.Future[None]]) -> None:
        """Lets those go on who waited before the read that found nothing."""
        if any(call.dirty for call in self._calls.values()):
            return
        for future in waiting:
            self._waiting.remove(future)
            if not future.done():
                future.set_result(None)

    async def _take(self, writer: Writer, batch: Batch) -> None:
        """Sorts the events of a batch to their calls."""
        events = [entry.what for entry in batch.entries if isinstance(entry.what, JournalEvent)]
        unknown = {event.call for event in events if event.call} - self._calls.keys()
        if unknown:  # new, or a late line of a finished call: that is derived again, from all its events
            for call_id, earlier in (await writer.events_of(sorted(unknown))).items():
                self._calls[call_id] = _Call(list(earlier))
        for event in events:
            if event.type == NODE_START:
                for call in self._calls.values():
                    _feed(call, event)
            elif event.call:
                _feed(self._calls.setdefault(event.call, _Call()), event)

    async def _changes(self, now: float) -> list[Change]:
        """Derives the calls that ended, and the live ones whose rows are old."""
        changes = []
        for call in self._calls.values():
            if not call.dirty:
                continue
            if call.over_at is None and is_over(call.events):
                call.over_at = now
            if call.over_at is None and now - call.derived_at < self._refresh_s:
                continue
            record = await self._derive(call, now)
            if record is None:
                if call.written is None:  # the record must know of it before its lines count as read
                    changes.append(Change(record=live(draft(call.events)), written=None))
                continue
            call.dirty, call.derived_at = False, now
            if record != call.written:
                changes.append(Change(record=record, written=call.written))
        return changes

    async def _derive(self, call: _Call, now: float) -> CallRecord | None:
        """The call's record, or None while its recordings are still being written."""
        record = draft(call.events)
        files = recordings_of(record)
        if call.over_at is None or not files:
            return record
        patient = now - call.over_at < UNSETTLED_S
        measured = await asyncio.to_thread(_measure_all, self._measure, files, patient)
        return None if measured is None else self._complete(settle(record, measured.get))

    def _written(self, batch: Batch | None, changes: Sequence[Change]) -> None:
        if batch is not None:
            self._position = batch.position
            self._positions.pop(batch.position.file, None)
            self._positions[batch.position.file] = batch.position
            self._lost_files += len(batch.lost)
            self._lines += len(batch.entries)
            self._bytes += batch.position.offset - batch.entries[0].offset
            self._torn += sum(isinstance(entry.what, Torn) for entry in batch.entries)
        for change in changes:
            call = self._calls[change.record.id]
            call.written = change.record
            if change.record.ended_at is not None and not call.dirty:
                del self._calls[change.record.id]


def _require_wanted() -> None:
    """A cancellation that meets a breaking connection can be swallowed on its way (asyncpg 0.32): find it again."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _feed(call: _Call, event: JournalEvent) -> None:
    call.events.append(event)
    call.dirty = True


def _measure_all(
    measure: Callable[[str], Measured | None], files: Sequence[str], patient: bool
) -> dict[str, Measured | None] | None:
    """None when one is not ready and we are patient; otherwise what cannot be read counts as not there."""
    found: dict[str, Measured | None] = {}
    for file in files:
        try:
            found[file] = measure(file)
        except (StillWritten, OSError):
            if patient:
                return None
            found[file] = None
    return found
