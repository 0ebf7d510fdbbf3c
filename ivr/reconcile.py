"""Do the books balance? Every caller who arrived against the journal, the record and the recordings on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ivr.adapters.db.reconcile import Kept, ReconcileStore, at_one_moment
from ivr.adapters.journal.files import list_files
from ivr.adapters.journal.history import JournalHistory, Progress, Told
from ivr.adapters.journal.recordings import RecordingsFolder, Sealed
from ivr.domain.conservation import NO_CENTRE, UNSAID, DayCount, Misfit, differences, measured_in_record
from ivr.domain.ledger import draft, settle
from ivr.domain.records import CallRecord

CATCH_UP_S = 10.0
"""How long ingest may take to read what is in the journal when we begin."""
MARGIN = timedelta(days=1)
"""Journal files that ended or began so long before or after are not read: calls over midnight, a stepped clock."""
BATCH = 200
LEAST_SECONDS = 0.002
"""Lengths that differ by less are the same."""

Spinner = Callable[[str], AbstractContextManager[Progress]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is compared."""

    dsn: str = field(repr=False)
    node: str
    journal: Path
    recordings: Path
    sealed: Sealed
    """What was recorded into the files that are sealed by now."""
    day_of: Callable[[CallRecord], date]
    """On which day of its centre a call entered."""
    complete: Callable[[CallRecord], CallRecord] = lambda call: call
    """What ingest adds to a call beside its events (`ivr.engine.fallback_messages`)."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What came out. Balanced: no misfit."""

    days: dict[tuple[date, str], DayCount] = field(default_factory=dict)
    """The record's calls by day and centre."""
    journal: dict[tuple[date, str], int] = field(default_factory=dict)
    """How many arrived by the journal."""
    misfits: dict[str, list[Misfit]] = field(default_factory=dict)
    """By call."""
    uncomparable: list[str] = field(default_factory=list)
    """What could not be compared, one line each."""
    without_journal: int = 0
    """Calls whose journal lines are not on disk any more."""
    recordings: int = 0
    sealed: int = 0
    """Of these, whose content could not be compared: they do not open."""
    destroyed: int = 0
    """Past their time, so there is nothing to compare."""

    @property
    def is_balanced(self) -> bool:
        return not self.misfits

    def blame(self, call: CallRecord | None, day: date | None, why: str, name: str = "") -> None:
        one = Misfit(
            call=call.id if call is not None else name,
            centre=_centre(call.centre) if call is not None else "",
            day=day,
            why=why,
        )
        self.misfits.setdefault(one.call, []).append(one)


async def reconcile(books: Books, first: date, last: date, spinner: Spinner) -> Report:
    """Compares all calls of this node that entered on these days, both included.

    Memory: about a hundred bytes a call. Raises PeerError when Postgres is away, OSError for unreadable files.
    """
    report = Report()
    wanted = {file.fingerprint: file.size for file in list_files(books.journal)}
    deadline = asyncio.get_running_loop().time() + CATCH_UP_S
    while True:
        async with at_one_moment(books.dsn, books.node) as store:
            read_to = await store.read_to()
            behind = sum(max(size - read_to.get(file, 0), 0) for file, size in wanted.items())
            if not behind or asyncio.get_running_loop().time() > deadline:
                await _Comparison(books, first, last, store, report).run(read_to, wanted, behind, spinner)
                return report
        await asyncio.sleep(0.2)


