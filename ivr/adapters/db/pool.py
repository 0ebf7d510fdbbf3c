"""Connections to Postgres with time limits, and its errors in our words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from ivr.errors import OperatorError, PeerError

CONNECT_S = 5.0
STATEMENT_S = 10.0


def _server_settings() -> dict[str, str]:
    return {
        "application_name": "ivr",
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": str(int(STATEMENT_S * 1000)),
        "idle_in_transaction_session_timeout": str(int(STATEMENT_S * 2000)),
    }


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the driver as ours: OperatorError for what a person must mend, PeerError for what may pass.

    Errors about the data itself (asyncpg.DataError, IntegrityConstraintViolationError) go through untouched.
    """
    try:
        yield
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
        raise
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise OperatorError(f"Postgres refuses us ({error}): check DATABASE_URL or var/secrets") from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InvalidSchemaNameError) as error:
        raise OperatorError("the database is not up to date: run `ivr migrate`") from error
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise PeerError(f"Postgres: {type(error).__name__}: {str(error).partition(chr(10))[0]}") from error


async def connect(
    dsn: str, *, settings: Mapping[str, str] | None = None, within_s: float = CONNECT_S
) -> asyncpg.Connection:
    """One connection of its own, with these settings of Postgres beside ours.

    Raises PeerError when Postgres is away, OperatorError when it refuses us.
    """
    with translated():
        return await asyncpg.connect(
            dsn,
            timeout=within_s,
            command_timeout=STATEMENT_S,
            server_settings={**_server_settings(), **(settings or {})},
        )


@contextmanager
def leash(connection: asyncpg.Connection, seconds: float) -> Iterator[None]:
    """Drops the connection when what is within takes longer: also a server that is mute cannot hold us.

    A time limit by cancelling would wait for the server to agree.
    """
    cut = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        yield
    finally:
        cut.cancel()


@asynccontextmanager
async def open_pool(dsn: str, *, max_size: int = 4) -> AsyncIterator[asyncpg.Pool]:
    """A pool that connects when first used; closed at the end. Raises like `connect`."""
    with translated():
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=max_size,
            timeout=CONNECT_S,
            command_timeout=STATEMENT_S,
            server_settings=_server_settings(),
        )
    try:
        yield pool
    finally:
        await pool.close()
