"""Tells when files that people edit have changed and come to rest.

Polled: what editors and mounts announce differs, and a look costs little.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

POLL_S = 0.5
SETTLE_S = 1.0
"""Seconds without a further change after which nobody is in the middle of saving."""

Look = frozenset[tuple[str, int, int]]


class FolderWatch:
    """Files below `folders` whose names end in one of `suffixes`; what is hidden (editors' own files) is left out."""

    def __init__(self, folders: Sequence[Path], suffixes: Collection[str]) -> None:
        self._folders = folders
        self._suffixes = suffixes

    async def changes(self) -> AsyncIterator[None]:
        """Yields after each change from what there was at the first look. Endless."""
        known = seen = self._look()
        still_s = 0.0
        while True:
            await asyncio.sleep(POLL_S)
            now = self._look()
            still_s = still_s + POLL_S if now == seen else 0.0
            seen = now
            if now != known and still_s >= SETTLE_S:
                known = now
                yield

    def _look(self) -> Look:
        return frozenset(entry for folder in self._folders for entry in self._entries(folder))

    def _entries(self, folder: Path) -> Look:
        found = set()
        for path in folder.rglob("*"):
            if path.suffix not in self._suffixes or path.name.startswith("."):
                continue
            try:
                status = path.stat()
            except OSError:  # gone between the two looks
                continue
            found.add((str(path), status.st_mtime_ns, status.st_size))
        return frozenset(found)
