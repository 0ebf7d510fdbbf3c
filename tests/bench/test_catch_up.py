"""After Postgres was away, ingest makes up for it much faster than calls come: how many seconds of calls a second."""

from __future__ import annotations

import asyncio
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from ivr.adapters.db.journal import JournalStore
from ivr.adapters.db.migrate import migrate
from ivr.adapters.journal.lines import decode_extra
from ivr.adapters.journal.tail import JournalTail
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.ports import find_free_ports
from ivr.adapters.runtime.postgres import PostgresCluster
from ivr.adapters.runtime.process import find_account
from ivr.adapters.runtime.toolchain import get_postgres
from ivr.domain.ledger import Measured
from ivr.engine.ingest import Ingest

DATA = Path(__file__).parents[1] / "data" / "journals"
KINDS = ("abandoned", "answered_caller_hangs_up", "message_kept", "self_served", "queue_timeout")
CALLS_PER_S = 10
CALLS = 1800
TARGET = 10.0
"""Times real time."""
MOST_MEMORY_KB = 60 * 1024
"""That a backlog may add."""


@pytest.fixture
def dsn() -> Iterator[str]:
    var = Path(tempfile.mkdtemp(prefix="ivr-catch-up-", dir="/tmp"))
    layout, account = Layout(var=var), find_account("nobody")
    layout.create(account)
    cluster = PostgresCluster(
        layout=layout, binaries=get_postgres(), ports=find_free_ports(), password="test", account=account
    )
    try:
        asyncio.run(cluster.start())
        migrate(cluster.dsn)
        yield cluster.dsn
    finally:
        asyncio.run(cluster.stop())
        shutil.rmtree(var, ignore_errors=True)


def write_journal(journal: Path, calls: int) -> int:
    """Eight calls at a time, interleaved; the number of lines."""
    texts = [(DATA / f"{kind}.csv").read_bytes() for kind in KINDS]
    lines = 0
    with journal.open("wb") as file:
        for first in range(0, calls, 8):
            group = [
                re.sub(rb"n1-(\d+)\.(\d+)", rb"n1-\1.\g<2>%06d" % call, texts[call % len(texts)]).splitlines(True)
                for call in range(first, min(first + 8, calls))
            ]
            for row in range(max(map(len, group))):
                file.writelines(each[row] for each in group if row < len(each))
            lines += sum(map(len, group))
    return lines


async def catch_up(dsn: str, journal: Path) -> float:
    """Seconds."""
    ingest = Ingest(
        reader=JournalTail(journal),
        record=JournalStore(dsn, node="n1", decode_extra=decode_extra),
        measure=lambda _: Measured(seconds=3.0, sha256="ab" * 32),
    )
    began = time.monotonic()
    task = asyncio.create_task(ingest.run())
    await ingest.caught_up()
    took = time.monotonic() - began
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return took


async def count(dsn: str, sql: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()


def test_a_backlog_is_made_up_for_at_ten_times_real_time(dsn: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    lines = write_journal(journal, CALLS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = asyncio.run(catch_up(dsn, journal))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    ratio = CALLS / CALLS_PER_S / took
    sys.stderr.write(
        f"\ncatch-up: {lines} lines of {CALLS} calls in {took:.1f} s, {ratio:.0f} times real time at {CALLS_PER_S} "
        f"calls/s; memory grew by {grown / 1024:.0f} MB\n"
    )
    assert asyncio.run(count(dsn, "select count(*) from ivr.calls where ended_at is not null")) == CALLS
    assert asyncio.run(count(dsn, "select count(*) from ivr.events")) == lines
    assert ratio >= TARGET
    assert grown < MOST_MEMORY_KB
