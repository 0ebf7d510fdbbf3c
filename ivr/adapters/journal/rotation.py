"""Rotation: the live file gets a number, and old files go once the record has them."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ivr.adapters.journal.files import list_files, look_at, rotated_names

_NUMBER = re.compile(r"-(\d{6})\Z", re.ASCII)


def rotate(live: Path) -> Path | None:
    """Renames the live file to the next number, such as `journal.csv-000017`; None when no event is in it.

    Safe while Asterisk writes and ingest reads: Asterisk opens the file for each line, so its next line makes a new
    one, and a line that is on its way goes into the renamed one. Numbers, because the clock may be stepped. Raises
    OSError.
    """
    with _only_one(live):
        if look_at(live, is_live=True) is None:
            return None
        numbers = [int(match[1]) for path in rotated_names(live) if (match := _NUMBER.search(path.name))]
        target = live.with_name(f"{live.name}-{max(numbers, default=0) + 1:06}")
        live.rename(target)
        return target


def prune(live: Path, *, keep: int, read_to: dict[str, int]) -> tuple[list[Path], list[Path]]:
    """Removes all but the newest `keep` rotated files: which were removed, and which had to stay.

    Those stay that the record does not have to their end (`read_to`: bytes by fingerprint, the file read last at the
    end), and the one read last, whose end ingest may not have seen yet. Raises OSError.
    """
    last = next(reversed(read_to), None)
    removed, kept = [], []
    with _only_one(live):
        rotated = [file for file in list_files(live) if file.path != live]
        for file in rotated[: max(len(rotated) - keep, 0)]:
            if file.fingerprint != last and read_to.get(file.fingerprint, 0) >= file.size:
                file.path.unlink()
                removed.append(file.path)
            else:
                kept.append(file.path)
    return removed, kept


@contextmanager
def _only_one(live: Path) -> Iterator[None]:
    """Two at once could rename the new file too, over the old one."""
    folder = os.open(live.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
