"""Retention on real Postgres: what is past its time is unreadable everywhere, the rest is untouched, and it is told."""

from __future__ import annotations

import base64
import json
import os
import re
import wave
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from journals import whole_call
from test_ingest import fetch, ingest_all

from ivr.adapters.db.pool import open_pool
from ivr.adapters.db.purges import Counts, PurgeStore
from ivr.adapters.db.records import RecordStore
from ivr.adapters.journal.recordings import RecordingsFolder
from ivr.adapters.keys import KeyRing
from ivr.adapters.recordings.safe import Safe
from ivr.adapters.vault import KeyVault
from ivr.domain.retention import Retention
from ivr.engine.sealing import Sealing
from ivr.errors import DestroyedError, OperatorError, PeerError
from ivr.handout import Handout
from ivr.purge import Purge, Purged, require_plausible

NUMBER, BIRTH_DATE = "01098765432", "900101"
OLD = datetime(2026, 8, 1, 3, tzinfo=UTC)
NEW = datetime(2026, 11, 20, 3, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
TERMS = {"120": Retention(messages=90, talk=30, calls=60)}


class House:
    """An installation without Asterisk: what it would have written, sealed, is in journal, record and folder."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self.folder = folder
        self.journal = folder / "journal.csv"
        self.ring = KeyRing(secrets=folder / "secrets", keys=folder / "keys")
        self.safe = Safe(folder / "recordings", self.ring)
        self.plain: dict[str, bytes] = {}

    def vault(self, at: datetime) -> KeyVault:
        return KeyVault(bytes(32), self.ring, now=lambda: at)

    def call(self, number: int, at: datetime, *, callback: bool = True) -> str:
        """A caller who left a number, a birth date, a message and a wish, and whom an agent talked to later."""
        vault = self.vault(at)
        call = f"n1-{at.timestamp():.0f}.{number}"
        sealed = {name: vault.seal(value, "120") for name, value in (("n", NUMBER), ("b", BIRTH_DATE))}
        data = vault.seal(json.dumps({"birth_date": BIRTH_DATE}), "120")
        file, talk = (f"120/{at:%Y-%m-%d}/{call}-{what}.wav" for what in ("1", "talk4"))
        notes: list[dict[str, Any]] = [
            {"k": "enter", "centre": "120", "version": "0" * 12, "dnis": "120", "at": at.isoformat(), "language": "ko",
             "caller": sealed["n"], "caller_key": vault.key_of(NUMBER + call)},
            {"k": "step", "node": "menu", "kind": "menu", "heard": [], "result": "match", "got": "1", "to": "birth"},
            {"k": "step", "node": "birth", "kind": "collect", "heard": [], "result": "match", "got": sealed["b"]},
            {"k": "message", "take": 1, "file": file, "state": "kept", "language": "ko", "data": data},
            {"k": "queue", "queue": "pension", "talk_file": talk},
        ]  # fmt: skip
        if callback:
            notes.append(
                {"k": "callback", "origin": "message", "due": (at + timedelta(days=1)).isoformat(), "data": data,
                 "number": sealed["n"], "number_key": vault.key_of(NUMBER + call), "language": "ko"}
            )  # fmt: skip
        for name in (file, talk):
            self.record(name, at)
        with self.journal.open("ab") as journal:
            journal.writelines(whole_call(call, *notes, at=at.timestamp()))
        return call

    def record(self, name: str, at: datetime) -> None:
        path = self.safe.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(os.urandom(32_000))
        os.utime(path, (at.timestamp(), at.timestamp()))
        self.plain[name] = path.read_bytes()

    async def settle(self) -> None:
        folder = RecordingsFolder(self.safe.root, settle_s=0, sealed=self.safe.find)
        await ingest_all(self.dsn, self.journal, folder.measure)
        async with open_pool(self.dsn) as pool:
            await Sealing(safe=self.safe, record=RecordStore(pool)).look()

    async def purge(self, at: datetime = NOW, *, dry_run: bool = False) -> dict[str, Counts]:
        purge = Purge(safe=self.safe, ring=self.ring, journal=self.journal, terms=TERMS)
        async with open_pool(self.dsn) as pool:
            done: Sequence[Purged] = await purge.run(PurgeStore(pool), at=at, who="ops", dry_run=dry_run)
        return {each.centre: each.counts for each in done}

    async def give(self, which: str, *, why: str = "complaint 4711") -> bytes:
        async with open_pool(self.dsn) as pool:
            handed = await Handout(self.safe, RecordStore(pool)).give(which, who="kim", why=why)
        return b"".join(handed.pieces)

    def tokens(self) -> list[str]:
        """Every sealed value that the journal holds, whatever the record says."""
        found = []
        for payload in re.findall(r'""extra"": ?""([A-Za-z0-9_-]+)', self.journal.read_text(encoding="utf-8")):
            for note in json.loads(base64.urlsafe_b64decode(payload + "=="))["n"]:
                found += [value for value in note.values() if str(value).startswith("s1.120-")]
        return found

    def lying(self) -> set[str]:
        return {str(path.relative_to(self.safe.root)) for path in self.safe.root.rglob("*") if path.is_file()}


@pytest.fixture
async def house(dsn: str, tmp_path: Path) -> House:
    return House(dsn, tmp_path)


PERSONAL = """
    select caller, caller_key from ivr.calls where id = $1
    union all select got, null from ivr.steps where call = $1 and got like 's1%'
    union all select data, null from ivr.messages where call = $1
    union all select number, number_key from ivr.callbacks c where id like $1 || '%'
    union all select data, null from ivr.callback_requests where call = $1
"""


async def personal(house: House, call: str) -> set[str]:
    connection = await asyncpg.connect(house.dsn)
    try:
        return {value for row in await connection.fetch(PERSONAL, call) for value in row if value}
    finally:
        await connection.close()


async def test_what_is_past_its_time_goes_and_the_rest_stays(house: House) -> None:
    old, new = house.call(1, OLD), house.call(2, NEW)
    await house.settle()
    assert all(name.endswith(".sealed") for name in house.lying())
    kept = await personal(house, new)
    figures = await fetch(house.dsn, "select id, outcome, entered_at, ended_at, category from ivr.calls order by id")
    expected = Counts(messages=1, talks=1, days=1, calls=1, callbacks=1, unmade=1)

    assert await house.purge(dry_run=True) == {"120": expected}
    assert len(house.lying()) == 4, "a trial changes nothing"
    assert await house.purge() == {"120": expected}

    assert await personal(house, old) == set()
    assert await personal(house, new) == kept
    assert (
        await fetch(house.dsn, "select id, outcome, entered_at, ended_at, category from ivr.calls order by id")
        == figures
    )
    assert house.lying() == {f"{name}.sealed" for name in house.plain if new in name}
    assert await fetch(house.dsn, "select state, count(*) from ivr.callbacks group by 1 order by 1") == [
        ("expired", 1),
        ("open", 1),
    ]
    assert await fetch(house.dsn, f"select got from ivr.steps where call = '{old}' and got is not null") == [("1",)]
    assert await fetch(
        house.dsn, f"select sum(length(extra)) from ivr.events where user_type <> '' and call = '{old}'"
    ) == [(0,)]


async def test_copies_of_the_journal_and_the_recordings_are_unreadable_too(house: House) -> None:
    old, new = house.call(1, OLD), house.call(2, NEW)
    await house.settle()
    backup = {name: (house.safe.root / name).read_bytes() for name in house.lying()}
    vault = house.vault(NOW)
    assert len(house.tokens()) == 10
    for token in house.tokens():
        vault.unseal(token)
    await house.purge()
    fresh = house.vault(NOW)
    readable, gone = [], []
    for token in house.tokens():
        try:
            fresh.unseal(token)
            readable.append(token)
        except DestroyedError:
            gone.append(token)
    assert {token[:15] for token in gone} == {"s1.120-20260801"}
    assert {token[:15] for token in readable} == {"s1.120-20261120"}
    for name, data in backup.items():
        path = house.safe.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        file = name.removesuffix(".sealed")
        if old in name:
            with pytest.raises(DestroyedError):
                house.safe.find(file)
        else:
            assert new in name
            assert house.safe.digest(file) == sha256(house.plain[file]).hexdigest()


async def test_talks_messages_and_the_rest_each_have_their_time(house: House) -> None:
    at = NOW - timedelta(days=45)
    house.call(1, at)
    await house.settle()
    assert await house.purge() == {"120": Counts(talks=1)}
    assert await house.purge(at + timedelta(days=62)) == {"120": Counts(days=1, calls=1, callbacks=1, unmade=1)}
    assert await house.purge(at + timedelta(days=92)) == {"120": Counts(messages=1)}
    assert await house.purge(at + timedelta(days=4000)) == {}
    assert house.lying() == set()
    assert list(house.ring.names("120")) == []


async def test_the_day_it_was_promised_and_not_before(house: House) -> None:
    house.call(1, datetime(2026, 11, 1, 23, 59, 59, tzinfo=UTC), callback=False)
    await house.settle()
    kept = datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC)
    assert await house.purge(kept) == {}
    assert await house.purge(kept + timedelta(seconds=1)) == {"120": Counts(talks=1)}


async def test_it_is_on_record_and_twice_is_once(house: House) -> None:
    house.call(1, OLD)
    await house.settle()
    (counts,) = (await house.purge()).values()
    assert await house.purge() == {}
    ((row,),) = await fetch(house.dsn, "select to_jsonb(p) from ivr.purges p")
    row = json.loads(row) if isinstance(row, str) else row
    assert {name: row[name] for name in asdict(counts)} == asdict(counts)
    assert (row["who"], row["centre"]) == ("ops", "120")
    assert row["ended_at"] is not None


async def test_interrupted_it_is_done_by_the_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    old = house.call(1, OLD)
    await house.settle()
    real = Safe.discard

    def stops(self: Safe, file: str) -> None:
        if "talk" in file:
            raise OSError(5, "Input/output error")
        real(self, file)

    with monkeypatch.context() as patched:
        patched.setattr(Safe, "discard", stops)
        with pytest.raises(OSError, match="Input/output"):
            await house.purge()
    assert await fetch(house.dsn, "select ended_at from ivr.purges") == [(None,)]
    assert (await house.purge())["120"] == Counts(talks=1, calls=1, callbacks=1, unmade=1)
    assert await personal(house, old) == set()
    assert house.lying() == set()


async def test_without_the_record_nothing_is_destroyed(house: House) -> None:
    house.call(1, OLD)
    await house.settle()
    before = house.lying()
    house.dsn = house.dsn.replace("127.0.0.1", "127.0.0.2").replace("localhost", "127.0.0.2")
    with pytest.raises(PeerError):
        await house.purge()
    assert house.lying() == before
    assert list(house.ring.names("120/days")) == ["120/days/2026-08-01"]


async def test_what_no_centre_owns_is_kept_no_longer_than_the_shortest_promise(house: House) -> None:
    name = f"_fallback/2026-08-01/n1-{OLD.timestamp():.0f}.9-1.wav"
    house.record(name, OLD)
    house.safe.seal(name)
    assert await house.purge() == {"_fallback": Counts(messages=1)}
    assert house.lying() == set()


async def test_old_files_of_the_journal_go_and_the_live_one_stays(house: House) -> None:
    house.call(1, OLD)
    await house.settle()
    rotated = [house.journal.with_name(f"journal.csv{suffix}") for suffix in (".1", "-000001.gz", ".2")]
    for path, at in zip(rotated, (OLD, OLD, NEW), strict=True):
        path.write_bytes(b"")
        os.utime(path, (at.timestamp(), at.timestamp()))
    os.utime(house.journal, (OLD.timestamp(), OLD.timestamp()))
    await house.purge()
    assert [path.exists() for path in (*rotated, house.journal)] == [False, False, True, True]


@pytest.mark.parametrize(("days", "plausible"), [(0, True), (6, True), (8, False), (-3, False)])
async def test_by_itself_only_when_the_clock_may_be_right(house: House, days: int, plausible: bool) -> None:
    house.call(1, OLD)
    await house.settle()
    async with open_pool(house.dsn) as pool:
        asked = require_plausible(PurgeStore(pool), OLD + timedelta(days=days))
        if plausible:
            await asked
        else:
            with pytest.raises(OperatorError, match="2026-08-01"):
                await asked


async def test_a_request_that_joined_later_keeps_the_item(house: House) -> None:
    """One number, one item: it lives as long as its newest request."""
    vault = house.vault(OLD)
    key = vault.key_of(NUMBER)
    for number, at in ((1, OLD), (2, NEW)):
        sealed = house.vault(at).seal(NUMBER, "120")
        note = {"k": "callback", "origin": "queue", "due": at.isoformat(), "number": sealed, "number_key": key}
        enter = {
            "k": "enter",
            "centre": "120",
            "version": "0" * 12,
            "dnis": "120",
            "at": at.isoformat(),
            "language": "ko",
        }
        with house.journal.open("ab") as journal:
            journal.writelines(whole_call(f"n1-{at.timestamp():.0f}.{number}", enter, note, at=at.timestamp()))
    await house.settle()
    assert (await house.purge())["120"] == Counts(days=1, calls=1)
    ((number, state, requests),) = await fetch(house.dsn, "select number, state, requests from ivr.callbacks")
    assert (house.vault(NOW).unseal(number), state, requests) == (NUMBER, "open", 2)


class TestHandout:
    """Out of the safe: who, what and why first, then exactly what was recorded."""

    async def test_by_file_and_by_call(self, house: House) -> None:
        call = house.call(1, NEW)
        await house.settle()
        for file, plain in house.plain.items():
            assert await house.give(file) == plain
        with pytest.raises(OperatorError, match="several recordings"):
            await house.give(call)
        assert await fetch(house.dsn, "select who, what, why from ivr.access_log order by number") == [
            ("kim", f"recording {file}", "complaint 4711") for file in house.plain
        ]

    async def test_while_it_is_not_sealed_yet_too(self, house: House) -> None:
        house.call(1, NEW)
        await ingest_all(house.dsn, house.journal, RecordingsFolder(house.safe.root, settle_s=0).measure)
        file, plain = next(iter(house.plain.items()))
        assert await house.give(file) == plain

    async def test_without_the_log_nothing(self, house: House) -> None:
        house.call(1, NEW)
        await house.settle()
        connection = await asyncpg.connect(house.dsn)
        try:
            await connection.execute("alter table ivr.access_log add constraint closed check (false)")
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                await house.give(next(iter(house.plain)))
        finally:
            await connection.close()

    async def test_without_a_reason_nothing(self, house: House) -> None:
        house.call(1, NEW)
        await house.settle()
        with pytest.raises(OperatorError, match="why"):
            await house.give(next(iter(house.plain)), why=" ")
        assert await fetch(house.dsn, "select count(*) from ivr.access_log") == [(0,)]

    async def test_not_what_was_recorded(self, house: House) -> None:
        house.call(1, NEW)
        await house.settle()
        file = next(iter(house.plain))
        house.safe.discard(file)
        house.record(file, NEW)
        house.safe.seal(file)
        with pytest.raises(OperatorError, match="not what was recorded"):
            await house.give(file)

    async def test_destroyed(self, house: House) -> None:
        house.call(1, OLD)
        await house.settle()
        await house.purge()
        with pytest.raises(DestroyedError, match="destroyed on"):
            await house.give(next(iter(house.plain)))

    @pytest.mark.parametrize("which", ["n1-1.1", "120/2026-11-20/n1-9.9-1.wav", "../../secrets/120.key", "", "a/b\0c"])
    async def test_none_such(self, house: House, which: str) -> None:
        house.call(1, NEW)
        await house.settle()
        with pytest.raises(OperatorError):
            await house.give(which)
        assert await fetch(house.dsn, "select count(*) from ivr.access_log") == [(0,)]

    async def test_one_that_the_record_does_not_know(self, house: House) -> None:
        file = f"_fallback/2026-11-20/n1-{NEW.timestamp():.0f}.9-1.wav"
        house.record(file, NEW)
        house.safe.seal(file)
        assert await house.give(file) == house.plain[file]
