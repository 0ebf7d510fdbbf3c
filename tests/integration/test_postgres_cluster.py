"""The private cluster: made, started, taken over, recovered, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil
import pytest

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.ports import Ports, find_free_ports
from ivr.adapters.runtime.postgres import PostgresCluster, require_database
from ivr.adapters.runtime.process import find_account, spawn
from ivr.adapters.runtime.toolchain import get_postgres
from ivr.errors import OperatorError, PeerError

PASSWORD = "p" * 32


def cluster_in(layout: Layout, ports: Ports, password: str = PASSWORD) -> PostgresCluster:
    return PostgresCluster(
        layout=layout, binaries=get_postgres(), ports=ports, password=password, account=find_account("nobody")
    )


@pytest.fixture
async def cluster() -> AsyncIterator[PostgresCluster]:
    # Not pytest's folder: the unprivileged user cannot go through that of root.
    var = Path(tempfile.mkdtemp(prefix="ivr-cluster-", dir="/tmp"))
    layout = Layout(var=var)
    layout.create(find_account("nobody"))
    made = cluster_in(layout, find_free_ports())
    try:
        yield made
    finally:
        await made.stop()
        shutil.rmtree(var)


def layout_of(cluster: PostgresCluster) -> Layout:
    return cluster._layout


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_it_starts_keeps_its_data_and_stops_without_a_trace(cluster: PostgresCluster) -> None:
    process = await cluster.start()
    assert psutil.Process(process.pid).username() != "root"
    await ask(cluster.dsn, "create table kept as select 7 as n")
    await cluster.stop()
    assert not process.is_running()
    assert cluster.find() is None
    await cluster.start()
    assert await ask(cluster.dsn, "select n from kept") == 7
    assert (
        await ask(cluster.dsn, "select pg_encoding_to_char(encoding) from pg_database where datname = 'ivr'") == "UTF8"
    )


async def test_it_listens_on_the_loopback_address_only_and_wants_the_password(cluster: PostgresCluster) -> None:
    process = await cluster.start()
    listening = [c.laddr for c in psutil.Process(process.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(cluster.dsn.replace(PASSWORD, "wrong"), "select 1")


async def test_one_that_still_runs_is_taken_over(cluster: PostgresCluster) -> None:
    first = await cluster.start()
    again = await cluster_in(layout_of(cluster), cluster._ports).start()
    assert again.pid == first.pid


async def test_it_recovers_from_being_killed_and_from_a_lock_of_another_program(cluster: PostgresCluster) -> None:
    process = await cluster.start()
    await ask(cluster.dsn, "create table kept as select 7 as n")
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    layout = layout_of(cluster)
    other = spawn(
        "other",
        (sys.executable, "-c", "import time; time.sleep(60)"),
        pid_file=layout.pid_file("other"),
        log_file=layout.log_file("other"),
        account=find_account("nobody"),
    )
    try:
        # The pid was given to another program of the same user meanwhile.
        lock = layout.postgres / "postmaster.pid"
        lock.write_text(lock.read_text().replace(str(process.pid), str(other.pid), 1))
        await cluster.start()
        assert await ask(cluster.dsn, "select n from kept") == 7
    finally:
        await other.stop(grace_s=5)


async def test_another_password_file_is_one_line_and_the_cluster_stays(cluster: PostgresCluster) -> None:
    await cluster.start()
    with pytest.raises(OperatorError, match=r"postgres\.secret does not open the cluster"):
        await cluster_in(layout_of(cluster), cluster._ports, "q" * 32).start()
    assert await ask(cluster.dsn, "select 1") == 1


async def test_a_taken_port_is_one_line(cluster: PostgresCluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = replace(cluster._ports, postgres=taken.getsockname()[1])
        with pytest.raises(OperatorError, match=r"for Postgres is taken.*IVR_POSTGRES_PORT"):
            await cluster_in(layout_of(cluster), ports).start()


async def test_a_cluster_of_another_version_is_one_line(cluster: PostgresCluster) -> None:
    (layout_of(cluster).postgres / "PG_VERSION").write_text("9\n")
    with pytest.raises(OperatorError, match="was made by Postgres 9"):
        await cluster.start()


async def test_a_database_url_that_leads_nowhere_is_one_line_without_its_password() -> None:
    port = find_free_ports().postgres
    with pytest.raises(PeerError) as caught:
        await require_database(f"postgresql://u:verysecret@127.0.0.1:{port}/x")
    assert f"127.0.0.1:{port}/x" in str(caught.value)
    assert "verysecret" not in str(caught.value)
