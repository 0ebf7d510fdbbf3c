"""What is asked of the record, and what the record itself refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from journals import CALLS, interleaved, lines_of
from test_ingest import fetch, ingest_all, measure_any

from ivr.adapters.db.pool import connect, open_pool
from ivr.adapters.db.records import CallbackItem, Query, RecordStore, StoredMessage
from ivr.adapters.journal.lines import parse
from ivr.domain.events import JournalEvent
from ivr.domain.ledger import derive
from ivr.domain.records import CallRecord
from ivr.errors import OperatorError, PeerError


@pytest.fixture
async def store(dsn: str, tmp_path: Path) -> AsyncIterator[RecordStore]:
    """The record of one of each recorded call."""
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(interleaved(CALLS)))
    await ingest_all(dsn, journal)
    async with open_pool(dsn) as pool:
        yield RecordStore(pool)


def derived(name: str) -> CallRecord:
    """The call as the ledger says, under the id that `interleaved` gives it."""
    events = [parse(line.rstrip(b"\n")) for line in lines_of(name, 1)]
    return derive([event for event in events if isinstance(event, JournalEvent)], measure_any)


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_comes_back_as_it_was_derived(name: str, store: RecordStore) -> None:
    call = derived(name)
    details = await store.get_call(call.id)
    legs = tuple(sorted(call.legs, key=lambda leg: (leg.created_at, leg.id)))
    assert details.call == replace(call, legs=legs, callbacks=())
    assert [item.id for item in details.callbacks] == [f"{call.id}-{one.seq}" for one in call.callbacks]


async def test_no_such_call(store: RecordStore) -> None:
    assert await store.find_call("n1-0.0") is None
    with pytest.raises(OperatorError, match=r"no call n1-0\.0: `ivr calls`"):
        await store.get_call("n1-0.0")


async def test_calls_newest_first_and_filtered(store: RecordStore) -> None:
    everything = await store.list_calls()
    assert len(everything) == len(CALLS)
    assert [call.entered_at for call in everything] == sorted((call.entered_at for call in everything), reverse=True)
    assert everything[0].legs == ()
    assert len(await store.list_calls(Query(limit=3))) == 3
    assert {call.outcome for call in await store.list_calls(outcome="answered")} == {"answered"}
    assert len(await store.list_calls(kind="internal")) == 1
    assert await store.list_calls(Query(centre="119")) == []
    middle = everything[5].entered_at
    since, until = await store.list_calls(Query(since=middle)), await store.list_calls(Query(until=middle))
    assert [*since, *until] == everything
    assert len(since) == 6


async def test_outcomes_are_counted_with_their_zeros(store: RecordStore) -> None:
    assert await store.count_outcomes() == {
        "answered": 5,
        "self_served": 2,
        "message_saved": 2,
        "callback_queued": 0,
        "abandoned": 2,
        "blocked": 1,
        "failed": 1,
    }
    assert sum((await store.count_outcomes(Query(centre="119"))).values()) == 0
    assert await store.count_open() == 0


async def test_messages_and_callbacks(store: RecordStore) -> None:
    messages = await store.list_messages()
    assert all(isinstance(message, StoredMessage) for message in messages)
    assert [message.message.state for message in messages] == ["kept", "kept"]
    assert {message.caller for message in messages} == {"s1.k1.AAAA"}
    assert await store.list_messages(state="discarded") == []
    assert len(await store.list_messages(state=None)) == 2
    [item] = await store.list_callbacks(state="open")
    assert isinstance(item, CallbackItem)
    assert (item.due, item.requests, item.attempts) == (datetime(2026, 11, 24, tzinfo=UTC), 1, 0)
    assert await store.list_callbacks(Query(until=item.due)) == []
    assert await store.list_callbacks(Query(since=item.due)) == [item]


async def test_reading_personal_data_is_noted(dsn: str, store: RecordStore) -> None:
    await store.log_access(who="kim", what="messages", why="call back")
    assert await fetch(dsn, "select who, what, why from ivr.access_log") == [("kim", "messages", "call back")]


async def test_another_key_is_refused(store: RecordStore) -> None:
    await store.claim_key("aaaa")
    await store.claim_key("aaaa")
    with pytest.raises(OperatorError, match=r"sealed under key aaaa.*is bbbb"):
        await store.claim_key("bbbb")


@pytest.mark.parametrize(
    "change",
    [
        "update ivr.calls set outcome = null where outcome = 'answered'",
        "update ivr.calls set ended_at = null where outcome = 'answered'",
        "update ivr.calls set outcome = 'answered' where kind = 'internal'",
        "update ivr.calls set outcome = 'lost' where outcome = 'answered'",
        "insert into ivr.callbacks select 'x', centre, category, language, origin, number, number_key, data, "
        "asked_at, due from ivr.callbacks",
    ],
)
async def test_what_the_record_itself_refuses(change: str, dsn: str, store: RecordStore) -> None:
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.UniqueViolationError)):
        await fetch(dsn, change)


async def test_errors_of_postgres_in_our_words(empty_dsn: str) -> None:
    async with open_pool(empty_dsn) as pool:
        with pytest.raises(OperatorError, match="ivr migrate"):
            await RecordStore(pool).list_calls()
    with pytest.raises(OperatorError, match="refuses us"):
        await connect(empty_dsn.replace(":test@", ":wrong@"))
    with pytest.raises(OperatorError, match="refuses us"):
        await connect(f"{empty_dsn}_absent")
    with pytest.raises(PeerError, match="Postgres"):
        await connect("postgresql://ivr:x@127.0.0.1:1/ivr")
