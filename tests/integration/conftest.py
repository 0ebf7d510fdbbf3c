"""A private Postgres for the whole run, and a fresh migrated database for each test that asks for one."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest

from ivr.adapters.db.migrate import migrate
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.ports import find_free_ports
from ivr.adapters.runtime.postgres import PostgresCluster
from ivr.adapters.runtime.process import find_account
from ivr.adapters.runtime.toolchain import get_postgres


class NewDatabase(Protocol):
    async def __call__(self, *, migrated: bool = True) -> str: ...


TEMPLATE = "ivr_template"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgresCluster]:
    # Not pytest's folder: the unprivileged user cannot go through that of root.
    var = Path(tempfile.mkdtemp(prefix="ivr-pg-", dir="/tmp"))
    layout, account = Layout(var=var), find_account("nobody")
    layout.create(account)
    started = PostgresCluster(
        layout=layout, binaries=get_postgres(), ports=find_free_ports(), password="test", account=account
    )
    try:
        asyncio.run(started.start())
        asyncio.run(_make_template(started))
        yield started
    finally:
        asyncio.run(started.stop())
        shutil.rmtree(var, ignore_errors=True)


async def _make_template(cluster: PostgresCluster) -> None:
    await _command(cluster, f"create database {TEMPLATE}")
    migrate(dsn_of(cluster, TEMPLATE))


def dsn_of(cluster: PostgresCluster, database: str) -> str:
    return f"{cluster.dsn.rsplit('/', 1)[0]}/{database}"


@pytest.fixture
async def new_database(cluster: PostgresCluster) -> AsyncIterator[NewDatabase]:
    """Makes databases: migrated and empty by default, or without a schema. They go with the test."""
    names: list[str] = []

    async def make(*, migrated: bool = True) -> str:
        name = f"test_{next(_numbers)}"
        await _command(cluster, f"create database {name}" + (f" template {TEMPLATE}" if migrated else ""))
        names.append(name)
        return dsn_of(cluster, name)

    yield make
    for name in names:
        await _command(cluster, f"drop database {name} with (force)")


@pytest.fixture
async def dsn(new_database: NewDatabase) -> str:
    """A migrated, empty database of this test alone."""
    return await new_database()


@pytest.fixture
async def empty_dsn(new_database: NewDatabase) -> str:
    """A database without a schema."""
    return await new_database(migrated=False)


async def _command(cluster: PostgresCluster, sql: str) -> None:
    connection = await asyncpg.connect(cluster.dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
