"""The books: every caller against the journal, the record and the recordings on disk; each thing that does not fit."""

from __future__ import annotations

import contextlib
import gzip
import os
import resource
import time
import wave
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from journals import commit, interleaved, line, lines_of, whole_call
from test_ingest import SMALL_READ, ingest_all

from ivr import reconcile as module
from ivr.adapters.db.journal import JournalStore
from ivr.adapters.db.pool import open_pool
from ivr.adapters.db.purges import PurgeStore
from ivr.adapters.journal.lines import decode_extra, node_start
from ivr.adapters.journal.recordings import RecordingsFolder
from ivr.adapters.journal.tail import READ_BYTES
from ivr.adapters.keys import KeyRing
from ivr.adapters.recordings.safe import Safe
from ivr.domain.conservation import NO_CENTRE
from ivr.domain.records import CallRecord
from ivr.domain.retention import Retention
from ivr.purge import Purge
from ivr.reconcile import Books, Report, reconcile

CALLS = int(os.environ.get("IVR_RECONCILE_CALLS", "1000"))
SEOUL = ZoneInfo("Asia/Seoul")
AT = 1795363800.0
"""2026-11-22 16:10 UTC, 2026-11-23 01:10 in Seoul."""
DAY = date(2026, 11, 23)
TALK = "120/2026-11-23/n1-1.1-talk.wav"
MESSAGE = "120/2026-11-23/n1-1.2-1.wav"


def day_of(call: CallRecord) -> date:
    return call.entered_at.astimezone(SEOUL).date()


