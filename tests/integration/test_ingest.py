"""The journal gets into Postgres exactly once, whatever happens to the file, to ingest and to Postgres meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from conftest import NewDatabase
from journals import CALLS, ENTER, commit, interleaved, line, lines_of, whole_call
from proxy import breaking_proxy

from ivr.adapters.db.journal import JournalStore
from ivr.adapters.journal.lines import decode_extra, node_start
from ivr.adapters.journal.recordings import RecordingsFolder
from ivr.adapters.journal.tail import JournalTail
from ivr.adapters.runtime.postgres import PostgresCluster
from ivr.domain.ledger import Measured
from ivr.engine.ingest import Ingest, StillWritten
from ivr.errors import PeerError

SMALL_READ = 2000
"""Bytes: some lines a batch, so that there are many transactions to be interrupted in."""

SNAPSHOT = {
    "events": "select node, at_byte, type, user_type, at, channel, unique_id, call, extra from ivr.events",
    "calls": "select * from ivr.calls",
    "legs": "select * from ivr.legs",
    "steps": "select * from ivr.steps",
    "messages": "select * from ivr.messages",
    "recordings": "select * from ivr.recordings",
    "agent_events": "select * from ivr.agent_events",
    "surveys": "select * from ivr.surveys",
    "callbacks": "select * from ivr.callbacks",
    "callback_requests": "select * from ivr.callback_requests",
    "torn": "select node, at_byte, line, reason from ivr.torn",
}

Snapshot = dict[str, list[tuple[Any, ...]]]


def measure_any(_: str) -> Measured | None:
    return Measured(seconds=3.5, sha256="ab" * 32)


def new_ingest(
    dsn: str, journal: Path, measure: Any = measure_any, store: JournalStore | None = None, read_bytes: int = SMALL_READ
) -> Ingest:
    return Ingest(
        reader=JournalTail(journal, read_bytes=read_bytes),
        record=store or JournalStore(dsn, node="n1", decode_extra=decode_extra),
        measure=measure,
        poll_s=0.001,
        pause_s=0.001,
        refresh_s=0,
    )


@asynccontextmanager
async def running(ingest: Ingest) -> AsyncIterator[Ingest]:
    task = asyncio.create_task(ingest.run())
    try:
        yield ingest
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def ingest_all(
    dsn: str,
    journal: Path,
    measure: Any = measure_any,
    store: JournalStore | None = None,
    within_s: float = 30,
    read_bytes: int = SMALL_READ,
) -> Ingest:
    async with running(new_ingest(dsn, journal, measure, store, read_bytes)) as ingest:
        await asyncio.wait_for(ingest.caught_up(), within_s)
        while ingest.status().lag_bytes:  # a renamed file is watched a little longer before the next one follows
            await asyncio.wait_for(ingest.caught_up(), within_s)
    return ingest


async def snapshot(dsn: str, *, without: Sequence[str] = ()) -> Snapshot:
    connection = await asyncpg.connect(dsn)
    try:
        return {
            table: sorted((tuple(row) for row in await connection.fetch(sql)), key=repr)
            for table, sql in SNAPSHOT.items()
            if table not in without
        }
    finally:
        await connection.close()


async def fetch(dsn: str, sql: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def clean_run(new_database: NewDatabase, folder: Path, lines: Sequence[bytes]) -> Snapshot:
    """What the record looks like when nothing goes wrong."""
    journal = folder / "clean" / "journal.csv"
    journal.parent.mkdir(exist_ok=True)
    journal.write_bytes(b"".join(lines))
    dsn = await new_database()
    await ingest_all(dsn, journal)
    return await snapshot(dsn)


async def test_every_recorded_call_gets_its_outcome_and_legs(dsn: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(interleaved(CALLS)))
    await ingest_all(dsn, journal)
    assert await fetch(dsn, "select outcome, count(*) from ivr.calls group by 1 order by 1") == [
        ("abandoned", 2),
        ("answered", 5),
        ("blocked", 1),
        ("failed", 1),
        ("message_saved", 2),
        ("self_served", 2),
        (None, 1),  # the agent's own call
    ]
    assert await fetch(dsn, "select kind, count(*) from ivr.legs group by 1 order by 1") == [
        ("agent", 10),
        ("caller", 13),
        ("transfer", 1),
    ]
    assert await fetch(dsn, "select agent, action from ivr.agent_events") == [("a1", "login")]
    assert await fetch(dsn, "select count(*) from ivr.calls where ended_at is null") == [(0,)]


async def test_scores_are_kept_once_and_taken_back_with_a_repeated_commit(dsn: str, tmp_path: Path) -> None:
    survey = {"k": "survey", "node": "nps", "metric": "nps", "lowest": 0, "highest": 10, "score": 0, "language": "ko"}
    journal = tmp_path / "journal.csv"
    lines = whole_call("n1-1.0", {"k": "queue", "queue": "pension"}, survey, {**survey, "score": 10, "of": "agent"})
    journal.write_bytes(b"".join(lines[:3]))
    await ingest_all(dsn, journal)
    query = "select idx, score, of_agent, agent, queue, language from ivr.surveys order by idx"
    first = (2, 0, False, None, "pension", "ko")
    assert await fetch(dsn, query) == [first, (3, 10, True, None, "pension", "ko")]
    # The controller died and said the same commit again, with less in it.
    again = line("IVR", "n1-1.0", at=1795323002.0, extra=commit(0, ENTER, {"k": "queue", "queue": "pension"}, survey))
    journal.write_bytes(b"".join([*lines[:3], again, *lines[3:]]))
    await ingest_all(dsn, journal)
    assert await fetch(dsn, query) == [first]


@pytest.mark.parametrize("seed", range(4))
async def test_ingest_that_is_killed_again_and_again_writes_what_a_clean_run_writes(
    seed: int, dsn: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    """Cut off anywhere in what it says to Postgres or hears from it (also between COMMIT and its answer), and gone."""
    lines = interleaved(CALLS, copies=2, seed=seed)
    expected = await clean_run(new_database, tmp_path, lines)
    chance = random.Random(seed)
    journal = tmp_path / "journal.csv"
    rest, kills, moved = b"".join(lines), 0, set()
    with journal.open("ab", buffering=0) as file:
        while rest or kills < 25:
            # The journal may end anywhere at any time, also within a line.
            size = chance.randrange(1, 6_000)
            file.write(rest[:size])
            rest = rest[size:]
            ways = ((chance.randrange(120_000), 10**9), (10**9, chance.randrange(12_000)))
            to_server, to_client = chance.choice(ways)
            async with breaking_proxy(dsn, to_server=to_server, to_client=to_client) as proxy:
                async with running(new_ingest(proxy.dsn, journal)) as ingest:
                    ends = [asyncio.create_task(ingest.caught_up()), asyncio.create_task(proxy.cut.wait())]
                    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED, timeout=30)
                    for end in ends:
                        end.cancel()
                kills += proxy.cut.is_set()
            moved.update(await fetch(dsn, "select file, read_to from ivr.journal_position"))
    assert len(moved) > 5, "it got on between the kills"
    await ingest_all(dsn, journal)
    assert await snapshot(dsn) == expected


async def test_backends_killed_under_it_change_nothing(dsn: str, new_database: NewDatabase, tmp_path: Path) -> None:
    """The same ingest goes on by itself, in a new session."""
    lines = interleaved(CALLS, copies=3)
    expected = await clean_run(new_database, tmp_path, lines)
    journal = tmp_path / "journal.csv"
    killer = await asyncpg.connect(dsn)
    killed = 0
    async with running(new_ingest(dsn, journal)) as ingest:
        for start in range(0, len(lines), 100):
            with journal.open("ab") as file:
                file.writelines(lines[start : start + 100])
            killed += len(
                await killer.fetch(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )
            )
            await asyncio.wait_for(ingest.caught_up(), 30)
    await killer.close()
    assert killed > 3
    assert await snapshot(dsn) == expected


async def test_postgres_stopped_and_started(
    cluster: PostgresCluster, dsn: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    lines = interleaved(CALLS, copies=2)
    expected = await clean_run(new_database, tmp_path, lines)
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(lines[:100]))
    async with running(new_ingest(dsn, journal)) as ingest:
        await asyncio.wait_for(ingest.caught_up(), 30)
        await cluster.stop()
        try:
            with journal.open("ab") as file:
                file.writelines(lines[100:])
            behind = ingest.status()
            assert behind.lag_bytes == sum(len(one) for one in lines[100:])
        finally:
            await cluster.start()
        await asyncio.wait_for(ingest.caught_up(), 30)
        status = ingest.status()
        assert (status.lag_bytes, status.lag_s, status.last_error) == (0, 0.0, None)
    assert await snapshot(dsn) == expected


async def test_with_postgres_away_it_waits_and_says_so(tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(lines_of("blocked")))
    failed = asyncio.Event()

    class Unreachable(JournalStore):
        @asynccontextmanager
        async def session(self) -> AsyncIterator[Any]:
            try:
                async with super().session() as session:
                    yield session
            finally:
                failed.set()

    store = Unreachable("postgresql://ivr:x@127.0.0.1:1/ivr", node="n1", decode_extra=decode_extra)
    ingest = Ingest(reader=JournalTail(journal), record=store, measure=measure_any)
    async with running(ingest):
        await asyncio.wait_for(failed.wait(), 10)
        await asyncio.sleep(0)
        status = ingest.status()
    assert status.last_error is not None
    assert status.last_error.startswith("Postgres: ")
    assert status.lag_bytes == journal.stat().st_size
    assert status.position is None


async def test_garbage_is_kept_aside_and_stops_nothing(dsn: str, new_database: NewDatabase, tmp_path: Path) -> None:
    lines = interleaved(CALLS)
    expected = await clean_run(new_database, tmp_path, lines)
    garbage = [
        b"\n",
        b"not a line\n",
        b"\xff\xfe\x00\n",
        lines[3][:200] + b"\n",
        b'"A","","1"\n',
        b'"\x00"\n',
        b"x" * 70_000 + b"\n",
    ]
    chance = random.Random(3)
    mixed = list(lines)
    for one in garbage:
        mixed.insert(chance.randrange(1, len(mixed)), one)
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(mixed))
    ingest = Ingest(
        reader=JournalTail(journal),
        record=JournalStore(dsn, node="n1", decode_extra=decode_extra),
        measure=measure_any,
    )
    async with running(ingest):
        await asyncio.wait_for(ingest.caught_up(), 30)
    assert ingest.status().torn == len(garbage)
    found = await snapshot(dsn)
    assert len(found["torn"]) == len(garbage)
    for table in set(SNAPSHOT) - {"events", "torn"}:
        assert found[table] == expected[table], table


async def test_lines_written_twice_count_once(dsn: str, new_database: NewDatabase, tmp_path: Path) -> None:
    lines = interleaved(CALLS)
    expected = await clean_run(new_database, tmp_path, lines)
    chance = random.Random(5)
    doubled = list(lines)
    for one in chance.sample(lines, 60):
        doubled.insert(chance.randrange(doubled.index(one), len(doubled)) + 1, one)
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join([*doubled, *lines]))
    await ingest_all(dsn, journal)
    found = await snapshot(dsn)
    for table in set(SNAPSHOT) - {"events"}:
        assert found[table] == expected[table], table


@pytest.mark.parametrize("down", [False, True])
async def test_rotation_in_mid_stream(down: bool, dsn: str, new_database: NewDatabase, tmp_path: Path) -> None:
    """With `down` both rotations happen while ingest is away."""
    lines = sorted(interleaved(CALLS, copies=2), key=lambda one: one.split(b'"')[5])
    expected = await clean_run(new_database, tmp_path, lines)
    journal = tmp_path / "journal.csv"
    third = len(lines) // 3
    journal.write_bytes(b"".join(lines[:third]))
    ingest = await ingest_all(dsn, journal) if down else new_ingest(dsn, journal)
    async with running(new_ingest(dsn, tmp_path / "absent.csv") if down else ingest) as runs:
        if not down:
            await asyncio.wait_for(runs.caught_up(), 30)
        with journal.open("ab") as file:
            file.writelines(lines[third : third + 5])
        journal.rename(tmp_path / "journal.csv.2")
        with (tmp_path / "journal.csv.2").open("ab") as file:  # a writer that had it open still
            file.writelines(lines[third + 5 : third + 6])
        journal.write_bytes(b"".join(lines[third + 6 : 2 * third]))
        if not down:
            await asyncio.wait_for(runs.caught_up(), 30)
        journal.rename(tmp_path / "journal.csv.1")
        journal.write_bytes(b"".join(lines[2 * third :]))
        if not down:
            # The renamed file is watched a little longer before the next one follows.
            while runs.status().lag_bytes:
                await asyncio.wait_for(runs.caught_up(), 30)
            await asyncio.wait_for(runs.caught_up(), 30)
    if down:
        async with running(new_ingest(dsn, journal)) as runs:
            await asyncio.wait_for(runs.caught_up(), 30)
            while runs.status().lag_bytes:
                await asyncio.wait_for(runs.caught_up(), 30)
            await asyncio.wait_for(runs.caught_up(), 30)
    found = await snapshot(dsn)
    for table in set(SNAPSHOT) - {"events"}:
        assert found[table] == expected[table], table
    assert len(found["events"]) == len(lines)


async def test_only_one_ingest_a_node(dsn: str, tmp_path: Path) -> None:
    store = JournalStore(dsn, node="n1", decode_extra=decode_extra)
    async with store.session():
        with pytest.raises(PeerError, match="another ingest follows the journal of node n1"):
            async with store.session():
                pass
        async with JournalStore(dsn, node="n2", decode_extra=decode_extra).session():
            pass
    async with store.session():
        pass


async def test_a_late_line_derives_a_finished_call_again(dsn: str, tmp_path: Path) -> None:
    lines = lines_of("answered_agent_hangs_up")
    late = lines.pop(6)  # the queue, with the file of the talk
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(lines))
    await ingest_all(dsn, journal)
    assert await fetch(dsn, "select outcome from ivr.calls") == [("answered",)]
    with journal.open("ab") as file:
        file.write(late)
    await ingest_all(dsn, journal)
    assert await fetch(dsn, "select outcome, (select count(*) from ivr.events) from ivr.calls") == [("answered", 20)]


async def test_asterisk_killed_and_started_again_ends_its_calls(dsn: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(lines_of("asterisk_killed")))
    await ingest_all(dsn, journal)
    assert await fetch(dsn, "select outcome, ended_at from ivr.calls") == [(None, None)]
    again = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)
    with journal.open("ab") as file:
        file.write(node_start("n1", again))
        file.writelines(lines_of("blocked"))
    await ingest_all(dsn, journal)
    assert await fetch(dsn, "select outcome, ended_by from ivr.calls order by id") == [
        ("blocked", "system"),
        ("failed", "system"),
    ] or await fetch(dsn, "select outcome from ivr.calls where ended_at = '2026-11-22 05:30+00'") == [("failed",)]
    assert await fetch(dsn, "select ended_at from ivr.calls where outcome = 'failed'") == [(again,)]


CALLBACK: dict[str, object] = {
    "k": "callback", "origin": "queue", "due": "2026-11-24T09:00:00+09:00", "number": "s1.k.N", "number_key": "nn",
    "language": "ko", "category": "pension", "data": None,
}  # fmt: skip


async def test_requests_of_one_number_for_one_subject_join(dsn: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    earlier = {**CALLBACK, "due": "2026-11-24T08:00:00+09:00"}
    other = {**CALLBACK, "category": "health"}
    none = {**CALLBACK, "category": None}
    calls = [
        *whole_call("n1-1.1", CALLBACK),
        *whole_call("n1-1.2", earlier),
        *whole_call("n1-1.3", other, none),
        *whole_call("n1-1.4", none),
    ]
    journal.write_bytes(b"".join([*calls, *calls]))
    await ingest_all(dsn, journal)
    rows = await fetch(dsn, "select id, category, requests, due from ivr.callbacks order by id")
    assert rows == [
        ("n1-1.1-0", "pension", 2, datetime(2026, 11, 23, 23, tzinfo=UTC)),
        ("n1-1.3-0", "health", 1, datetime(2026, 11, 24, tzinfo=UTC)),
        ("n1-1.3-1", None, 2, datetime(2026, 11, 24, tzinfo=UTC)),
    ]
    assert await fetch(dsn, "select id, callback from ivr.callback_requests order by id") == [
        ("n1-1.1-0", "n1-1.1-0"),
        ("n1-1.2-0", "n1-1.1-0"),
        ("n1-1.3-0", "n1-1.3-0"),
        ("n1-1.3-1", "n1-1.3-1"),
        ("n1-1.4-0", "n1-1.3-1"),
    ]
    assert await fetch(dsn, "select distinct outcome from ivr.calls") == [("callback_queued",)]


async def test_a_finished_callback_does_not_take_new_requests(dsn: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(whole_call("n1-1.1", CALLBACK)))
    await ingest_all(dsn, journal)
    await fetch(dsn, "update ivr.callbacks set state = 'done'")
    with journal.open("ab") as file:
        file.writelines(whole_call("n1-1.2", CALLBACK))
    await ingest_all(dsn, journal)
    assert await fetch(dsn, "select id, state, requests from ivr.callbacks order by id") == [
        ("n1-1.1-0", "done", 1),
        ("n1-1.2-0", "open", 1),
    ]


async def test_what_postgres_refuses_costs_only_its_own_details(dsn: str, tmp_path: Path) -> None:
    await fetch(dsn, "alter table ivr.callback_requests add check (call <> 'n1-1.1')")
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join([*whole_call("n1-1.1", CALLBACK), *whole_call("n1-1.2", CALLBACK)]))
    ingest = await ingest_all(dsn, journal)
    assert ingest.status().last_error is None
    rows = await fetch(dsn, "select id, outcome, faults from ivr.calls order by id")
    assert rows == [
        ("n1-1.1", "callback_queued", ["the details were refused by Postgres: CheckViolationError"]),
        ("n1-1.2", "callback_queued", []),
    ]
    assert await fetch(dsn, "select id from ivr.callbacks") == [("n1-1.2-0",)]


def message(state: str, take: int = 1) -> dict[str, object]:
    return {
        "k": "message", "take": take, "file": f"120/m-{take}.wav", "state": state, "language": "ko",
        "category": "pension", "data": "s1.k.D",
    }  # fmt: skip


async def test_the_end_waits_for_its_recordings_to_be_closed(dsn: str, tmp_path: Path) -> None:
    looks = 0

    def measure(_: str) -> Measured | None:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise StillWritten("not yet")
        return Measured(seconds=2.5, sha256="cd" * 32)

    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(whole_call("n1-1.1", message("recording"))))
    await ingest_all(dsn, journal, measure)
    assert looks == 3
    assert await fetch(dsn, "select state, seconds, sha256 from ivr.messages") == [("kept", 2.5, "cd" * 32)]
    assert await fetch(dsn, "select outcome from ivr.calls") == [("message_saved",)]


async def test_a_recording_without_sound_is_no_message(dsn: str, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(whole_call("n1-1.1", message("discarded"), message("recording", take=2))))
    await ingest_all(dsn, journal, RecordingsFolder(recordings, settle_s=0).measure)
    assert await fetch(dsn, "select take, state, seconds from ivr.messages order by take") == [
        (1, "discarded", None),
        (2, "empty", None),
    ]
    assert await fetch(dsn, "select outcome from ivr.calls") == [("abandoned",)]


async def test_a_repeated_commit_with_fewer_notes_leaves_no_stale_rows(dsn: str, tmp_path: Path) -> None:
    def step(node: str) -> dict[str, object]:
        return {"k": "step", "node": node, "kind": "menu", "heard": [], "result": "match", "got": "1", "to": "x"}

    journal = tmp_path / "journal.csv"
    call = "n1-1.1"
    first = [line("CHAN_START", call), line("IVR", call, extra=commit(0, ENTER, step("a"), step("b")))]
    journal.write_bytes(b"".join(first))
    async with running(new_ingest(dsn, journal)) as ingest:
        await asyncio.wait_for(ingest.caught_up(), 30)
        assert await fetch(dsn, "select node from ivr.steps order by idx") == [("a",), ("b",)]
        with journal.open("ab") as file:
            file.write(line("IVR", call, at=1795323001.0, extra=commit(0, ENTER, step("c"))))
            file.write(line("LINKEDID_END", call, at=1795323002.0))
        await asyncio.wait_for(ingest.caught_up(), 30)
    assert await fetch(dsn, "select node, got from ivr.steps order by idx") == [("c", "1")]
