"""Brings the schema up to date: yoyo over the .sql files in migrations/, forward only."""

from __future__ import annotations

import logging
from importlib.resources import as_file, files
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
import yoyo

from ivr.errors import OperatorError, PeerError

_LOCK = 0x1_76_72_00
"""Advisory lock: one process migrates, the others wait for it."""

_LOCK_WAIT = "60s"

NOTICES_SILENCE: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""A server that is cut off without a word ends the connection within seconds."""


def migrate(dsn: str) -> tuple[str, ...]:
    """Applies what is missing and returns its names; a few milliseconds when there is nothing to do.

    Raises PeerError when Postgres is not reachable, OperatorError when it refuses a migration or is newer than we are.
    """
    # yoyo tells each step at INFO; our callers say what was applied.
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    with as_file(files("ivr.adapters.db").joinpath("migrations")) as folder:
        migrations = yoyo.read_migrations(str(folder))
    wanted = {migration.id for migration in migrations}
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10, **NOTICES_SILENCE) as guard:
            guard.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_WAIT,))
            guard.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            applied = _applied(guard)
            if unknown := applied - wanted:
                raise OperatorError(
                    f"the database was made by a newer release (it has {', '.join(sorted(unknown))}): upgrade this one"
                )
            if missing := sorted(wanted - applied):
                _apply(dsn, migrations)
            return tuple(missing)
    except psycopg.OperationalError as error:
        raise PeerError(f"Postgres is not reachable: {_first_line(error)}") from error
    except psycopg.Error as error:
        raise OperatorError(f"Postgres refused a migration: {_first_line(error)}") from error


def _applied(guard: psycopg.Connection[tuple[str, ...]]) -> set[str]:
    """Asked directly: opening yoyo for it costs more than the whole check."""
    exists = guard.execute("SELECT to_regclass('ivr_migrations._yoyo_migration') IS NOT NULL").fetchone()
    if exists is None or not exists[0]:
        return set()
    return {row[0] for row in guard.execute("SELECT migration_id FROM ivr_migrations._yoyo_migration")}


def _apply(dsn: str, migrations: object) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS ivr_migrations")
    backend = yoyo.get_backend(_yoyo_uri(dsn))
    try:
        # We hold the advisory lock, so a row that says otherwise is from a process that was killed.
        backend.break_lock()
        with backend.lock():
            backend.apply_migrations(backend.to_apply(migrations))
    finally:
        backend.connection.close()


def _yoyo_uri(dsn: str) -> str:
    """The same database for yoyo: by psycopg 3, its own tables in a schema of their own."""
    parts = urlsplit(dsn)
    query = urlencode([*parse_qsl(parts.query), ("schema", "ivr_migrations")])
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, query, ""))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
