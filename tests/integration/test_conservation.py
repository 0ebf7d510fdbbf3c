"""Conservation in the database itself: no statement makes a caller disappear or counts one twice."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from journals import CALLS, interleaved, lines_of, whole_call
from test_ingest import fetch, ingest_all, new_ingest, running

from ivr.domain.ledger import Measured
from ivr.engine.ingest import StillWritten
from ivr.testing.waiting import eventually

COUNTED = """
    select centre, day::text, arrived, open, answered, self_served, message_saved, callback_queued, abandoned, blocked,
        failed from ivr.daily_totals where arrived > 0 order by 1, 2
"""


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            for statement in statements:
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_call_moves_from_open_to_its_outcome(dsn: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    lines = whole_call("n1-1.0", {"k": "end", "outcome": "self_served", "reason": None})
    journal.write_bytes(lines[0])
    await ingest_all(dsn, journal)
    assert await fetch(dsn, COUNTED) == [("", "2026-11-22", 1, 1, 0, 0, 0, 0, 0, 0, 0)]
    journal.write_bytes(b"".join(lines[:3]))
    await ingest_all(dsn, journal)
    assert await fetch(dsn, COUNTED) == [("120", "2026-11-22", 1, 1, 0, 0, 0, 0, 0, 0, 0)]
    journal.write_bytes(b"".join(lines))
    await ingest_all(dsn, journal)
    assert await fetch(dsn, COUNTED) == [("120", "2026-11-22", 1, 0, 0, 1, 0, 0, 0, 0, 0)]


async def test_totals_are_what_counting_the_calls_gives(dsn: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(interleaved(CALLS, copies=3)))
    await ingest_all(dsn, journal)
    await ingest_all(dsn, journal)
    counted = await fetch(
        dsn,
        "select coalesce(centre, ''), outcome, count(*) from ivr.calls where outcome > '' group by 1, 2 order by 1, 2",
    )
    totals = await fetch(
        dsn,
        """select t.centre, o.key, sum(o.value::int) from ivr.daily_totals t, jsonb_each_text(to_jsonb(t)) o
           where o.key not in ('node', 'centre', 'day', 'arrived')
           group by 1, 2 having sum(o.value::int) > 0 order by 1, 2""",
    )
    assert totals == counted
    assert sum(row[2] for row in counted) == 3 * (len(CALLS) - 1)
    assert await fetch(dsn, "select sum(open) from ivr.daily_totals") == [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "delete from ivr.calls",
        "truncate ivr.calls",
        "update ivr.calls set id = 'n1-9.9'",
        "update ivr.calls set outcome = null",
        "update ivr.calls set outcome = 'lost'",
        "update ivr.calls set kind = 'internal'",
        "update ivr.calls set ended_at = null",
        "update ivr.daily_totals set arrived = arrived + 1",
        "update ivr.daily_totals set self_served = self_served - 1, abandoned = abandoned + 1",
        "delete from ivr.daily_totals",
        "truncate ivr.daily_totals",
        "insert into ivr.events (node, file, at_byte, type, user_type, at, channel, unique_id, call, exten, context,"
        " app, peer, extra) values ('n1', 'f', 1, 'CHAN_START', '', now(), '', '', 'n1-5.5', '', '', '', '', '')",
    ],
)
async def test_the_database_refuses_what_would_lose_or_invent_a_caller(
    statement: str, dsn: str, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(lines_of("self_served")))
    await ingest_all(dsn, journal)
    before = await fetch(dsn, "select * from ivr.calls"), await fetch(dsn, COUNTED)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await execute(dsn, statement)
    assert (await fetch(dsn, "select * from ivr.calls"), await fetch(dsn, COUNTED)) == before


async def test_a_correction_moves_the_count_with_the_call(dsn: str, tmp_path: Path) -> None:
    """An outcome that is put right by hand changes both together."""
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(lines_of("self_served")))
    await ingest_all(dsn, journal)
    await execute(dsn, "update ivr.calls set outcome = 'failed', day = day + 1")
    assert await fetch(dsn, "select day - (select min(day) from ivr.daily_totals), self_served, failed from "
                            "ivr.daily_totals order by 1") == [(0, 0, 0), (1, 0, 1)]  # fmt: skip


async def test_a_call_that_waits_for_its_recording_is_in_the_record_already(dsn: str, tmp_path: Path) -> None:
    """All its lines are read at once, and ingest dies before the file is closed."""
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(lines_of("message_kept")))

    def still_written(file: str) -> Measured | None:
        raise StillWritten(file)

    async def is_read() -> bool:
        return await fetch(dsn, "select sum(read_to) from ivr.journal_position") == [(journal.stat().st_size,)]

    async with running(new_ingest(dsn, journal, still_written)):
        await eventually(is_read)
    assert await fetch(dsn, "select outcome, ended_at from ivr.calls") == [(None, None)]
    await ingest_all(dsn, journal)
    assert await fetch(dsn, "select outcome from ivr.calls") == [("message_saved",)]
