"""Whether a database is ours to write to: asked at the start of each session, for it may have been away, or changed."""

from __future__ import annotations

from importlib.resources import files

import asyncpg

from ivr.errors import OperatorError, PeerError


async def require_ours(connection: asyncpg.Connection, key_id: str) -> None:
    """Raises PeerError while the schema is not up to date yet, OperatorError when it is of a newer release or sealed
    under another key than `key_id`."""
    if not await connection.fetchval("SELECT to_regclass('ivr_migrations._yoyo_migration') IS NOT NULL"):
        raise PeerError("the database has no schema yet: `ivr up` or `ivr migrate` makes it")
    rows = await connection.fetch("SELECT migration_id FROM ivr_migrations._yoyo_migration")
    applied, known = {row["migration_id"] for row in rows}, known_migrations()
    if newer := applied - known:
        raise OperatorError(f"the database was made by a newer release (it has {', '.join(sorted(newer))})")
    if missing := known - applied:
        raise PeerError(f"the database is not up to date yet (it lacks {', '.join(sorted(missing))})")
    owner = await connection.fetchval("SELECT key_fingerprint FROM ivr.vault")
    if owner is None:
        raise PeerError("the database is not claimed yet: `ivr up` or `ivr migrate` does it")
    if owner != key_id:
        raise OperatorError(f"this database is sealed under key {owner}, but var/secrets/seal.key is {key_id}")


def known_migrations() -> set[str]:
    """Names of the migrations of this release."""
    folder = files("ivr.adapters.db").joinpath("migrations")
    return {entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")}
