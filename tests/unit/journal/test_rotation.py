"""Rotation under a writer and a reader: each line once, whatever happens between; only what is read is removed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.adapters.journal.files import list_files
from ivr.adapters.journal.rotation import prune, rotate
from ivr.adapters.journal.tail import LAST_LOOKS, LOOK_AROUND, JournalTail
from ivr.domain.events import Entry, JournalEvent, Position, Torn


def line(number: int) -> bytes:
    return f'"ANSWER","","17953{number:05}.000000","PJSIP/trunk-1","u{number}","c","s","x","","",""\n'.encode()


def append(path: Path, data: bytes) -> None:
    """As Asterisk does it: open, append, close."""
    with path.open("ab") as file:
        file.write(data)


class Reader:
    """A tail that is forgotten again and again, all but what the record has."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._tail = JournalTail(journal, read_bytes=300)
        self.positions: dict[str, Position] = {}
        self.entries: list[Entry] = []
        self.lost = 0

    def read(self, times: int = 1) -> None:
        for _ in range(times):
            if (batch := self._tail.read()) is not None:
                self.entries.extend(batch.entries)
                self.positions.pop(batch.position.file, None)
                self.positions[batch.position.file] = batch.position

    def restart(self) -> None:
        self.lost += self._tail.lost_files
        self._tail.close()
        self._tail = JournalTail(self._journal, read_bytes=300)
        self._tail.seek(self.positions.values())

    def finish(self) -> None:
        while self._tail.bytes_after(self.positions.values()):
            self.read()
        self.read(LOOK_AROUND + LAST_LOOKS)
        self.restart()
        self._tail.close()

    @property
    def read_to(self) -> dict[str, int]:
        return {file: position.offset for file, position in self.positions.items()}

    def events(self) -> list[str]:
        return [entry.what.unique_id for entry in self.entries if isinstance(entry.what, JournalEvent)]

    def torn(self) -> int:
        return sum(isinstance(entry.what, Torn) for entry in self.entries)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.csv"


def test_numbers_rise_and_nothing_is_no_file(journal: Path) -> None:
    assert rotate(journal) is None
    for number in range(1, 4):
        append(journal, line(number))
        assert rotate(journal) == journal.with_name(f"journal.csv-{number:06}")
        assert not journal.exists()
    assert rotate(journal) is None
    assert [file.path.name for file in list_files(journal)] == [f"journal.csv-{number:06}" for number in (1, 2, 3)]


def test_only_what_the_record_has_is_removed(journal: Path) -> None:
    reader = Reader(journal)
    for number in range(1, 6):
        append(journal, line(number))
        rotate(journal)
        if number == 3:
            reader.finish()
    removed, left = prune(journal, keep=1, read_to=reader.read_to)
    assert [path.name for path in removed] == ["journal.csv-000001", "journal.csv-000002"]
    assert [path.name for path in left] == ["journal.csv-000003", "journal.csv-000004"]
    append(journal, line(6))
    assert rotate(journal) == journal.with_name("journal.csv-000006")
    reader.finish()
    assert reader.events() == [f"u{number}" for number in range(1, 7)]
    assert reader.lost == 0


def test_many_at_once_lose_nothing(journal: Path) -> None:
    append(journal, line(1))
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            rotate(journal)

    turners = [threading.Thread(target=turn) for _ in range(3)]
    for turner in turners:
        turner.start()
    for number in range(2, 300):
        append(journal, line(number))
    stop.set()
    for turner in turners:
        turner.join()
    reader = Reader(journal)
    reader.finish()
    assert reader.events() == [f"u{number}" for number in range(1, 300)]


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_exactly_once_over_rotations_torn_lines_steps_of_the_clock_and_restarts(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    journal = tmp_path_factory.mktemp("any") / "journal.csv"
    reader = Reader(journal)
    whole, torn, number, clock = [], 0, 0, 50_000
    half = False
    for _ in range(data.draw(st.integers(5, 40))):
        match data.draw(
            st.sampled_from(["write", "write", "garbage", "half", "rotate", "read", "restart", "prune", "step"])
        ):
            case "write":
                number, clock = number + 1, clock + 1
                text = line(clock).replace(f"u{clock}".encode(), f"u{number}x".encode())
                append(journal, text)
                whole.append(f"u{number}x")
                half = False
            case "garbage" if not half:
                append(journal, b"\xff\x00 no line\n")
                torn += 1
            case "half" if not half:  # the disk was full in the middle of a line
                append(journal, line(clock)[: data.draw(st.integers(1, 60))])
                torn, half = torn + 1, True
            case "rotate" if not half:
                rotate(journal)
            case "read":
                reader.read(data.draw(st.integers(1, 6)))
            case "restart":
                reader.restart()
            case "prune":
                prune(journal, keep=2, read_to=reader.read_to)
            case "step":
                clock += data.draw(st.sampled_from([-3600, 3600]))
    append(journal, line(60_000))
    reader.finish()
    whole.append("u60000")
    assert sorted(reader.events()) == sorted(whole)
    assert reader.torn() == torn
    assert len({(entry.file, entry.offset) for entry in reader.entries}) == len(reader.entries)
    assert reader.lost == 0
