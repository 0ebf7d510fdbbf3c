"""A private Postgres cluster under var/postgres, or the operator's own database by DATABASE_URL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.ports import Ports, require_free
from ivr.adapters.runtime.process import Account, Process, find_process, spawn, write_private
from ivr.adapters.runtime.toolchain import PostgresBinaries
from ivr.errors import OperatorError, PeerError

NAME = "postgres"
USER = DATABASE = "ivr"
START_TIMEOUT_S = 30.0
STOP_GRACE_S = 15.0
POLL_S = 0.05
OWN_SETTINGS = """\
# Written at each start by ivr/adapters/runtime/postgres.py.
include_if_exists = 'operator.conf'
# TCP on one address only: the path of a socket below var/ may be too long.
listen_addresses = '{bind}'
port = {port}
unix_socket_directories = ''
password_encryption = scram-sha-256
# Personal data is sealed before it comes here; statements are not logged all the same.
log_statement = none
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
timezone = 'UTC'
log_timezone = 'UTC'
"""


def private_dsn(ports: Ports, password: str) -> str:
    """How to connect to the private cluster, whoever runs it. It holds the password: never log it."""
    return f"postgresql://{USER}:{password}@{ports.bind}:{ports.postgres}/{DATABASE}"


class PostgresCluster:
    """One cluster in `layout.postgres` on `ports.postgres`."""

    def __init__(
        self, *, layout: Layout, binaries: PostgresBinaries, ports: Ports, password: str, account: Account | None = None
    ) -> None:
        self._layout = layout
        self._binaries = binaries
        self._ports = ports
        self._password = password
        self._account = account

    @property
    def dsn(self) -> str:
        """How to connect. It holds the password: never log it."""
        return private_dsn(self._ports, self._password)

    def find(self) -> Process | None:
        """The server that runs in this cluster, if one does."""
        return find_process(NAME, self._layout.pid_file(NAME))

    async def start(self) -> Process:
        """Makes the cluster if there is none, starts the server or takes over the one that still runs; returns when it
        accepts connections.

        Raises OperatorError when the port is taken or the cluster is damaged, PeerError when it does not come up.
        """
        if (running := self.find()) is not None:
            if await self._answers():
                return running
            await running.stop(grace_s=STOP_GRACE_S)
        require_free(
            self._ports.postgres,
            socket.SOCK_STREAM,
            bind=self._ports.bind,
            purpose="Postgres",
            setting="IVR_POSTGRES_PORT",
        )
        self._layout.require_space()
        if not (self._layout.postgres / "PG_VERSION").exists():
            await self._make_cluster()
        self._require_same_version()
        self._remove_stale_lock()
        settings = self._layout.postgres / "ivr.conf"
        write_private(settings, OWN_SETTINGS.format(bind=self._ports.bind, port=self._ports.postgres))
        if self._account is not None:
            self._layout.give_to(self._account)
        process = spawn(
            NAME,
            [self._binaries.program("postgres"), "-D", str(self._layout.postgres)],
            pid_file=self._layout.pid_file(NAME),
            log_file=self._layout.log_file(NAME),
            cwd=self._layout.postgres,
            account=self._account,
        )
        try:
            await self._wait_until_answering(process)
            await self._make_database()
        except BaseException:
            await process.stop(grace_s=STOP_GRACE_S)
            raise
        return process

    async def stop(self) -> None:
        """Ends the server after its clients' transactions were rolled back (a `fast` shutdown)."""
        process = self.find()
        if process is None:
            return
        await process.stop(grace_s=STOP_GRACE_S, interrupt=True)

    async def _make_cluster(self) -> None:
        """initdb into a folder beside the final one, so that a crash half-way leaves no half cluster."""
        fresh = Path(tempfile.mkdtemp(prefix="postgres-", dir=self._layout.var))
        password_file = fresh.with_name(fresh.name + ".password")
        write_private(password_file, self._password + "\n")
        try:
            if self._account is not None:
                for path in (fresh, password_file):
                    os.chown(path, self._account.uid, self._account.gid)
            child = await asyncio.create_subprocess_exec(
                self._binaries.program("initdb"),
                f"--pgdata={fresh}",
                f"--username={USER}",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self._layout.var,
                user=self._account.uid if self._account else None,
                group=self._account.gid if self._account else None,
                extra_groups=[] if self._account else None,
            )
            output, _ = await child.communicate()
            if child.returncode != 0:
                last = output.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
                raise OperatorError(f"cannot make the Postgres cluster in {self._layout.postgres}: {last[0]}")
            with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
                file.write("\ninclude 'ivr.conf'\n")
            # Only an empty folder gives way to the new one: an existing cluster is never touched.
            self._layout.postgres.rmdir()
            fresh.rename(self._layout.postgres)
        except OSError as error:
            raise OperatorError(
                f"cannot make the Postgres cluster in {self._layout.postgres}: {error.strerror}"
            ) from error
        finally:
            password_file.unlink(missing_ok=True)
            shutil.rmtree(fresh, ignore_errors=True)

    def _require_same_version(self) -> None:
        made_with = (self._layout.postgres / "PG_VERSION").read_text(encoding="ascii").strip()
        if self._binaries.version.split(".")[0] != made_with:
            raise OperatorError(
                f"{self._layout.postgres} was made by Postgres {made_with}, but here is {self._binaries.version}: "
                "install that version, or dump and restore into a new IVR_VAR"
            )

    def _remove_stale_lock(self) -> None:
        """postmaster.pid of a server that was killed blocks the next start when another program has its pid now."""
        lock = self._layout.postgres / "postmaster.pid"
        try:
            pid = int(lock.read_text(encoding="ascii").split("\n", 1)[0])
        except FileNotFoundError:
            return
        except ValueError:
            pid = 0
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.name() in ("postgres", "postmaster") and process.status() != psutil.STATUS_ZOMBIE:
                return
        lock.unlink(missing_ok=True)

    async def _wait_until_answering(self, process: Process) -> None:
        # Postgres offers nothing to await its readiness by.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT_S):
                while process.is_running():
                    if await self._answers():
                        return
                    await asyncio.sleep(POLL_S)
        raise PeerError(f"Postgres did not come up: see {self._layout.log_file(NAME)}")

    async def _answers(self) -> bool:
        """Raises OperatorError when it answers but does not know our password."""
        try:
            connection = await asyncpg.connect(self._dsn_of("postgres"), timeout=5)
        except asyncpg.InvalidPasswordError as error:
            secret = self._layout.secrets / "postgres.secret"
            raise OperatorError(
                f"{secret} does not open the cluster in {self._layout.postgres}: restore it from backup"
            ) from error
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def _make_database(self) -> None:
        connection = await asyncpg.connect(self._dsn_of("postgres"), timeout=5)
        try:
            if not await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
                await connection.execute(f"create database {DATABASE}")
        finally:
            await connection.close()

    def _dsn_of(self, database: str) -> str:
        return f"{self.dsn.rsplit('/', 1)[0]}/{database}"


async def require_database(dsn: str) -> None:
    """Looks whether the operator's DATABASE_URL can be connected to.

    Raises OperatorError, without the password, when it is wrong, PeerError when nobody answers there now.
    """
    try:
        where = urlsplit(dsn)
        described = f"{where.hostname or 'localhost'}:{where.port or 5432}{where.path}"
    except ValueError as error:
        raise OperatorError(
            "DATABASE_URL is not a URL: it looks like postgresql://user:password@host:5432/name"
        ) from error
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as error:
        reason = _reason(error)
        raise PeerError(f"nobody answers at {described} of DATABASE_URL ({reason})") from error
    except (ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = _reason(error)
        raise OperatorError(f"cannot use the database at {described} of DATABASE_URL: {reason}") from error
    await connection.close()


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
