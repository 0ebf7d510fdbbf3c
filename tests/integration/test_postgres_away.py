"""Postgres cut off, mute, slow, full: ingest waits with an end to each wait, catches up, loses and doubles nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from conftest import NewDatabase
from full_disk import NoOwnDiskError, postgres_on_small_disk
from journals import CALLS, interleaved
from proxy import Wire
from test_ingest import SMALL_READ, clean_run, measure_any, running, snapshot

from ivr.adapters.db.journal import JournalStore
from ivr.adapters.db.migrate import migrate
from ivr.adapters.journal.lines import decode_extra
from ivr.adapters.journal.tail import JournalTail
from ivr.engine.ingest import Ingest
from ivr.errors import PeerError
from ivr.testing.waiting import eventually

WRITE_S = 1.0


def patient_ingest(dsn: str, journal: Path) -> Ingest:
    """With waits short enough for a test."""
    return Ingest(
        reader=JournalTail(journal, read_bytes=SMALL_READ),
        record=JournalStore(dsn, node="n1", decode_extra=decode_extra, write_s=WRITE_S, idle_s=2),
        measure=measure_any,
        poll_s=0.001,
        pause_s=0.001,
        refresh_s=0,
        beat_s=0.2,
    )


async def cut(wire: Wire) -> None:
    wire.cut()


async def mute(wire: Wire) -> None:
    wire.mute()


async def slow(wire: Wire) -> None:
    """Slower than any limit."""
    wire.slow(WRITE_S)


@pytest.mark.parametrize("trouble", [cut, mute, slow])
async def test_a_network_in_trouble_is_noticed_and_made_up_for(
    trouble: Callable[[Wire], Awaitable[None]], dsn: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    """Both while lines come and while none do."""
    lines = interleaved(CALLS, copies=3)
    expected = await clean_run(new_database, tmp_path, lines)
    journal = tmp_path / "journal.csv"
    third = len(lines) // 3
    journal.write_bytes(b"".join(lines[:third]))
    async with Wire(dsn) as wire, running(patient_ingest(wire.dsn, journal)) as ingest:

        async def ails() -> bool:
            return ingest.status().last_error is not None

        async def is_well() -> bool:
            return ingest.status().last_error is None and not ingest.status().lag_bytes

        await asyncio.wait_for(ingest.caught_up(), 30)
        await trouble(wire)
        await eventually(ails)  # nothing came: the beat found out
        with journal.open("ab") as file:
            file.writelines(lines[third : 2 * third])
        behind = ingest.status()
        assert behind.lag_bytes == sum(len(one) for one in lines[third : 2 * third])
        assert behind.lag_lines == pytest.approx(third, rel=0.3)
        wire.mend()
        await eventually(is_well, within_s=30)
        await trouble(wire)
        with journal.open("ab") as file:
            file.writelines(lines[2 * third :])
        await eventually(ails)
        wire.mend()
        await asyncio.wait_for(ingest.caught_up(), 30)
        await eventually(is_well, within_s=30)
    assert await snapshot(dsn) == expected


async def test_a_slow_way_is_used_in_smaller_pieces(dsn: str, new_database: NewDatabase, tmp_path: Path) -> None:
    """Slow enough that a whole read does not get through within the limit."""
    lines = interleaved(CALLS, copies=2)
    expected = await clean_run(new_database, tmp_path, lines)
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(lines))
    async with Wire(dsn) as wire:
        wire.slow(0.01)
        ingest = Ingest(
            reader=JournalTail(journal),
            record=JournalStore(wire.dsn, node="n1", decode_extra=decode_extra, write_s=WRITE_S, idle_s=2),
            measure=measure_any,
            poll_s=0.001,
            pause_s=0.001,
            refresh_s=0,
        )
        async with running(ingest):
            await asyncio.wait_for(ingest.caught_up(), 60)
    assert await snapshot(dsn) == expected


async def test_a_connection_that_nobody_answers_has_an_end(tmp_path: Path) -> None:
    """Packets go nowhere from the first one on."""

    gone = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = JournalStore(f"postgresql://ivr:x@127.0.0.1:{port}/ivr", node="n1", decode_extra=decode_extra, write_s=0.3)
    with pytest.raises(PeerError):
        async with asyncio.timeout(2), store.session():
            pass
    server.close()
    await asyncio.wait_for(gone.wait(), 5)


async def test_a_disk_that_is_full_for_postgres(new_database: NewDatabase, tmp_path: Path) -> None:
    """Really full: Postgres refuses or falls over and cannot come up again, until there is room."""
    lines = interleaved(CALLS, copies=6)
    expected = await clean_run(new_database, tmp_path, lines)
    journal = tmp_path / "journal.csv"
    third = len(lines) // 3
    journal.write_bytes(b"".join(lines[:third]))
    with ExitStack() as stack:
        try:
            disk = await asyncio.to_thread(stack.enter_context, postgres_on_small_disk(tmp_path / "disk"))
        except NoOwnDiskError as error:
            pytest.skip(str(error))
        await asyncio.to_thread(migrate, disk.dsn)
        async with running(patient_ingest(disk.dsn, journal)) as ingest:

            async def says_so() -> bool:
                return ingest.status().last_error is not None

            await asyncio.wait_for(ingest.caught_up(), 30)
            await asyncio.to_thread(disk.fill)
            with journal.open("ab") as file:
                for number in range(third, len(lines)):
                    file.write(lines[number])
            await eventually(says_so, within_s=30)
            assert ingest.status().lag_bytes > 0
            await asyncio.to_thread(disk.free)
            await asyncio.wait_for(ingest.caught_up(), 60)
        assert await snapshot(disk.dsn) == expected