@contextlib.contextmanager
def quiet(_: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda done, total: None


class House:
    """A journal, its recordings and its record."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self.journal = folder / "journal.csv"
        self.recordings = folder / "recordings"
        self.safe = Safe(self.recordings, KeyRing(secrets=folder / "secrets", keys=folder / "keys"))
        self.books = Books(
            dsn=dsn,
            node="n1",
            journal=self.journal,
            recordings=self.recordings,
            sealed=self.safe.find,
            day_of=day_of,
        )

    def say(self, *lines: bytes) -> None:
        with self.journal.open("ab") as file:
            file.writelines(lines)

    def record(self, name: str, seconds: float = 2.0) -> Path:
        path = self.recordings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(b"\x01\x02" * int(8000 * seconds))
        os.utime(path, (AT, AT))
        return path

    async def ingest(self, within_s: float = 30.0, read_bytes: int = SMALL_READ) -> None:
        store = JournalStore(self.dsn, node="n1", decode_extra=decode_extra, day_of=day_of)
        folder = RecordingsFolder(self.recordings, settle_s=0)
        await ingest_all(self.dsn, self.journal, folder.measure, store, within_s, read_bytes)

    async def report(self, first: date = DAY, last: date | None = None) -> Report:
        return await reconcile(self.books, first, last or first, quiet)

    async def put(self, statement: str) -> None:
        """Changes a row as no code of ours would, behind the back of triggers and constraints."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("set session_replication_role = replica")
            await connection.execute(statement)
        finally:
            await connection.close()


def message(file: str) -> dict[str, object]:
    return {"k": "message", "take": 1, "file": file, "state": "kept", "language": "ko", "data": None}


@pytest.fixture
async def house(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A talk, a message, one served, one over midnight of Seoul the day before, one blocked before any centre."""
    monkeypatch.setattr(module, "CATCH_UP_S", 0.0)
    house = House(dsn, tmp_path)
    house.record(TALK)
    house.record(MESSAGE)
    queue = {"k": "queue", "queue": "pension", "talk_file": TALK}
    house.say(*whole_call("n1-1.1", queue, at=AT))
    house.say(*whole_call("n1-1.2", message(MESSAGE), at=AT + 20))
    house.say(*whole_call("n1-1.3", {"k": "end", "outcome": "self_served", "reason": None}, at=AT + 40))
    house.say(*whole_call("n1-1.4", at=AT - 3 * 3600))
    house.say(*(one for one in whole_call("n1-1.5", at=AT + 60) if b'"IVR"' not in one))
    await house.ingest()
    return house


def counted(report: Report) -> dict[tuple[str, str], dict[str, int]]:
    return {
        (str(day), centre): {name: calls for name, calls in count.as_dict().items() if calls}
        for (day, centre), count in report.days.items()
    }


def whys(report: Report) -> dict[str, list[str]]:
    return {call: [misfit.why for misfit in found] for call, found in report.misfits.items()}


async def test_a_balanced_day_by_centre_in_its_time_zone(house: House) -> None:
    report = await house.report(date(2026, 11, 22), DAY)
    assert whys(report) == {}
    assert report.is_balanced
    assert report.uncomparable == []
    assert counted(report) == {
        ("2026-11-22", "120"): {"arrived": 1, "abandoned": 1},
        ("2026-11-23", "120"): {"arrived": 3, "abandoned": 1, "message_saved": 1, "self_served": 1},
        ("2026-11-23", NO_CENTRE): {"arrived": 1, "abandoned": 1},
    }
    assert report.journal == {key: count.arrived for key, count in report.days.items()}
    assert report.recordings == 2


async def test_a_day_with_open_calls(house: House) -> None:
    house.say(*whole_call("n1-1.9", message("120/2026-11-23/n1-1.9-1.wav"), at=AT + 80)[:3])
    house.record("120/2026-11-23/n1-1.9-1.wav")
    await house.ingest()
    report = await house.report()
    assert whys(report) == {}
    assert counted(report)["2026-11-23", "120"]["open"] == 1


async def test_every_recorded_kind_of_call_balances(house: House) -> None:
    house.say(*interleaved(["answered_agent_hangs_up", "transferred_to_tier2", "agent_login", "declined_then_second"]))
    house.say(*lines_of("asterisk_killed"))
    await house.ingest()
    report = await house.report(date(2026, 11, 1), date(2026, 12, 31))
    # Those journals were written without their recordings.
    assert all("is not there" in why for found in whys(report).values() for why in found)
    assert sum(count.arrived for count in report.days.values()) == 9


@pytest.mark.parametrize(
    ("statement", "call", "why"),
    [
        (
            "update ivr.calls set outcome = 'failed' where id = 'n1-1.3'",
            "n1-1.3",
            "outcome is failed in the record, self_served by the journal",
        ),
        ("update ivr.calls set centre = 'x' where id = 'n1-1.3'", "n1-1.3", "centre is x in the record, 120 by the"),
        ("delete from ivr.calls where id = 'n1-1.3'", "n1-1.3", "it is in the journal, not in the record"),
        ("delete from ivr.legs where call = 'n1-1.3'", "n1-1.3", "leg n1-1.3 is not in the record"),
        ("update ivr.legs set talk_s = 9 where call = 'n1-1.3'", "n1-1.3", "leg n1-1.3 differs"),
        ("delete from ivr.messages", "n1-1.2", "its messages differ"),
        ("delete from ivr.recordings", "n1-1.1", "its recorded talks differ"),
        ("delete from ivr.events where call = 'n1-1.3'", "", "journal.csv has 29 lines, 23 of them are in the record"),
        ("update ivr.daily_totals set answered = 7", "", "the daily totals of 120 are not those of its calls"),
        (
            "update ivr.messages set sha256 = repeat('0', 64)",
            "n1-1.2",
            f"recording {MESSAGE} is not what was recorded",
        ),
        ("update ivr.messages set seconds = 2.1", "n1-1.2", f"recording {MESSAGE} is not what was recorded"),
    ],
)
async def test_what_was_changed_in_the_record_is_named(house: House, statement: str, call: str, why: str) -> None:
    await house.put("alter table ivr.daily_totals drop constraint conservation")
    await house.put(statement)
    report = await house.report()
    assert not report.is_balanced
    assert why in "; ".join(whys(report)[call])


async def test_a_call_of_nowhere_is_named(house: House) -> None:
    await house.put("update ivr.calls set id = 'n1-7.7' where id = 'n1-1.3'")
    assert whys(await house.report()) == {
        "n1-1.3": ["it is in the journal, not in the record"],
        "n1-7.7": ["it is in the record without a line of the journal"],
    }


async def test_a_line_taken_out_of_the_journal_is_named(house: House) -> None:
    text = house.journal.read_bytes()
    house.journal.write_bytes(b"".join(one for one in text.splitlines(True) if b"n1-1.3" not in one))
    found = whys(await house.report())
    assert found["n1-1.3"] == ["it is in the record, not in the journal"]
    assert len(found) == 2


async def test_recordings_and_rows_belong_together(house: House) -> None:
    (house.recordings / MESSAGE).unlink()
    talk = house.recordings / TALK
    talk.write_bytes(talk.read_bytes()[:-2] + b"xx")
    house.record("120/2026-11-23/n1-9.9-1.wav")
    assert whys(await house.report()) == {
        "n1-1.1": [f"recording {TALK} is not what was recorded"],
        "n1-1.2": [f"recording {MESSAGE} is not there"],
        "n1-9.9": ["recording 120/2026-11-23/n1-9.9-1.wav has no row in the record"],
    }


async def test_a_sealed_recording_is_compared_by_what_is_in_it(house: House) -> None:
    for name in (TALK, MESSAGE):
        house.safe.seal(name)
    report = await house.report()
    assert (whys(report), report.uncomparable, report.recordings) == ({}, [], 2)

    sealed = house.recordings / (TALK + ".sealed")
    sealed.write_bytes(sealed.read_bytes()[:-1])
    assert whys(await house.report()) == {"n1-1.1": [f"recording {TALK} is not what was recorded"]}


async def test_a_sealed_recording_that_does_not_open_is_said(house: House) -> None:
    for name in (TALK, MESSAGE):
        (house.recordings / name).rename(house.recordings / (name + ".sealed"))
    report = await house.report()
    assert whys(report) == {}
    assert report.uncomparable == ["what is in 2 sealed recordings that do not open"]


async def test_what_was_destroyed_in_time_is_missed_by_nobody(house: House) -> None:
    terms = {"120": Retention(messages=10, talk=10, calls=10)}
    purge = Purge(
        safe=house.safe, ring=KeyRing(secrets=house.safe.root, keys=house.safe.root), journal=house.journal, terms=terms
    )
    for name in (TALK, MESSAGE):
        house.safe.seal(name)
    async with open_pool(house.dsn) as pool:
        done = await purge.run(PurgeStore(pool), at=datetime.fromtimestamp(AT, UTC) + timedelta(days=12), who="test")
    assert [(each.centre, each.counts.messages, each.counts.talks) for each in done if each.centre == "120"] == [
        ("120", 1, 1)
    ]
    report = await house.report()
    assert whys(report) == {}
    assert report.uncomparable == ["2 recordings past their time, which are destroyed"]


async def test_rotated_files_are_read_too_and_a_pruned_one_is_said(house: House) -> None:
    first = house.journal.with_name("journal.csv.1")
    house.journal.rename(first)
    house.say(*whole_call("n1-2.1", at=AT + 100))
    await house.ingest()
    report = await house.report()
    assert (whys(report), report.uncomparable) == ({}, [])
    assert sum(report.journal.values()) == 5
    first.with_name("journal.csv.1.gz").write_bytes(gzip.compress(first.read_bytes()))
    first.unlink()
    report = await house.report()
    assert whys(report) == {}
    assert report.uncomparable == ["4 calls with the journal: files with lines of theirs are gone"]
    assert counted(report)["2026-11-23", "120"]["arrived"] == 4


async def test_a_call_over_a_rotation_whose_beginning_was_pruned(house: House) -> None:
    lines = whole_call("n1-2.1", at=AT + 100)
    house.say(*lines[:3])
    house.journal.rename(house.journal.with_name("journal.csv.1"))
    house.say(*lines[3:])
    await house.ingest()
    assert whys(await house.report()) == {}
    house.journal.with_name("journal.csv.1").unlink()
    report = await house.report()
    assert whys(report) == {}
    assert report.uncomparable == ["5 calls with the journal: files with lines of theirs are gone"]


async def test_a_record_that_is_behind_does_not_balance(house: House) -> None:
    house.say(*whole_call("n1-2.1", at=AT + 100))
    found = whys(await house.report())
    assert found["n1-2.1"] == ["it is in the journal, not in the record"]
    assert "bytes behind the journal: is ingest running?" in found[""][0]


async def test_torn_and_late_lines_and_a_node_start_balance(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.adapters.journal.history.GRACE_LINES", 2)
    from datetime import UTC, datetime

    lines = whole_call("n1-2.1", at=AT + 100)
    late = line("IVR", "n1-1.3", at=AT + 200, extra=commit(1, {"k": "end", "outcome": "failed", "reason": None}))
    house.say(b"garbage\n", *lines[:3], node_start("n1", datetime.fromtimestamp(AT + 150, UTC)), late)
    await house.ingest()
    report = await house.report()
    assert whys(report) == {}
    assert counted(report)["2026-11-23", "120"] == {"arrived": 4, "abandoned": 1, "message_saved": 1, "failed": 2}


async def test_a_vanished_journal_file_and_another_node_are_said(house: House) -> None:
    os.truncate(house.journal, 0)
    house.say(*whole_call("n1-2.1", at=AT + 100))
    await house.ingest()
    await house.put("update ivr.daily_totals set node = 'n2' where centre = ''")
    report = await house.report()
    assert report.uncomparable[:2] == [
        "1 journal files vanished before they were read to their end",
        "calls of node n2: reconcile there",
    ]


async def test_many_calls_in_bounded_memory(dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = House(dsn, tmp_path)
    for number in range(CALLS):
        house.say(*whole_call(f"n1-3.{number}", {"k": "end", "outcome": "self_served"}, at=AT + number / 100))
    await house.ingest(within_s=600, read_bytes=READ_BYTES)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    report = await house.report()
    took, grown = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    with capsys.disabled():
        print(f"\nreconcile: {CALLS:,} calls in {took:.1f} s, memory grew by {grown / 1024:.0f} MB")  # noqa: T201
    assert whys(report) == {}
    assert sum(count.arrived for count in report.days.values()) == CALLS
    assert grown < 150 * 1024
