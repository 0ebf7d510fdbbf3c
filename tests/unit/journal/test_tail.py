"""Following a file: whole lines only, each once, over rotation and from any position."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.adapters.journal.tail import LAST_LOOKS, LONGEST_LINE, JournalTail
from ivr.domain.events import Entry, JournalEvent, Position, Torn


def line(number: int) -> bytes:
    """An event of second `number`."""
    return f'"ANSWER","","17953{number:05}.000000","PJSIP/trunk-1","u","c","s","x","","",""\n'.encode()


def numbers(entries: list[Entry]) -> list[int]:
    return [int(entry.what.at.timestamp()) - 1795300000 for entry in entries if isinstance(entry.what, JournalEvent)]


def read_all(tail: JournalTail) -> list[Entry]:
    """Until nothing came often enough that a renamed file counts as finished."""
    entries: list[Entry] = []
    idle = 0
    while idle < 3 * LAST_LOOKS:
        batch = tail.read()
        idle = 0 if batch else idle + 1
        entries.extend(batch.entries if batch else ())
    return entries


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.csv"


@pytest.fixture
def tail(journal: Path) -> JournalTail:
    return JournalTail(journal)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_nothing_is_no_error(tail: JournalTail, journal: Path) -> None:
    assert tail.read() is None
    journal.touch()
    assert tail.read() is None
    assert tail.bytes_after(None) == 0


def test_a_half_line_waits_for_its_newline(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2)[:20])
    assert numbers(read_all(tail)) == [1]
    append(journal, line(2)[20:])
    entries = read_all(tail)
    assert numbers(entries) == [2]
    assert entries[0].offset == len(line(1))


def test_a_first_line_that_is_not_whole_yet(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1)[:-1])
    assert tail.read() is None
    append(journal, b"\n")
    assert numbers(read_all(tail)) == [1]


def test_a_position_goes_on_where_it_was(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2))
    batch = tail.read()
    assert batch is not None
    append(journal, line(3))
    assert tail.bytes_after(batch.position) == len(line(3))
    other = JournalTail(journal)
    other.seek(batch.position)
    assert numbers(read_all(other)) == [3]
    other.seek(None)
    assert numbers(read_all(other)) == [1, 2, 3]


def test_the_rest_of_a_renamed_file_comes_before_the_next(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1))
    assert numbers(read_all(tail)) == [1]
    append(journal, line(2))
    rotated = journal.with_name("journal.csv.1")
    journal.rename(rotated)
    append(journal, line(4))
    append(rotated, line(3))  # a writer that opened it before the renaming
    assert tail.bytes_after(None) == 4 * len(line(1))
    assert numbers(read_all(tail)) == [2, 3, 4]


def test_a_renamed_file_ends_with_a_torn_line(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2)[:30])
    assert numbers(read_all(tail)) == [1]
    journal.rename(journal.with_name("journal.csv.1"))
    append(journal, line(3))
    entries = read_all(tail)
    assert [isinstance(entry.what, Torn) for entry in entries] == [True, False]
    assert numbers(entries) == [3]


def test_renamed_and_nothing_new_yet(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1))
    assert numbers(read_all(tail)) == [1]
    journal.rename(journal.with_name("journal.csv.1"))
    assert read_all(tail) == []
    journal.touch()
    assert read_all(tail) == []
    append(journal, line(2))
    assert numbers(read_all(tail)) == [2]
    assert tail.lost_files == 0


def test_several_rotations_while_nobody_read(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2))
    batch = tail.read()
    assert batch is not None
    tail.close()
    # Named as logrotate does: the older, the higher the number.
    journal.rename(journal.with_name("journal.csv.2"))
    append(journal, line(3))
    journal.rename(journal.with_name("journal.csv.1"))
    append(journal, line(4))
    journal.with_name("journal.csv.0.gz").write_bytes(b"compressed")
    later = JournalTail(journal)
    half = Position(file=batch.position.file, started=batch.position.started, offset=len(line(1)))
    later.seek(half)
    assert later.bytes_after(half) == 3 * len(line(1))
    assert numbers(read_all(later)) == [2, 3, 4]


def test_the_inode_of_a_deleted_file_may_come_back(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1))
    assert numbers(read_all(tail)) == [1]
    inode = journal.stat().st_ino
    for number in range(2, 50):
        journal.unlink()
        append(journal, line(number))
        assert numbers(read_all(tail)) == [number]
        if journal.stat().st_ino == inode:
            break


def test_a_vanished_file_is_counted_and_the_next_one_read(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2))
    gone = Position(file="0123456789abcdef", started=1795300000.0, offset=17)
    tail.seek(gone)
    assert numbers(read_all(tail)) == [1, 2]
    assert tail.lost_files == 1


def test_two_rotations_in_a_row_with_no_line_since(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1))
    assert numbers(read_all(tail)) == [1]
    journal.rename(journal.with_name("journal.csv.1"))
    append(journal, line(2))
    journal.rename(journal.with_name("journal.csv.2"))
    assert numbers(read_all(tail)) == [2]


def test_a_file_that_was_emptied_is_read_from_its_new_beginning(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2) + line(3))
    assert numbers(read_all(tail)) == [1, 2, 3]
    os.truncate(journal, 0)
    append(journal, line(4))
    assert numbers(read_all(tail)) == [4]


def test_a_copy_of_the_live_file_is_not_taken_for_it(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1))
    journal.with_name("journal.csv.backup").write_bytes(journal.read_bytes())
    assert numbers(read_all(tail)) == [1]
    append(journal, line(2))
    assert numbers(read_all(tail)) == [2]


def test_a_line_without_end_is_torn_piece_by_piece(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + b"x" * (LONGEST_LINE * 5) + b"\n" + line(2))
    entries = read_all(tail)
    assert numbers(entries) == [1, 2]
    assert all(len(entry.what.text) <= 2000 for entry in entries if isinstance(entry.what, Torn))


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_line_once_however_it_is_written_rotated_and_resumed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    journal = tmp_path_factory.mktemp("any") / "journal.csv"
    tail = JournalTail(journal, read_bytes=200)
    position: Position | None = None
    rest, got, rotations = b"".join(line(number) for number in range(1, 13)), [], 0
    while rest:
        size = data.draw(st.integers(1, 150))
        append(journal, rest[:size])
        rest = rest[size:]
        match data.draw(st.sampled_from(["read", "restart", "rotate", "go on"])):
            case "read":
                if (batch := tail.read()) is not None:
                    got.extend(batch.entries)
                    position = batch.position
            case "restart":
                tail.seek(position)
            case "rotate" if journal.read_bytes().endswith(b"\n"):
                rotations += 1
                journal.rename(journal.with_name(f"journal.csv.{rotations}"))
    got.extend(read_all(tail))
    tail.close()
    assert numbers(got) == list(range(1, 13))
    assert len({(entry.file, entry.offset) for entry in got}) == len(got)
