"""Recorded calls streamed out of Postgres and replayed. IVR_REPLAY_CALLS=50000 gives the figure that is promised."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from ivr.adapters.db.history import PAGE, past_calls
from ivr.adapters.db.pool import open_pool
from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.adapters.vault import KeyVault
from ivr.dialplan.compiler import load_centre
from ivr.domain.records import CallRecord
from ivr.replay import Replayer
from ivr.testing.centres import small_centre
from ivr.testing.history import random_calls

ROOT = Path(__file__).resolve().parents[2]
CALLS = int(os.environ.get("IVR_REPLAY_CALLS", "2000"))
VAULT = KeyVault(bytes(range(32)))
SINCE = datetime(2026, 11, 20, tzinfo=UTC)
DISTINCT = 500
"""The rest are the same calls under other names."""


async def write(dsn: str, calls: Iterable[CallRecord]) -> None:
    """The rows of ended calls, as ingest writes them."""
    rows, steps = [], []
    for call in calls:
        rows.append(
            (call.id, "n1", "inbound", call.dnis, call.centre, call.version, call.language, call.category, call.caller,
             call.caller_key, call.queue, call.entered_at, call.business_at, call.answered_at, call.ended_at,
             call.ended_by, call.outcome, call.entered_at.date())
        )  # fmt: skip
        steps += [
            (call.id, s.seq, s.idx, s.at, s.node, s.kind, s.phase, " ".join(s.heard), s.result, s.got, s.to)
            for s in call.steps
        ]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.copy_records_to_table("calls", schema_name="ivr", records=rows, columns=CALL_COLUMNS)
        await connection.copy_records_to_table("steps", schema_name="ivr", records=steps, columns=STEP_COLUMNS)
    finally:
        await connection.close()


CALL_COLUMNS = [
    "id",
    "node",
    "kind",
    "dnis",
    "centre",
    "version",
    "language",
    "category",
    "caller",
    "caller_key",
    "queue",
    "entered_at",
    "business_at",
    "answered_at",
    "ended_at",
    "ended_by",
    "outcome",
    "day",
]
STEP_COLUMNS = ["call", "seq", "idx", "at", "node", "kind", "phase", "heard", "result", "got", "to_node"]


async def read(dsn: str, **query: datetime | str | None) -> list[CallRecord]:
    async with open_pool(dsn, max_size=1) as pool:
        return [call async for call in past_calls(pool, **query)]  # type: ignore[arg-type]


async def test_every_call_comes_once_in_order_with_its_steps(dsn: str) -> None:
    """Over several pages, and with calls of the same instant on both sides of a page's end."""
    made = list(random_calls(small_centre(), 2 * PAGE + 7, since=SINCE, until=SINCE + timedelta(days=3), vault=VAULT))
    same_time = [replace(call, entered_at=made[PAGE].entered_at) for call in made[PAGE - 5 : PAGE + 5]]
    made[PAGE - 5 : PAGE + 5] = same_time
    await write(dsn, made)
    found = await read(dsn)
    assert [call.id for call in found] == [call.id for call in sorted(made, key=lambda c: (c.entered_at, c.id))]
    by_id = {call.id: call for call in made}
    for call in found:
        assert [(s.node, s.result, s.got) for s in call.steps] == [
            (s.node, s.result, s.got) for s in by_id[call.id].steps
        ]


async def test_only_the_calls_asked_for(dsn: str) -> None:
    made = list(random_calls(small_centre(), 40, since=SINCE, until=SINCE + timedelta(days=4), vault=VAULT))
    made[0] = replace(made[0], centre="other")
    await write(dsn, made)
    first, last = made[10].entered_at, made[20].entered_at
    assert [call.id for call in await read(dsn, since=first, until=last)] == [call.id for call in made[10:20]]
    assert [call.id for call in await read(dsn, centre="other")] == [made[0].id]


@pytest.mark.timeout(900)
async def test_many_calls_in_bounded_memory(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    known = {language: load_catalogue(ROOT / "prompts", language).keys() for language in ("ko", "en")}
    centre = load_centre(ROOT / "dialplans" / "120", known).need_all()["120"]
    made = list(random_calls(centre, DISTINCT, since=SINCE, until=SINCE + timedelta(days=7), vault=VAULT))
    for copy in range(-(-CALLS // DISTINCT)):
        await write(dsn, [replace(call, id=f"{call.id}.{copy}") for call in made])
    replayer = Replayer({"120": centre}, VAULT)
    kinds: Counter[str] = Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    async with open_pool(dsn, max_size=1) as pool:
        async for call in past_calls(pool):
            kinds[replayer.replay(call).kind] += 1
    seconds = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    assert kinds == {"same": kinds.total()}
    assert kinds.total() >= CALLS
    assert grown < 64, "memory grows with the calls"
    with capsys.disabled():
        print(f"\nreplay: {kinds.total():,} calls in {seconds:.1f} s, memory grew by {grown} MB")  # noqa: T201
