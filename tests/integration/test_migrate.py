"""The schema comes up once, whoever else tries, and a newer database is left alone."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from ivr.adapters.db.migrate import migrate
from ivr.errors import OperatorError, PeerError

ALL = ("0001.record", "0002.surveys", "0003.conservation", "0004.keys")


async def test_migrates_once_and_is_quick_afterwards(empty_dsn: str) -> None:
    assert await asyncio.to_thread(migrate, empty_dsn) == ALL
    began = time.perf_counter()
    assert await asyncio.to_thread(migrate, empty_dsn) == ()
    assert time.perf_counter() - began < 0.5


async def test_many_processes_at_once_migrate_once(empty_dsn: str) -> None:
    results = await asyncio.gather(*(asyncio.to_thread(migrate, empty_dsn) for _ in range(4)))
    assert sorted(results) == [(), (), (), ALL]


async def test_a_lock_left_by_a_killed_process_does_not_block(empty_dsn: str) -> None:
    await asyncio.to_thread(migrate, empty_dsn)
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute("drop schema ivr cascade; delete from ivr_migrations._yoyo_migration")
    await connection.execute(
        "insert into ivr_migrations.yoyo_lock (locked, ctime, pid) values (1, '2026-11-23 10:00', 999999)"
    )
    await connection.close()
    assert await asyncio.to_thread(migrate, empty_dsn) == ALL


async def test_a_newer_database_is_refused(empty_dsn: str) -> None:
    await asyncio.to_thread(migrate, empty_dsn)
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute(
        "insert into ivr_migrations._yoyo_migration (migration_hash, migration_id) values ('x', '9999.future')"
    )
    await connection.close()
    with pytest.raises(OperatorError, match=r"newer release.*9999\.future"):
        await asyncio.to_thread(migrate, empty_dsn)


def test_no_postgres_is_one_line() -> None:
    with pytest.raises(PeerError, match="not reachable") as caught:
        migrate("postgresql://ivr:secret@127.0.0.1:1/ivr")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
