"""How often callers went from one node of a flow to another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from ivr.adapters.db.pool import translated
from ivr.adapters.db.sql import load


async def count_ways(
    pool: asyncpg.Pool, centre: str, *, since: datetime | None = None, until: datetime | None = None
) -> Mapping[tuple[str, str], int]:
    """(node, next node) -> times taken by calls that entered from `since` until before `until`, whatever the version.

    Raises PeerError when Postgres is away.
    """
    with translated():
        rows = await pool.fetch(load("paths.sql")["count_ways"], centre, since, until)
    return {(row["node"], row["to_node"]): row["calls"] for row in rows}