class _Comparison:
    """One run."""

    def __init__(self, books: Books, first: date, last: date, store: ReconcileStore, report: Report) -> None:
        self._books = books
        self._first = first
        self._last = last
        self._store = store
        self._report = report
        self._folder = RecordingsFolder(books.recordings, settle_s=0, sealed=books.sealed)
        self._history = JournalHistory(
            books.journal, since=_midnight(first) - MARGIN, until=_midnight(last) + timedelta(days=1) + MARGIN
        )
        self._seen: set[int] = set()

    async def run(self, read_to: dict[str, int], wanted: dict[str, int], behind: int, spinner: Spinner) -> None:
        if behind:
            self._report.blame(None, None, f"the record is {behind} bytes behind the journal: is ingest running?")
            read_to = {**read_to, **wanted}  # so that the calls it misses are named
        if lost := await self._store.lost_files():
            self._report.uncomparable.append(f"{lost} journal files vanished before they were read to their end")
        if others := await self._store.other_nodes(self._first, self._last):
            self._report.uncomparable.append(f"calls of node {', '.join(others)}: reconcile there")
        with spinner("reading the journal") as progress:
            for told in _batches(self._history.calls(read_to, progress), BATCH):
                await self._compare_with_journal(told)
        if not behind:
            await self._count_lines()
        with spinner("reading the record") as progress:
            done = 0
            async for page in self._store.pages(self._first, self._last):
                await self._compare_page(page)
                progress(done := done + len(page), 0)
        await self._compare_totals()
        with spinner("reading the recordings folder") as progress:
            for names in _batches(self._folder.names(self._first, self._last), BATCH):
                await self._compare_files(names)
        if self._report.without_journal:
            self._report.uncomparable.append(
                f"{self._report.without_journal} calls with the journal: files with lines of theirs are gone"
            )
        if self._report.sealed:
            self._report.uncomparable.append(f"what is in {self._report.sealed} sealed recordings that do not open")
        if self._report.destroyed:
            self._report.uncomparable.append(
                f"{self._report.destroyed} recordings past their time, which are destroyed"
            )

    def _is_ours(self, day: date) -> bool:
        return self._first <= day <= self._last

    async def _compare_with_journal(self, batch: list[Told]) -> None:
        kept = await self._store.calls([told.call for told in batch])
        doubtful: dict[str, tuple[CallRecord, date, tuple[str, ...]]] = {}
        for told in batch:
            row = kept.get(told.call)
            call = draft(told.events)
            if row is not None:
                call = settle(call, measured_in_record(row.call).get)
            call = self._books.complete(call)
            day = self._books.day_of(call) if row is None else row.day
            if not self._is_ours(day):
                continue
            self._report.misfits.pop(told.call, None)
            doubtful.pop(told.call, None)
            self._seen.add(hash(told.call))
            if call.kind == "inbound" and not told.again:
                key = (day, _centre(call.centre))
                self._report.journal[key] = self._report.journal.get(key, 0) + 1
            if row is None:
                self._report.blame(call, day, "it is in the journal, not in the record")
            elif differs := differences(call, row.call):
                doubtful[told.call] = (row.call, day, differs)
        files = await self._store.files_of(list(doubtful)) if doubtful else {}
        read = {file.fingerprint for file in self._history.files}
        for call, day, differs in doubtful.values():
            if files.get(call.id, set()) <= read:
                self._report.blame(call, day, "; ".join(differs))
            else:
                self._report.without_journal += 1

    async def _count_lines(self) -> None:
        for file in self._history.files:
            read, kept = self._history.read[file.fingerprint], await self._store.lines_of(file.fingerprint)
            if read != kept:
                why = f"{file.path.name} has {read} lines, {kept} of them are in the record"
                self._report.blame(None, None, why)

    async def _compare_page(self, page: list[Kept]) -> None:
        unseen = [kept for kept in page if hash(kept.call.id) not in self._seen]
        files = await self._store.files_of([kept.call.id for kept in unseen]) if unseen else {}
        read = {file.fingerprint for file in self._history.files}
        for kept in unseen:
            if kept.call.id not in files:
                self._report.blame(kept.call, kept.day, "it is in the record without a line of the journal")
            elif files[kept.call.id] <= read:
                self._report.blame(kept.call, kept.day, "it is in the record, not in the journal")
            else:
                self._report.without_journal += 1
        for kept in page:
            if kept.call.kind == "inbound":
                count = self._report.days.setdefault((kept.day, _centre(kept.call.centre)), DayCount())
                count.outcomes[kept.call.outcome or "open"] += 1
            if kept.call.ended_at is not None:
                await asyncio.to_thread(self._compare_recordings, kept)

    def _compare_recordings(self, kept: Kept) -> None:
        """Each kept message and each measured talk has its file, as it was measured."""
        stated = [(one.file, one.seconds, one.sha256) for one in kept.call.messages if one.state not in UNSAID]
        stated += [(one.file, one.seconds, one.sha256) for one in kept.call.talks]
        for file, seconds, sha256 in stated:
            if file in kept.purged:
                self._report.destroyed += 1
                continue
            found = self._folder.look(file)
            if sha256 is None:
                if found is not None:
                    self._report.blame(kept.call, kept.day, f"recording {file} came after the call was settled")
                continue
            self._report.recordings += 1
            if found is None:
                self._report.blame(kept.call, kept.day, f"recording {file} is not there")
            elif found.measured is None:
                self._report.sealed += 1
            elif found.measured.sha256 != sha256 or abs(found.measured.seconds - (seconds or 0.0)) > LEAST_SECONDS:
                self._report.blame(kept.call, kept.day, f"recording {file} is not what was recorded")

    async def _compare_totals(self) -> None:
        """The totals that Postgres keeps by itself against the calls one by one."""
        totals = await self._store.totals(self._first, self._last)
        counted = {
            ("" if centre == NO_CENTRE else centre, day): count.as_dict()
            for (day, centre), count in self._report.days.items()
        }
        for centre, day in sorted(totals.keys() | counted.keys()):
            if totals.get((centre, day)) != counted.get((centre, day)):
                self._report.blame(None, day, f"the daily totals of {_centre(centre)} are not those of its calls")

    async def _compare_files(self, names: list[str]) -> None:
        """Each file has its message or talk."""
        named = await self._store.named([(_call_of(name), name) for name in names])
        for name in names:
            if name not in named:
                day = date.fromisoformat(name.split("/")[1])
                self._report.blame(None, day, f"recording {name} has no row in the record", name=_call_of(name))


def _centre(centre: str | None) -> str:
    return centre or NO_CENTRE


def _call_of(name: str) -> str:
    """The id that the name of a recording begins with."""
    return name.rpartition("/")[2].rpartition("-")[0]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
