"""Reading the record: calls with their path and legs, messages, callbacks, and how the calls ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from ivr.adapters.db.pool import translated
from ivr.adapters.db.sql import load
from ivr.domain.ledger import OUTCOMES
from ivr.domain.legs import LegState
from ivr.domain.records import AgentRecord, CallRecord, LegRecord, MessageRecord, StepRecord, SurveyRecord, TalkRecord
from ivr.errors import OperatorError

LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to list. Times are aware, `since` inclusive, `until` exclusive; None does not restrict."""

    since: datetime | None = None
    until: datetime | None = None
    centre: str | None = None
    limit: int = LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message and whose it is."""

    call: str
    centre: str | None
    caller: str | None
    """Sealed."""
    caller_key: str | None
    message: MessageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackItem:
    """One open or finished piece of work: call this number."""

    id: str
    """Call id and number of its first request."""
    centre: str
    category: str | None
    language: str | None
    origin: str
    number: str
    """Sealed."""
    number_key: str
    data: str | None
    """Sealed."""
    asked_at: datetime
    due: datetime
    state: str
    attempts: int
    requests: int
    """How many requests joined into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """A call with its legs, steps, messages and talks, and the work items its requests became."""

    call: CallRecord
    callbacks: tuple[CallbackItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A recording that the record names."""

    call: str
    file: str
    sha256: str | None
    """Of the recording as it was made."""
    purged_at: datetime | None
    """When it was destroyed."""


class RecordStore:
    """Queries. Every method raises PeerError when Postgres is away."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._sql = load("records.sql")

    async def list_calls(
        self, query: Query = Query(), *, outcome: str | None = None, kind: str | None = None
    ) -> list[CallRecord]:
        """Newest first, without legs and steps."""
        found = await self._fetch("list_calls", query.since, query.until, query.centre, outcome, kind, query.limit)
        return [_call(row) for row in found]

    async def get_call(self, call_id: str) -> CallDetails:
        """Raises OperatorError when there is no such call."""
        details = await self.find_call(call_id)
        if details is None:
            raise OperatorError(f"there is no call {call_id}: `ivr calls` lists those there are")
        return details

    async def find_call(self, call_id: str) -> CallDetails | None:
        found = await self._fetch("get_call", call_id)
        if not found:
            return None
        call = replace(
            _call(found[0]),
            legs=tuple(_leg(row) for row in await self._fetch("get_legs", call_id)),
            steps=tuple(_step(row) for row in await self._fetch("get_steps", call_id)),
            messages=tuple(_message(row) for row in await self._fetch("get_messages", call_id)),
            talks=tuple(_talk(row) for row in await self._fetch("get_talks", call_id)),
            agent_events=tuple(_agent_event(row) for row in await self._fetch("get_agent_events", call_id)),
            surveys=tuple(_survey(row) for row in await self._fetch("get_surveys", call_id)),
        )
        items = await self._fetch("callbacks_of", call_id)
        return CallDetails(call=call, callbacks=tuple(_callback(row) for row in items))

    async def list_messages(self, query: Query = Query(), *, state: str | None = "kept") -> list[StoredMessage]:
        """Newest first. `state` None lists discarded and empty ones too."""
        found = await self._fetch("list_messages", query.since, query.until, query.centre, state, query.limit)
        return [
            StoredMessage(
                call=row["call"],
                centre=row["centre"],
                caller=row["caller"],
                caller_key=row["caller_key"],
                message=_message(row),
            )
            for row in found
        ]

    async def list_callbacks(self, query: Query = Query(), *, state: str | None = None) -> list[CallbackItem]:
        """Soonest due first; the times of `query` are those of `due`."""
        found = await self._fetch("list_callbacks", query.since, query.until, query.centre, state, query.limit)
        return [_callback(row) for row in found]

    async def count_outcomes(self, query: Query = Query()) -> Mapping[str, int]:
        """Ended calls by outcome, every outcome named; `limit` does not matter."""
        found = await self._fetch("count_outcomes", query.since, query.until, query.centre)
        counted = {row["outcome"]: row["calls"] for row in found}
        return {outcome: counted.get(outcome, 0) for outcome in OUTCOMES}

    async def count_open(self) -> int:
        """Callers who are in the line now."""
        return int((await self._fetch("count_open"))[0][0])

    async def log_access(self, *, who: str, what: str, why: str) -> None:
        """Notes that personal data was shown; write it before showing them."""
        with translated():
            await self._pool.execute(self._sql["log_access"], who, what, why)

    async def recordings_of(self, call: str) -> list[Kept]:
        """Its kept messages and its talks."""
        return [Kept(**dict(row)) for row in await self._fetch("recordings_of", call)]

    async def settled(self, calls: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Those of the calls that are over and measured -> the files of takes that their callers discarded."""
        found = await self._fetch("settled", list(calls))
        return {row["id"]: frozenset(row["discarded"] or ()) for row in found}

    async def claim_key(self, fingerprint: str) -> None:
        """Ties the database to the sealing key. Raises OperatorError when it is sealed under another one."""
        with translated():
            await self._pool.execute(self._sql["claim_vault"], fingerprint)
            owner = await self._pool.fetchval(self._sql["vault_key"])
        if owner != fingerprint:
            raise OperatorError(
                f"this database is sealed under key {owner}, but var/secrets/seal.key is {fingerprint}: "
                "put the right key file back (from backup), or use an empty database"
            )

    async def _fetch(self, block: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        with translated():
            return await self._pool.fetch(self._sql[block], *arguments)


def _call(row: asyncpg.Record) -> CallRecord:
    return CallRecord(
        id=row["id"],
        kind=row["kind"],
        dnis=row["dnis"],
        centre=row["centre"],
        version=row["version"],
        language=row["language"],
        category=row["category"],
        caller=row["caller"],
        caller_key=row["caller_key"],
        queue=row["queue"],
        entered_at=row["entered_at"],
        business_at=row["business_at"],
        queued_at=row["queued_at"],
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
        outcome=row["outcome"],
        end_reason=row["end_reason"],
        faults=tuple(row["faults"]),
    )


def _leg(row: asyncpg.Record) -> LegRecord:
    return LegRecord(
        id=row["id"],
        kind=row["kind"],
        agent=row["agent"],
        state=LegState(row["state"]),
        created_at=row["created_at"],
        ringing_at=row["ringing_at"],
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
        hangup_cause=row["hangup_cause"],
        ended_by=row["ended_by"],
        talk_s=row["talk_s"],
    )


def _step(row: asyncpg.Record) -> StepRecord:
    return StepRecord(
        seq=row["seq"],
        idx=row["idx"],
        at=row["at"],
        node=row["node"],
        kind=row["kind"],
        phase=row["phase"],
        heard=tuple(row["heard"].split()),
        result=row["result"],
        got=row["got"],
        to=row["to_node"],
        language=row["language"],
        category=row["category"],
    )


def _message(row: asyncpg.Record) -> MessageRecord:
    return MessageRecord(
        take=row["take"],
        file=row["file"],
        at=row["recorded_at"],
        state=row["state"],
        seconds=row["seconds"],
        sha256=row["sha256"],
        language=row["language"],
        category=row["category"],
        data=row["data"],
    )


def _talk(row: asyncpg.Record) -> TalkRecord:
    return TalkRecord(file=row["file"], at=row["began_at"], seconds=row["seconds"], sha256=row["sha256"])


def _agent_event(row: asyncpg.Record) -> AgentRecord:
    return AgentRecord(
        seq=row["seq"],
        idx=row["idx"],
        at=row["at"],
        agent=row["agent"],
        action=row["action"],
        queues=tuple(row["queues"].split()),
    )


def _survey(row: asyncpg.Record) -> SurveyRecord:
    return SurveyRecord(**{name: row[name] for name in SurveyRecord.__dataclass_fields__})


def _callback(row: asyncpg.Record) -> CallbackItem:
    return CallbackItem(**{name: row[name] for name in CallbackItem.__dataclass_fields__})
