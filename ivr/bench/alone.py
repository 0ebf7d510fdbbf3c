"""Parts by themselves, each beside a named yardstick that does the least that could be done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

from ivr.adapters.db import rows
from ivr.adapters.db.journal import JournalStore
from ivr.adapters.db.migrate import migrate
from ivr.adapters.journal.lines import decode_extra
from ivr.adapters.journal.recordings import RecordingsFolder
from ivr.adapters.journal.tail import JournalTail
from ivr.adapters.vault import KeyVault
from ivr.bench.round import read_journal
from ivr.domain.actions import Ask, Dial, Event, Record, Speak, Wait
from ivr.domain.centre import Centre
from ivr.domain.events import JournalEvent
from ivr.engine.ingest import Ingest
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.testing.caller import FakeLine, LeavesQueue, Press
from ivr.testing.worlds import FixedCentres, ManualClock

ENGINE_CALLS = 1000
NODE = "n1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """How fast a part is, and how fast its yardstick does as many of the same things."""

    part: str
    yardstick: str
    unit: str
    per_second: float
    yardstick_per_second: float

    @property
    def slower(self) -> float:
        """How many times slower than the yardstick."""
        return self.yardstick_per_second / self.per_second


async def measure_engine(centre: Centre, at: datetime, *, calls: int = ENGINE_CALLS) -> Alone:
    """Calls to an agent on a line without Asterisk, on one core: the flow, notes, state and sealing, nothing else.

    The yardstick awaits as often as such a call does, and does nothing.
    """
    engine = Engine(centres=FixedCentres((centre,)), vault=KeyVault(bytes(range(32))), clock=ManualClock(at))
    awaits = (await simulate(engine, centre.numbers[0])).awaits
    began = time.process_time()
    for _ in range(calls):
        await simulate(engine, centre.numbers[0])
    spent = time.process_time() - began
    began = time.process_time()
    for _ in range(calls):
        await _only_await(awaits)
    return Alone(
        part="engine",
        yardstick=f"{awaits} empty awaits",
        unit="calls/s",
        per_second=calls / spent,
        yardstick_per_second=calls / (time.process_time() - began),
    )


async def simulate(engine: Engine, number: str) -> CountingLine:
    """One call by keys into the queue."""
    line = CountingLine(moves=[Press("1"), Press("1"), Press("1"), LeavesQueue("ANSWERED")])
    await engine.run(line, Arrival(call=f"{NODE}-1.0", dnis=number))
    return line


class CountingLine(FakeLine):
    """Counts what the engine awaits; after each await the event loop turns once, as it does on a socket."""

    awaits = 0

    async def _turn(self) -> None:
        self.awaits += 1
        await asyncio.sleep(0)

    async def answer(self) -> None:
        await self._turn()
        await super().answer()

    async def perform(self, action: Speak | Ask | Record) -> Event:
        await self._turn()
        return await super().perform(action)

    async def commit(self, journal: str, state: str) -> None:
        await self._turn()
        self.state = state

    async def hand_over(self, to: Wait | Dial) -> None:
        await self._turn()
        await super().hand_over(to)

    async def hang_up(self) -> None:
        await self._turn()
        await super().hang_up()


async def _only_await(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def measure_ingest(dsn: str, journal: Path, recordings: Path) -> Alone:
    """The whole journal of a run into a new database: events, calls, legs, steps and talks, recordings measured.

    The yardstick is COPY of the same events, parsed already, into a table without an index.
    """
    async with _new_database(dsn) as fresh:
        await asyncio.to_thread(migrate, fresh)
        events = read_journal(JournalTail(journal))
        ingest = Ingest(
            reader=JournalTail(journal),
            record=JournalStore(fresh, node=NODE, decode_extra=decode_extra),
            measure=RecordingsFolder(recordings).measure,
        )
        began = time.perf_counter()
        running = asyncio.create_task(ingest.run())
        await ingest.caught_up()
        spent = time.perf_counter() - began
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        copied = await _copy(fresh, events)
    return Alone(
        part="ingest",
        yardstick="COPY of the same events",
        unit="lines/s",
        per_second=len(events) / spent,
        yardstick_per_second=len(events) / copied,
    )


@asynccontextmanager
async def _new_database(dsn: str) -> AsyncIterator[str]:
    """The dsn of an empty database in the same cluster; it is dropped afterwards."""
    name = "ivr_bench_alone"
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f"drop database if exists {name} with (force)")
        await connection.execute(f"create database {name}")
        yield f"{dsn.rsplit('/', 1)[0]}/{name}"
        await connection.execute(f"drop database {name} with (force)")
    finally:
        await connection.close()


async def _copy(dsn: str, events: list[JournalEvent]) -> float:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("create table bare (like ivr.events)")
        # In the table's own order of columns.
        values = [(NODE, "", number, number, *rows.of_event(event)) for number, event in enumerate(events)]
        began = time.perf_counter()
        await connection.copy_records_to_table("bare", records=values)
        return time.perf_counter() - began
    finally:
        await connection.close()
