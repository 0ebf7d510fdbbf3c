"""The journal read anew from its files, call by call, in memory that does not grow with the calls."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ivr.adapters.journal.files import JournalFile, list_files
from ivr.adapters.journal.lines import event_time, parse_line
from ivr.domain.events import NODE_START, JournalEvent

GRACE_LINES = 20_000
"""So many lines after the end of a call it is told; what comes later makes it be told again."""
TAIL_BYTES = 64 * 1024

Progress = Callable[[int, int], None]
"""Bytes read, bytes in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A call as the journal tells of it."""

    call: str
    events: tuple[JournalEvent, ...]
    again: bool = False
    """It was told before, with fewer lines."""


@dataclass(slots=True)
class _Open:
    events: list[JournalEvent] = field(default_factory=list)
    over_at: int | None = None
    """Number of the line that ended it."""


class JournalHistory:
    """What is on disk: the live file and the rotated ones beside it that are not compressed."""

    def __init__(self, live: Path, *, since: datetime, until: datetime) -> None:
        """Files that end before `since` or begin after `until` are not read: leave a margin for a stepped clock."""
        self.files = [
            file
            for file in list_files(live)
            if file.started <= until.timestamp() and (_last_time(file) or file.started) >= since.timestamp()
        ]
        self.read: Counter[str] = Counter()
        """Lines of each file that were read, torn ones included."""
        self._open: dict[str, _Open] = {}
        self._ended: deque[str] = deque()
        self._told: set[int] = set()
        """Hashes of the calls that were told: a few bytes a call."""
        self._late: set[str] = set()
        self._lines = 0

    def calls(self, read_to: Mapping[str, int], progress: Progress) -> Iterator[Told]:
        """Every call, once it is over, the open ones last; each file only up to the byte in `read_to`."""
        total = sum(read_to.get(file.fingerprint, 0) for file in self.files)
        done = 0
        for file in self.files:
            end = read_to.get(file.fingerprint, 0)
            for event in self._events(file, end):
                self._feed(event)
                yield from self._finished(GRACE_LINES)
                if self._lines % 10_000 == 0:
                    progress(done, total)
            done += end
            progress(done, total)
        yield from self._finished(0)
        for call, one in self._open.items():
            yield Told(call=call, events=tuple(one.events))
        self._open.clear()
        yield from self._told_again(read_to)

    def _events(self, file: JournalFile, end: int) -> Iterator[JournalEvent]:
        with file.path.open("rb") as stream:
            at = 0
            while at < end and (line := stream.readline()):
                at += len(line)
                for _, what in parse_line(line.removesuffix(b"\n")):
                    self._lines += 1
                    self.read[file.fingerprint] += 1
                    if isinstance(what, JournalEvent):
                        yield what

    def _feed(self, event: JournalEvent) -> None:
        if event.type == NODE_START:
            for call, one in self._open.items():
                self._add(call, one, event)
        elif event.call and hash(event.call) in self._told:
            self._late.add(event.call)
        elif event.call:
            self._add(event.call, self._open.setdefault(event.call, _Open()), event)

    def _add(self, call: str, one: _Open, event: JournalEvent) -> None:
        one.events.append(event)
        if one.over_at is None and event.type in ("LINKEDID_END", NODE_START):
            one.over_at = self._lines
            self._ended.append(call)

    def _finished(self, grace: int) -> Iterator[Told]:
        while self._ended:
            one = self._open[self._ended[0]]
            if grace and one.over_at is not None and self._lines - one.over_at < grace:
                return
            call = self._ended.popleft()
            del self._open[call]
            self._told.add(hash(call))
            yield Told(call=call, events=tuple(one.events))

    def _told_again(self, read_to: Mapping[str, int]) -> Iterator[Told]:
        """Those with a line long after their end: rare, so the files are read a second time for them."""
        if not self._late:
            return
        events: dict[str, list[JournalEvent]] = {call: [] for call in self._late}
        counted = self.read.copy()
        for file in self.files:
            for event in self._events(file, read_to.get(file.fingerprint, 0)):
                if event.call in events:
                    events[event.call].append(event)
                elif event.type == NODE_START:
                    for own in events.values():
                        if own:
                            own.append(event)
        self.read = counted
        for call, own in events.items():
            yield Told(call=call, events=tuple(own), again=True)


def _last_time(file: JournalFile) -> float | None:
    """Time of the file's last event."""
    try:
        with file.path.open("rb") as stream:
            stream.seek(max(file.size - TAIL_BYTES, 0))
            lines = stream.read().split(b"\n")
    except FileNotFoundError:
        return None
    return next((time for line in reversed(lines) if (time := event_time(line)) is not None), None)
