"""The record as ingest writes it: one connection, one transaction a batch, one ingest a node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import asyncpg
import structlog

from ivr.adapters.db import rows
from ivr.adapters.db.gate import require_ours
from ivr.adapters.db.pool import CONNECT_S, connect, leash, translated
from ivr.adapters.db.sql import load
from ivr.domain.events import Batch, JournalEvent, Position, Torn
from ivr.domain.records import CallRecord
from ivr.engine.ingest import Change, Resume
from ivr.errors import OperatorError, PeerError

log = structlog.get_logger(__name__)

DecodeExtra = Callable[[str], Mapping[str, Any]]
DayOf = Callable[[CallRecord], date]

WRITE_S = 15.0
"""For one batch, however it goes; then the session is given up."""
IDLE_S = 20.0
"""Ingest says something every few seconds: a backend that hears nothing for so long has lost its client."""


def _session_settings(idle_s: float) -> dict[str, str]:
    """A backend whose client is gone without a word would keep the lock that lets only one ingest a node write."""
    return {
        "idle_session_timeout": f"{idle_s * 1000:.0f}ms",
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "2",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "10s",
    }


def day_in_utc(record: CallRecord) -> date:
    return record.entered_at.date()


class JournalStore:
    """Where one node's journal goes. `decode_extra` is `ivr.adapters.journal.lines.decode_extra`."""

    def __init__(
        self,
        dsn: str,
        *,
        node: str,
        decode_extra: DecodeExtra,
        day_of: DayOf = day_in_utc,
        key_id: str | None = None,
        write_s: float = WRITE_S,
        idle_s: float = IDLE_S,
    ) -> None:
        """`day_of` says on which day of its centre a call entered. A database that is sealed under another key than
        `key_id` is refused; None does not look. `write_s` bounds each wait on Postgres, `idle_s`
        how long Postgres waits for us, in seconds."""
        self._dsn = dsn
        self._node = node
        self._decode_extra = decode_extra
        self._day_of = day_of
        self._key_id = key_id
        self._write_s = write_s
        self._idle_s = idle_s

    @asynccontextmanager
    async def session(self) -> AsyncIterator[JournalSession]:
        """Raises PeerError when Postgres is away or another ingest has this node."""
        sql = load("ingest.sql")
        connection = await connect(
            self._dsn, settings=_session_settings(self._idle_s), within_s=min(self._write_s, CONNECT_S)
        )
        try:
            with translated(), leash(connection, self._write_s):
                if self._key_id is not None:
                    await require_ours(connection, self._key_id)
                # Held by the connection: it ends with it, however this process ends.
                mine = await connection.fetchval(sql["try_lock"], self._node)
            if not mine:
                raise PeerError(f"another ingest follows the journal of node {self._node}")
            yield JournalSession(
                connection,
                sql,
                node=self._node,
                decode_extra=self._decode_extra,
                day_of=self._day_of,
                write_s=self._write_s,
            )
        finally:
            connection.terminate()


