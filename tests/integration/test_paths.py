"""How often callers went which way, from the record."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from journals import CALLS, interleaved
from test_ingest import ingest_all
from test_records import derived

from ivr.adapters.db.paths import count_ways
from ivr.adapters.db.pool import open_pool


@pytest.fixture
async def recorded(dsn: str, tmp_path: Path) -> str:
    """One of each recorded call."""
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(interleaved(CALLS)))
    await ingest_all(dsn, journal)
    return dsn


async def test_ways_are_counted_for_a_centre_and_a_time(recorded: str) -> None:
    calls = [derived(name) for name in CALLS]
    centre = next(call.centre for call in calls if call.centre is not None and call.steps)
    wanted = Counter(
        (step.node, step.to)
        for call in calls
        if call.centre == centre
        for step in call.steps
        if step.to is not None and step.to != step.node
    )
    latest = max(call.entered_at for call in calls)
    async with open_pool(recorded) as pool:
        assert await count_ways(pool, centre) == wanted
        assert await count_ways(pool, "elsewhere") == {}
        assert await count_ways(pool, centre, since=latest + timedelta(seconds=1)) == {}
        assert await count_ways(pool, centre, until=latest + timedelta(seconds=1)) == wanted
        assert sum((await count_ways(pool, centre, until=latest)).values()) <= sum(wanted.values())
