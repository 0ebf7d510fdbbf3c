"""Ingest writes only to a database that is of this release and under our key, also when it comes later or changes."""

from __future__ import annotations

from pathlib import Path

import asyncpg
from conftest import NewDatabase
from journals import CALLS, interleaved
from test_ingest import fetch, measure_any, running

from ivr.adapters.db.gate import known_migrations
from ivr.adapters.db.journal import JournalStore
from ivr.adapters.db.migrate import migrate
from ivr.adapters.db.pool import open_pool
from ivr.adapters.db.records import RecordStore
from ivr.adapters.journal.lines import decode_extra
from ivr.adapters.journal.tail import JournalTail
from ivr.engine.ingest import Ingest
from ivr.errors import IvrError, OperatorError, PeerError
from ivr.testing.waiting import eventually


async def opens(dsn: str, key: str = "ours") -> IvrError | None:
    try:
        async with JournalStore(dsn, node="n1", decode_extra=decode_extra, key_id=key).session():
            return None
    except IvrError as error:
        return error


async def claim(dsn: str, key: str = "ours") -> None:
    async with open_pool(dsn, max_size=1) as pool:
        await RecordStore(pool).claim_key(key)


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_ours_opens(dsn: str) -> None:
    await claim(dsn)
    assert await opens(dsn) is None


async def test_without_a_schema_or_a_key_it_waits(empty_dsn: str) -> None:
    error = await opens(empty_dsn)
    assert isinstance(error, PeerError)
    assert "no schema yet" in str(error)
    migrate(empty_dsn)
    error = await opens(empty_dsn)
    assert isinstance(error, PeerError)
    assert "not claimed yet" in str(error)


async def test_an_older_schema_is_waited_for(dsn: str) -> None:
    await claim(dsn)
    newest = max(known_migrations())
    await execute(dsn, f"delete from ivr_migrations._yoyo_migration where migration_id = '{newest}'")
    error = await opens(dsn)
    assert isinstance(error, PeerError)
    assert f"lacks {newest}" in str(error)


async def test_a_newer_schema_and_another_key_are_refused(dsn: str) -> None:
    await claim(dsn)
    error = await opens(dsn, key="another")
    assert isinstance(error, OperatorError)
    assert str(error) == "this database is sealed under key ours, but var/secrets/seal.key is another"
    migrations = "ivr_migrations._yoyo_migration"
    await execute(dsn, f"update {migrations} set migration_id = '9999.future' where migration_id like '0001%'")
    error = await opens(dsn)
    assert isinstance(error, OperatorError)
    assert "newer release (it has 9999.future)" in str(error)


async def test_the_database_is_made_while_ingest_waits(new_database: NewDatabase, tmp_path: Path) -> None:
    """As after `ivr up` without Postgres."""
    dsn = await new_database(migrated=False)
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(interleaved(CALLS)))
    ingest = Ingest(
        reader=JournalTail(journal),
        record=JournalStore(dsn, node="n1", decode_extra=decode_extra, key_id="ours"),
        measure=measure_any,
    )

    async def waits() -> bool:
        return "no schema yet" in (ingest.status().last_error or "")

    async def has_all() -> bool:
        return not ingest.status().lag_bytes and ingest.status().last_error is None

    async with running(ingest):
        await eventually(waits)
        migrate(dsn)
        await claim(dsn)
        await eventually(has_all)
    assert await fetch(dsn, "select count(*) from ivr.calls where ended_at is null") == [(0,)]