class JournalSession:
    """The writer of `ivr.engine.ingest`."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        sql: Mapping[str, str],
        *,
        node: str,
        decode_extra: DecodeExtra,
        day_of: DayOf,
        write_s: float,
    ) -> None:
        self._connection = connection
        self._sql = sql
        self._node = node
        self._decode_extra = decode_extra
        self._day_of = day_of
        self._write_s = write_s
        self._read_to: dict[str, int] = {}

    async def resume(self) -> Resume:
        with translated(), leash(self._connection, self._write_s):
            files = await self._connection.fetch(self._sql["positions"], self._node)
            calls = await self._connection.fetch(self._sql["open_calls"], self._node)
            torn = await self._connection.fetchval(self._sql["count_torn"], self._node)
        self._read_to = {row["file"]: row["read_to"] for row in files}
        return Resume(
            positions=tuple(Position(file=row["file"], started=row["started"], offset=row["read_to"]) for row in files),
            open_calls=await self.events_of([row["id"] for row in calls]),
            torn=torn,
            lost_files=sum(row["lost_at"] is not None for row in files),
        )

    async def beat(self) -> None:
        with translated(), leash(self._connection, self._write_s):
            await self._connection.fetchval("SELECT 1")

    async def events_of(self, calls: Sequence[str]) -> dict[str, list[JournalEvent]]:
        """The events of these calls in journal order; a call without any is not in it."""
        if not calls:
            return {}
        found: dict[str, list[JournalEvent]] = {}
        with translated(), leash(self._connection, self._write_s):
            fetched = await self._connection.fetch(self._sql["events_of"], self._node, list(calls))
        for row in fetched:
            event = self._event(row)
            if event.call:
                found.setdefault(event.call, []).append(event)
            else:  # Asterisk began anew: it concerns the calls that were there before
                for events in found.values():
                    events.append(event)
        return found

    async def write(self, batch: Batch | None, changes: Sequence[Change]) -> None:
        """The lines, what follows from them, and the position: in one transaction."""
        with translated(), leash(self._connection, self._write_s):
            try:
                await self._write(batch, changes)
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                log.warning("record_refused", error=type(error).__name__)
                await self._write(batch, changes, one_by_one=True)
        if batch is not None:
            self._read_to[batch.position.file] = batch.position.offset

    async def _write(self, batch: Batch | None, changes: Sequence[Change], *, one_by_one: bool = False) -> None:
        try:
            async with self._connection.transaction():
                if batch is not None:
                    await self._append(batch)
                    await self._move(batch)
                if not one_by_one:
                    await self._put(changes)
                    return
                for change in changes:
                    await self._put_or_note(change)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            if one_by_one:
                raise OperatorError(f"Postgres refuses a line of the journal ({type(error).__name__})") from error
            raise

    async def _put_or_note(self, change: Change) -> None:
        """A call that Postgres refuses is kept without its details, so that it never stops the others."""
        try:
            async with self._connection.transaction():
                await self._put([change])
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            fault = f"the details were refused by Postgres: {type(error).__name__}"
            await self._put([Change(record=_without_details(change.record, fault), written=None)])

    async def _append(self, batch: Batch) -> None:
        events, torn = [], []
        for entry in batch.entries:
            match entry.what:
                case JournalEvent() as event:
                    events.append((self._node, entry.file, entry.offset, *rows.of_event(event)))
                case Torn(text=text, reason=reason):
                    torn.append((self._node, entry.file, entry.offset, text, reason))
        await self._many("add_event", events)
        await self._many("add_torn", torn)

    async def _move(self, batch: Batch) -> None:
        """Only from where this session left it: a second writer could not slip in between."""
        to = batch.position
        status = await self._connection.execute(
            self._sql["move"], self._node, to.file, to.started, to.offset, self._read_to.get(to.file, 0)
        )
        if status.rpartition(" ")[2] != "1":
            raise PeerError("another ingest moved the journal's position")
        if batch.lost:
            await self._connection.execute(self._sql["lose"], self._node, list(batch.lost))

    async def _put(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        stale = [change.record.id for change in changes if rows.leaves_stale_rows(change)]
        if stale:
            for part in ("legs", "steps", "messages", "talks", "agent_events", "surveys"):
                block = f"clear_{part}"
                await self._connection.execute(self._sql[block], stale)
        fresh = [Change(record=one.record, written=None) if one.record.id in stale else one for one in changes]
        await self._many(
            "put_call", [rows.of_call(change.record, self._node, self._day_of(change.record)) for change in fresh]
        )
        await self._many("put_leg", rows.legs(fresh))
        await self._many("put_step", rows.steps(fresh))
        await self._many("put_message", rows.messages(fresh))
        await self._many("put_talk", rows.talks(fresh))
        await self._many("put_agent_event", rows.agent_events(fresh))
        await self._many("put_survey", rows.surveys(fresh))
        await self._many("ask_callback", rows.callbacks(fresh))

    async def _many(self, block: str, values: Iterable[tuple[Any, ...]]) -> None:
        if listed := list(values):
            await self._connection.executemany(self._sql[block], listed)

    def _event(self, row: asyncpg.Record) -> JournalEvent:
        return JournalEvent(
            type=row["type"],
            user_type=row["user_type"],
            at=row["at"],
            channel=row["channel"],
            unique_id=row["unique_id"],
            call=row["call"],
            exten=row["exten"],
            context=row["context"],
            app=row["app"],
            peer=row["peer"],
            extra_text=row["extra"],
            extra=self._decode_extra(row["extra"]),
        )


def _without_details(record: CallRecord, fault: str) -> CallRecord:
    return replace(
        record,
        legs=(),
        steps=(),
        messages=(),
        callbacks=(),
        talks=(),
        agent_events=(),
        surveys=(),
        faults=(*record.faults, fault),
    )
