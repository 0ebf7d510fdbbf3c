"""The journal and Postgres, read independently of one another into the same form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import asyncpg

from ivr.adapters.db.pool import translated
from ivr.adapters.db.sql import load
from ivr.adapters.journal.tail import JournalTail
from ivr.chaos.verdict import Seen
from ivr.domain.events import NODE_START, JournalEvent
from ivr.domain.ledger import Measured, derive, is_over
from ivr.domain.records import CallRecord

STILL = timedelta(seconds=20)
"""Nothing more is expected of a call this long after its end; its events make room then."""
SOUND = Measured(seconds=1.0, sha256="")


@dataclass(slots=True)
class JournalBook:
    """Callers' calls as the journal has them. `read` it now and then: a long run has more events than fit."""

    tail: JournalTail
    complete: Callable[[CallRecord], CallRecord]
    """What ingest adds to a call that the dialplan served alone."""
    torn: int = 0
    _events: dict[str, list[JournalEvent]] = field(default_factory=lambda: defaultdict(list))
    _over: dict[str, datetime] = field(default_factory=dict)
    _seen: dict[str, Seen] = field(default_factory=dict)

    def read(self) -> None:
        """Takes in what is new."""
        newest: datetime | None = None
        for batch in iter(self.tail.read, None):
            for entry in batch.entries:
                if isinstance(entry.what, JournalEvent):
                    self._take(entry.what)
                    newest = entry.what.at
                else:
                    self.torn += 1
        if newest is not None:
            for call in [call for call, at in self._over.items() if at < newest - STILL]:
                self._close(call)

    def calls(self) -> list[Seen]:
        """Everything read so far."""
        for call in list(self._events):
            self._close(call)
        return list(self._seen.values())

    def count_live(self) -> int:
        """Calls that have no end yet, agents' own included."""
        return len(self._events) - len(self._over)

    def _take(self, event: JournalEvent) -> None:
        if event.type == NODE_START:  # whatever was open died with the Asterisk before
            for call, events in self._events.items():
                if call not in self._over:
                    events.append(event)
                    self._over[call] = event.at
            return
        events = self._events[event.call]
        events.append(event)
        if is_over([event]):
            self._over[event.call] = event.at

    def _close(self, call: str) -> None:
        events = self._events.pop(call)
        self._over.pop(call, None)
        record = self.complete(derive(events, lambda _: SOUND))
        if record.kind != "inbound":
            return
        silent = _of_record(self.complete(derive(events, lambda _: None)))
        seen = _of_record(record)
        self._seen[call] = seen if silent == seen else replace(seen, if_silent=silent)


def _of_record(record: CallRecord) -> Seen:
    return Seen(
        id=record.id,
        key=record.caller_key,
        dnis=record.dnis,
        entered_at=record.entered_at,
        ended_at=record.ended_at,
        outcome=record.outcome,
        end_reason=record.end_reason,
        language=record.language,
        legs=frozenset((leg.id, leg.kind, str(leg.state.value), leg.ended_at) for leg in record.legs),
        steps=len(record.steps),
        messages=len(record.messages),
        requests=len(record.callbacks),
        faults=record.faults,
    )


@dataclass(frozen=True, slots=True)
class PostgresBook:
    """Callers' calls as Postgres has them. Every method raises PeerError when it is away."""

    pool: asyncpg.Pool

    async def calls(self) -> list[Seen]:
        sql = load("comparison.sql")
        with translated():
            legs: Mapping[str, set[tuple[str, str, str, datetime | None]]] = defaultdict(set)
            for row in await self.pool.fetch(sql["all_legs"], timeout=60):
                legs[row["call"]].add((row["id"], row["kind"], row["state"], row["ended_at"]))
            rows = await self.pool.fetch(sql["all_calls"], timeout=60)
        return [_of_row(row, frozenset(legs[row["id"]])) for row in rows]

    async def count_torn(self) -> int:
        with translated():
            return int(await self.pool.fetchval(load("comparison.sql")["count_torn"]))


def _of_row(row: asyncpg.Record, legs: frozenset[tuple[str, str, str, datetime | None]]) -> Seen:
    return Seen(
        id=row["id"],
        key=row["caller_key"],
        dnis=row["dnis"],
        entered_at=row["entered_at"],
        ended_at=row["ended_at"],
        outcome=row["outcome"],
        end_reason=row["end_reason"],
        language=row["language"],
        legs=legs,
        steps=row["steps"],
        messages=row["messages"],
        requests=row["requests"],
        faults=tuple(row["faults"]),
    )
