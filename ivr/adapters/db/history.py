"""Past calls with their path, streamed: however many there are, one page is in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import asyncpg

from ivr.adapters.db.pool import translated
from ivr.adapters.db.records import _call, _step
from ivr.adapters.db.sql import load
from ivr.domain.records import CallRecord, StepRecord

PAGE = 500


async def past_calls(
    pool: asyncpg.Pool, *, since: datetime | None = None, until: datetime | None = None, centre: str | None = None
) -> AsyncIterator[CallRecord]:
    """Ended calls of callers with their steps, oldest first: entered from `since` until before `until`.

    Raises PeerError when Postgres is away.
    """
    sql = load("history.sql")
    last: tuple[datetime | None, str] = (None, "")
    while True:
        with translated():
            rows = await pool.fetch(sql["page_of_calls"], since, until, centre, *last, PAGE)
            step_rows = await pool.fetch(sql["steps_of_calls"], [row["id"] for row in rows])
        steps: dict[str, list[StepRecord]] = {}
        for row in step_rows:
            steps.setdefault(row["call"], []).append(_step(row))
        for row in rows:
            yield replace(_call(row), steps=tuple(steps.get(row["id"], ())))
        if len(rows) < PAGE:
            return
        last = (rows[-1]["entered_at"], rows[-1]["id"])
