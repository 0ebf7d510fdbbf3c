"""Follows the journal file: whole lines only, over rotation by renaming, from any position on.

Rotated files stay beside the live one under names that begin with its name (`journal.csv.1`, `journal.csv-20261123`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import structlog

from ivr.adapters.journal.lines import event_time, parse
from ivr.domain.events import Batch, Entry, Position

READ_BYTES = 256 * 1024
LONGEST_LINE = 64 * 1024
"""More bytes than this without a newline are no line; Asterisk cuts its own at 1023 characters."""
LAST_LOOKS = 4
"""Reads of a renamed file that find nothing before it counts as finished: its last writer may still hold it open."""
COMPRESSED = (".gz", ".xz", ".bz2", ".zst")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file of the journal as found in its folder."""

    path: Path
    inode: tuple[int, int]
    size: int
    fingerprint: str
    started: float


@dataclass(slots=True, kw_only=True)
class _Reading:
    """The file that is open."""

    fd: int
    inode: tuple[int, int]
    position: Position
    looks: int = 0


class JournalTail:
    """Reads what is new. Blocking, but only for one short read of a local file."""

    def __init__(self, path: Path, *, read_bytes: int = READ_BYTES) -> None:
        self._path = path
        self._read_bytes = read_bytes
        self._reading: _Reading | None = None
        self._position: Position | None = None
        self._finished = False
        self.lost_files = 0
        """How often the file that was being read had vanished with lines that nobody read."""

    def seek(self, position: Position | None) -> None:
        """Reading goes on from here; None begins with the oldest file there is."""
        self.close()
        self._position, self._finished = position, False

    def close(self) -> None:
        if self._reading is not None:
            os.close(self._reading.fd)
        self._reading = None

    def read(self) -> Batch | None:
        """The next lines, or None when there is nothing new."""
        reading = self._reading or self._open_next()
        if reading is None:
            return None
        offset = reading.position.offset
        if os.fstat(reading.fd).st_size < offset:
            self.close()  # somebody emptied it: what it holds now is another file
            return None
        chunk = os.pread(reading.fd, self._read_bytes, offset)
        whole = chunk.rfind(b"\n") + 1
        if whole:
            return self._batch(reading, chunk[:whole])
        if len(chunk) > LONGEST_LINE:
            return self._batch(reading, chunk)
        if self._may_grow(reading):
            return None
        if chunk:  # the half line that a renamed file ends with: torn
            return self._batch(reading, chunk)
        self.close()
        self._finished = True
        return None

    def bytes_after(self, position: Position | None) -> int:
        """How much of the journal is not read at `position`."""
        files = self._files()
        if position is None:
            return sum(file.size for file in files)
        current = sum(max(file.size - position.offset, 0) for file in files if file.fingerprint == position.file)
        return current + sum(file.size for file in files if file.started > position.started)

    def _batch(self, reading: _Reading, data: bytes) -> Batch:
        reading.looks = 0
        position = reading.position
        entries, offset = [], position.offset
        for line in data.removesuffix(b"\n").split(b"\n"):
            entries.append(Entry(file=position.file, offset=offset, what=parse(line)))
            offset += len(line) + 1
        after = Position(file=position.file, started=position.started, offset=position.offset + len(data))
        reading.position = self._position = after
        return Batch(entries=tuple(entries), position=after)

    def _may_grow(self, reading: _Reading) -> bool:
        """Whether the path still names the open file; a renamed one is finished after a few more looks."""
        # No file at the path: renamed, and nothing was written since. There may be a later renamed one to go on with.
        with contextlib.suppress(FileNotFoundError):
            status = self._path.stat()
            if (status.st_dev, status.st_ino) == reading.inode:
                return True
        reading.looks += 1
        return reading.looks < LAST_LOOKS

    def _open_next(self) -> _Reading | None:
        """Opens the file of the position, or the one after it. None when there is none yet."""
        files = self._files()
        position = self._position
        if position is None:
            return self._open(files[0], 0) if files else None
        current = next((file for file in files if file.fingerprint == position.file), None)
        if current is not None and not self._finished and current.size >= position.offset:
            return self._open(current, position.offset)
        later = [file for file in files if file.started > position.started and file is not current]
        if not later:
            self._finished = False  # look at the current one again: a late writer may have added to it
            return None
        if current is None and not self._finished:
            self.lost_files += 1
            log.warning("journal_file_vanished", file=position.file, read_to=position.offset)
        return self._open(later[0], 0)

    def _open(self, file: _File, offset: int) -> _Reading | None:
        try:
            fd = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) != file.inode:  # renamed between listing and opening: again next time
            os.close(fd)
            return None
        self._position = Position(file=file.fingerprint, started=file.started, offset=offset)
        self._finished = False
        self._reading = _Reading(fd=fd, inode=file.inode, position=self._position)
        return self._reading

    def _files(self) -> list[_File]:
        """The live file and its rotated predecessors, oldest first."""
        return sorted(self._candidates(), key=lambda file: file.started)

    def _candidates(self) -> Iterator[_File]:
        others = self._path.parent.glob(f"{self._path.name}?*")
        rotated = sorted(path for path in others if path.suffix not in COMPRESSED)
        seen: set[str] = set()
        for path in (self._path, *rotated):  # the live one first: a copy of it must not be taken for it
            file = _look_at(path)
            if file is not None and file.fingerprint not in seen:
                seen.add(file.fingerprint)
                yield file


def _look_at(path: Path) -> _File | None:
    """A file of the journal; None when it is gone or has no whole line yet."""
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            head = stream.read(LONGEST_LINE)
    except (FileNotFoundError, IsADirectoryError):
        return None
    first, newline, _ = head.partition(b"\n")
    if not newline and len(head) < LONGEST_LINE:
        return None
    times = (time for line in head.split(b"\n") if (time := event_time(line)) is not None)
    return _File(
        path=path,
        inode=(status.st_dev, status.st_ino),
        size=status.st_size,
        fingerprint=sha256(first).hexdigest()[:16],
        started=next(times, status.st_mtime),
    )
