"""What the record forgets when its time is over, and what it keeps of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import asyncpg

from ivr.adapters.db.pool import translated
from ivr.adapters.db.sql import load

BATCH = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was destroyed of one centre, or would be."""

    messages: int = 0
    talks: int = 0
    days: int = 0
    """Keys of personal data."""
    calls: int = 0
    callbacks: int = 0
    unmade: int = 0
    """Callbacks among them that nobody had made."""


class PurgeStore:
    """Every method raises PeerError when Postgres is away. `centre` is empty for callers of no centre."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._sql = load("purge.sql")

    async def centres(self) -> list[str]:
        """Of whom there are calls with personal data."""
        return [row["centre"] for row in await self._fetch("centres")]

    async def count(self, centre: str, first_kept: date) -> Counts:
        """How many calls and callbacks of earlier days there are to clear."""
        calls = await self._fetch("count_calls", centre, _midnight(first_kept))
        callbacks = await self._fetch("count_callbacks", centre, _midnight(first_kept))
        return Counts(calls=calls[0][0], **dict(callbacks[0]))

    async def clear(self, centre: str, first_kept: date) -> Counts:
        """Forgets who called on earlier days, and what they typed. Interrupted, it has done a part for good."""
        callbacks = await self._fetch("clear_callbacks", centre, _midnight(first_kept))
        calls = 0
        while some := (await self._fetch("clear_calls", centre, _midnight(first_kept)))[0][0]:
            calls += some
        return Counts(calls=calls, **dict(callbacks[0]))

    async def clear_torn(self, first_kept: date) -> None:
        await self._execute("clear_torn", _midnight(first_kept))

    async def mark(self, recordings: Sequence[tuple[str, str]]) -> None:
        """Notes that these recordings (call, file) are destroyed."""
        for start in range(0, len(recordings), BATCH):
            part = recordings[start : start + BATCH]
            calls, files = [call for call, _ in part], [file for _, file in part]
            await self._execute("mark_messages", calls, files)
            await self._execute("mark_talks", calls, files)

    async def begin(self, *, who: str, centre: str, as_of: datetime) -> int:
        """Notes that a purge is about to destroy; its number."""
        return int((await self._fetch("begin", who, centre, as_of))[0][0])

    async def end(self, number: int, counts: Counts) -> None:
        values = (getattr(counts, name) for name in ("messages", "talks", "days", "calls", "callbacks", "unmade"))
        await self._execute("end", number, *values)

    async def newest_call(self) -> datetime | None:
        """When the last caller came."""
        found: datetime | None = (await self._fetch("newest_call"))[0][0]
        return found

    async def _fetch(self, block: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        with translated():
            return await self._pool.fetch(self._sql[block], *arguments)

    async def _execute(self, block: str, *arguments: Any) -> None:
        with translated():
            await self._pool.execute(self._sql[block], *arguments)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
