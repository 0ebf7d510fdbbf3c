"""The files of the journal: the live one and its rotated predecessors beside it, oldest first.

A file is known by its first event, not by its inode, which the next file may inherit, nor by its name, which rotation
changes. Names of rotated files begin with the live one's: `journal.csv.1` (the higher, the older, as logrotate names
them) or `journal.csv-000017` (the higher, the newer: `ivr rotate`, logrotate's dateext).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ivr.adapters.journal.lines import parse_line
from ivr.domain.events import JournalEvent

LONGEST_LINE = 64 * 1024
"""More bytes than this without a newline are no line; Asterisk cuts its own at 1023 characters."""
COMPRESSED = (".gz", ".xz", ".bz2", ".zst")
_OLDER = re.compile(r"\.(\d{1,9})\Z", re.ASCII)
_NEWER = re.compile(r"-(\d{1,14})\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFile:
    """A file of the journal as found in its folder."""

    path: Path
    inode: tuple[int, int]
    size: int
    """Bytes."""
    fingerprint: str
    started: float
    """Time of its first event, seconds since the epoch."""


def list_files(live: Path) -> list[JournalFile]:
    """Oldest first, the live one last; compressed ones are not among them.

    The clock may have been stepped, so numbers in the names go before the times of first events; those decide where
    names do not.
    """
    found = list(_candidates(live))
    rotated = [file for file in found if file.path != live]
    rotated.sort(key=lambda file: (file.started, file.path.name))
    for pattern, sign in ((_OLDER, -1), (_NEWER, 1)):
        numbers = [pattern.search(file.path.name.removeprefix(live.name)) for file in rotated]
        if all(numbers):
            ordered = {file.path: sign * int(match[1]) for file, match in zip(rotated, numbers, strict=True) if match}
            rotated.sort(key=lambda file: ordered[file.path])
            break
    return [*rotated, *(file for file in found if file.path == live)]


def rotated_names(live: Path) -> list[Path]:
    """What lies beside the live file and is not compressed; not every one needs to be of the journal."""
    return sorted(path for path in live.parent.glob(f"{live.name}?*") if path.suffix not in COMPRESSED)


def _candidates(live: Path) -> Iterator[JournalFile]:
    seen: set[str] = set()
    for path in (live, *rotated_names(live)):  # the live one first: a copy of it must not be taken for it
        file = look_at(path, is_live=path == live)
        if file is not None and file.fingerprint not in seen:
            seen.add(file.fingerprint)
            yield file


def look_at(path: Path, *, is_live: bool = False) -> JournalFile | None:
    """A file of the journal; None when it is gone or nothing in it can be told from another one yet.

    What it is known by goes up to its first event, whose time is its own: a first line that is garbage may be the
    first line of another file too.
    """
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            head = stream.read(LONGEST_LINE)
    except (FileNotFoundError, IsADirectoryError):
        return None
    known_by, started = _beginning(head)
    if started is None:
        if b"\n" not in head and len(head) < LONGEST_LINE:
            return None
        if is_live and len(head) < LONGEST_LINE:
            return None  # an event will come
    return JournalFile(
        path=path,
        inode=(status.st_dev, status.st_ino),
        size=status.st_size,
        fingerprint=sha256(known_by).hexdigest()[:16],
        started=status.st_mtime if started is None else started,
    )


def _beginning(head: bytes) -> tuple[bytes, float | None]:
    """The bytes up to the end of the first event, without its newline, and its time; all of them when there is none."""
    end = 0
    while (newline := head.find(b"\n", end)) >= 0:
        for _, what in parse_line(head[end:newline]):
            if isinstance(what, JournalEvent):
                return head[:newline], what.at.timestamp()
        end = newline + 1
    return head, None
