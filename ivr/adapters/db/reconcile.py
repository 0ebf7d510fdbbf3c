"""The record as `ivr reconcile` reads it: of one moment, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import asyncpg

from ivr.adapters.db.pool import connect, translated
from ivr.adapters.db.records import _call, _leg, _message, _talk
from ivr.adapters.db.sql import load
from ivr.domain.records import CallRecord

PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A call in the record, with legs, messages and talks."""

    call: CallRecord
    day: date
    purged: frozenset[str]
    """Files that were destroyed when their time was over."""


class ReconcileStore:
    """Queries for one node. Every method raises PeerError when Postgres is away."""

    def __init__(self, connection: asyncpg.Connection, node: str) -> None:
        self._connection = connection
        self._node = node
        self._sql = load("reconcile.sql")

    async def read_to(self) -> dict[str, int]:
        """How far each file of the journal is in the record, in bytes; the one that was read last at the end."""
        return {row["file"]: row["read_to"] for row in await self._fetch("positions", self._node)}

    async def lost_files(self) -> int:
        """Files of the journal that were gone before their end was seen."""
        return sum(row["lost_at"] is not None for row in await self._fetch("positions", self._node))

    async def lines_of(self, file: str) -> int:
        """Lines of this file that are in the record, torn ones included."""
        return int((await self._fetch("lines_of", self._node, file))[0]["lines"])

    async def calls(self, ids: Sequence[str]) -> dict[str, Kept]:
        """Those of these calls that there are."""
        found = await self._fetch("calls", ids)
        legs, messages, talks = [_by_call(await self._fetch(what, ids)) for what in ("legs", "messages", "talks")]
        return {
            row["id"]: Kept(
                call=replace(
                    _call(row),
                    legs=tuple(map(_leg, legs.get(row["id"], ()))),
                    messages=tuple(map(_message, messages.get(row["id"], ()))),
                    talks=tuple(map(_talk, talks.get(row["id"], ()))),
                ),
                day=row["day"],
                purged=frozenset(
                    one["file"]
                    for one in (*messages.get(row["id"], ()), *talks.get(row["id"], ()))
                    if one["purged_at"] is not None
                ),
            )
            for row in found
        }

    async def pages(self, first: date, last: date) -> AsyncIterator[list[Kept]]:
        """The calls that entered on these days, both included."""
        after: tuple[date | None, str] = (None, "")
        while True:
            rows = await self._fetch("page_of_ids", self._node, first, last, *after, PAGE)
            if rows:
                yield list((await self.calls([row["id"] for row in rows])).values())
            if len(rows) < PAGE:
                return
            after = (rows[-1]["day"], rows[-1]["id"])

    async def totals(self, first: date, last: date) -> dict[tuple[str, date], dict[str, int]]:
        """The daily totals that Postgres keeps, by centre (empty: none) and day."""
        return {
            (row["centre"], row["day"]): {
                name: value for name, value in row.items() if name not in ("node", "centre", "day")
            }
            for row in await self._fetch("totals", self._node, first, last)
        }

    async def other_nodes(self, first: date, last: date) -> list[str]:
        """Nodes beside this one that had calls."""
        return [row["node"] for row in await self._fetch("other_nodes", self._node, first, last)]

    async def files_of(self, ids: Sequence[str]) -> dict[str, set[str]]:
        """In which files of the journal the events of these calls stood."""
        return {row["call"]: set(row["files"]) for row in await self._fetch("files_of", self._node, ids)}

    async def named(self, files: Sequence[tuple[str, str]]) -> set[str]:
        """Those of these recordings (call, file) that belong to a message or a talk."""
        calls, names = [call for call, _ in files], [name for _, name in files]
        return {row["file"] for row in await self._fetch("named", calls, names)}

    async def _fetch(self, block: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        with translated():
            return await self._connection.fetch(self._sql[block], *arguments)


@asynccontextmanager
async def at_one_moment(dsn: str, node: str) -> AsyncIterator[ReconcileStore]:
    """The record of this moment, whatever is written meanwhile. Raises PeerError when Postgres is away."""
    # We read files between two questions.
    connection = await connect(dsn, settings={"idle_in_transaction_session_timeout": "10min"})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield ReconcileStore(connection, node)
    finally:
        connection.terminate()


def _by_call(rows: Sequence[asyncpg.Record]) -> Mapping[str, list[asyncpg.Record]]:
    found: dict[str, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["call"], []).append(row)
    return found
