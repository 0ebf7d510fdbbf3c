"""Follows the journal: whole lines only, each once, over rotation by renaming, from any positions on.

Every file has a position of its own, so no order of files can make one be skipped or read twice, whatever the clock
did. The order only says which of several unread files comes first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ivr.adapters.journal.files import LONGEST_LINE, JournalFile, list_files
from ivr.adapters.journal.lines import parse_line
from ivr.domain.events import Batch, Entry, Position

READ_BYTES = 256 * 1024
LAST_LOOKS = 4
"""Reads of a renamed file that find nothing before it counts as finished: its last writer may still hold it open."""
LOOK_AROUND = 20
"""Reads of the live file that find nothing before the other files are looked at again for late lines."""

log = structlog.get_logger(__name__)


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
        self._read_to: dict[str, int] = {}
        self._unfinished: str | None = None
        """The file that was being read; None once its end was seen."""
        self._lost: list[str] = []
        self.lost_files = 0
        """Files that were gone (deleted, emptied) before they were seen to be read to their end."""

    @property
    def lost_pending(self) -> int:
        """Those of them that no batch has told of yet."""
        return len(self._lost)

    def seek(self, positions: Iterable[Position]) -> None:
        """Reading goes on from here, one position a file, the file that is being read last.

        A file without a position is read from its beginning.
        """
        self.close()
        self._lost = []
        self._read_to, self._unfinished = {}, None
        for position in positions:
            self._read_to[position.file] = position.offset
            self._unfinished = position.file

    def close(self) -> None:
        if self._reading is not None:
            os.close(self._reading.fd)
        self._reading = None

    def read(self, most: int | None = None) -> Batch | None:
        """The next lines, of at most about `most` bytes, or None when there is nothing new."""
        reading = self._reading or self._open_next()
        if reading is None:
            return None
        offset = reading.position.offset
        if os.fstat(reading.fd).st_size < offset:
            self.close()  # somebody emptied it: what it holds now is another file
            return None
        chunk = os.pread(reading.fd, min(most or self._read_bytes, self._read_bytes), offset)
        whole = chunk.rfind(b"\n") + 1
        if not whole and len(chunk) <= LONGEST_LINE:  # a line may be longer than a small read
            chunk = os.pread(reading.fd, LONGEST_LINE + 1, offset)
            whole = chunk.find(b"\n") + 1
        if whole:
            return self._batch(reading, chunk[:whole])
        if len(chunk) > LONGEST_LINE:
            return self._batch(reading, chunk)
        if self._may_grow(reading):
            return None
        if chunk:  # the half line that a renamed file ends with: torn
            return self._batch(reading, chunk)
        self.close()
        self._unfinished = None
        return None

    def bytes_after(self, positions: Iterable[Position]) -> int:
        """How much of the journal is not read at these positions."""
        read_to = {position.file: position.offset for position in positions}
        return sum(max(file.size - read_to.get(file.fingerprint, 0), 0) for file in list_files(self._path))

    def _batch(self, reading: _Reading, data: bytes) -> Batch:
        reading.looks = 0
        position = reading.position
        entries, offset = [], position.offset
        for line in data.removesuffix(b"\n").split(b"\n"):
            entries += [Entry(file=position.file, offset=offset + at, what=what) for at, what in parse_line(line)]
            offset += len(line) + 1
        after = Position(file=position.file, started=position.started, offset=position.offset + len(data))
        reading.position = after
        self._read_to[after.file] = after.offset
        lost, self._lost = tuple(self._lost), []
        return Batch(entries=tuple(entries), position=after, lost=lost)

    def _may_grow(self, reading: _Reading) -> bool:
        """Whether to stay with the open file."""
        reading.looks += 1
        try:
            status = self._path.stat()
            is_live = (status.st_dev, status.st_ino) == reading.inode
        except FileNotFoundError:
            is_live = False
        if not is_live:
            return reading.looks < LAST_LOOKS
        if reading.looks >= LOOK_AROUND:
            self.close()
        return True

    def _open_next(self) -> _Reading | None:
        """Opens the first file with something unread, else the newest. None when there is none yet."""
        files = list_files(self._path)
        if self._unfinished is not None and not self._is_there(files):
            files = list_files(self._path)  # it may have been renamed while we looked
            if not self._is_there(files):
                self._lose(self._unfinished)
        unread = [file for file in files if file.size > self._read_to.get(file.fingerprint, 0)]
        # Not a file that was seen to its end, unless it is the live one: nothing will come there.
        for file in unread or [file for file in files if file.path == self._path]:
            return self._open(file)
        return None

    def _is_there(self, files: Iterable[JournalFile]) -> bool:
        return any(
            file.fingerprint == self._unfinished and file.size >= self._read_to.get(file.fingerprint, 0)
            for file in files
        )

    def _lose(self, fingerprint: str) -> None:
        log.warning("journal_file_vanished", file=fingerprint, read_to=self._read_to.get(fingerprint, 0))
        self.lost_files += 1
        self._lost.append(fingerprint)
        self._unfinished = None

    def _open(self, file: JournalFile) -> _Reading | None:
        try:
            fd = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) != file.inode:  # renamed between listing and opening: again next time
            os.close(fd)
            return None
        offset = self._read_to.get(file.fingerprint, 0)
        position = Position(file=file.fingerprint, started=file.started, offset=offset)
        self._unfinished = file.fingerprint
        self._reading = _Reading(fd=fd, inode=file.inode, position=position)
        return self._reading
