"""Following a file: whole lines only, each once, over rotation and from any position."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.adapters.journal.files import LONGEST_LINE
from ivr.adapters.journal.tail import LAST_LOOKS, LOOK_AROUND, JournalTail
from ivr.domain.events import Entry, JournalEvent, Position, Torn


def line(number: int) -> bytes:
    """An event of second `number`."""
    return f'"ANSWER","","17953{number:05}.000000","PJSIP/trunk-1","u","c","s","x","","",""\n'.encode()


def numbers(entries: list[Entry]) -> list[int]:
    return [int(entry.what.at.timestamp()) - 1795300000 for entry in entries if isinstance(entry.what, JournalEvent)]


def read_all(tail: JournalTail) -> list[Entry]:
    """Until nothing came often enough that every other file was looked at again."""
    entries: list[Entry] = []
    idle = 0
    while idle < LOOK_AROUND + 3 * LAST_LOOKS:
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
    assert tail.bytes_after(()) == 0


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
    assert tail.bytes_after([batch.position]) == len(line(3))
    other = JournalTail(journal)
    other.seek([batch.position])
    assert numbers(read_all(other)) == [3]
    other.seek(())
    assert numbers(read_all(other)) == [1, 2, 3]


def test_the_rest_of_a_renamed_file_comes_before_the_next(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1))
    assert numbers(read_all(tail)) == [1]
    append(journal, line(2))
    rotated = journal.with_name("journal.csv.1")
    journal.rename(rotated)
    append(journal, line(4))
    append(rotated, line(3))  # a writer that opened it before the renaming
    assert tail.bytes_after(()) == 4 * len(line(1))
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
    later.seek([half])
    assert later.bytes_after([half]) == 3 * len(line(1))
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
    tail.seek([gone])
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


def test_files_follow_their_numbers_where_the_clock_went_back(tail: JournalTail, journal: Path) -> None:
    """Each file begins an hour before the one that it follows, and nobody read meanwhile."""
    for number, hours in (("3", 3), ("2", 2), ("1", 1)):
        append(journal, line(3600 * hours) + line(3600 * hours + 1))
        journal.rename(journal.with_name(f"journal.csv.{number}"))
    append(journal, line(5))
    assert numbers(read_all(tail)) == [10800, 10801, 7200, 7201, 3600, 3601, 5]


def test_ascending_names_are_the_younger_the_higher(tail: JournalTail, journal: Path) -> None:
    for number in ("000009", "000010", "000011"):
        append(journal, line(9000 - int(number)))
        journal.rename(journal.with_name(f"journal.csv-{number}"))
    append(journal, line(5))
    assert numbers(read_all(tail)) == [8991, 8990, 8989, 5]


def test_the_clock_goes_back_an_hour_with_a_rotation(tail: JournalTail, journal: Path) -> None:
    """By its time the new file is older than the one that was read."""
    append(journal, line(7200))
    assert numbers(read_all(tail)) == [7200]
    journal.rename(journal.with_name("journal.csv.1"))
    append(journal, line(3600))
    assert numbers(read_all(tail)) == [3600]
    append(journal, line(3601))
    assert numbers(read_all(tail)) == [3601]


def test_a_line_added_to_a_finished_file_is_read_after_all(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1))
    assert numbers(read_all(tail)) == [1]
    rotated = journal.with_name("journal.csv.1")
    journal.rename(rotated)
    append(journal, line(2))
    assert numbers(read_all(tail)) == [2]
    append(rotated, line(3))
    assert numbers(read_all(tail)) == [3]
    append(journal, line(4))
    assert numbers(read_all(tail)) == [4]


@pytest.mark.parametrize("half", [1, 2, 7, 8, 9, 10, 11, 30, 60, 71])
def test_half_a_line_of_any_length_leaves_the_next_whole(tail: JournalTail, journal: Path, half: int) -> None:
    append(journal, line(1) + line(2)[:half] + line(3))
    entries = read_all(tail)
    assert numbers(entries) == [1, 3]
    assert sum(isinstance(entry.what, Torn) for entry in entries) == 1


def test_a_line_that_only_lacks_its_newline_is_whole(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2)[:-1] + line(3))
    assert numbers(read_all(tail)) == [1, 2, 3]


def test_half_a_line_and_a_whole_one_after_a_full_disk(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2)[:31] + line(3)[:50] + line(4) + line(5))
    entries = read_all(tail)
    assert numbers(entries) == [1, 4, 5]
    torn = [entry.what.text for entry in entries if isinstance(entry.what, Torn)]
    assert torn == [(line(2)[:31] + line(3)[:50]).decode()]
    assert len({entry.offset for entry in entries}) == 4


def test_files_that_begin_with_the_same_garbage_are_two(tail: JournalTail, journal: Path) -> None:
    append(journal, b"\n" + line(1))
    assert numbers(read_all(tail)) == [1]
    journal.rename(journal.with_name("journal.csv.1"))
    append(journal, b"\n")
    assert read_all(tail) == []
    append(journal, line(2))
    entries = read_all(tail)
    assert numbers(entries) == [2]
    assert len(entries) == 2


def test_a_renamed_file_of_garbage_alone_is_read(tail: JournalTail, journal: Path) -> None:
    append(journal, b"nonsense\n")
    journal.rename(journal.with_name("journal.csv.1"))
    append(journal, line(1))
    entries = read_all(tail)
    assert [isinstance(entry.what, Torn) for entry in entries] == [True, False]


def test_an_emptied_file_may_have_lost_lines(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2))
    assert numbers(read_all(tail)) == [1, 2]
    os.truncate(journal, 0)
    assert read_all(tail) == []
    assert (tail.lost_files, tail.lost_pending) == (1, 1)
    append(journal, line(3))
    batch = tail.read()
    assert batch is not None
    assert len(batch.lost) == 1
    assert (tail.lost_files, tail.lost_pending) == (1, 0)


def test_a_deleted_file_that_was_open_is_read_to_its_end(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1))
    assert numbers(read_all(tail)) == [1]
    append(journal, line(2))
    assert tail.read() is not None
    append(journal, line(3))
    journal.unlink()
    append(journal, line(4))
    assert numbers(read_all(tail)) == [3, 4]
    assert tail.lost_files == 0


def test_copied_and_emptied_goes_on_in_the_copy(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1))
    assert numbers(read_all(tail)) == [1]
    append(journal, line(2))
    journal.with_name("journal.csv.1").write_bytes(journal.read_bytes())
    os.truncate(journal, 0)
    append(journal, line(3))
    assert numbers(read_all(tail)) == [2, 3]
    assert tail.lost_files == 0


def test_a_small_read_still_takes_a_whole_line(tail: JournalTail, journal: Path) -> None:
    append(journal, line(1) + line(2))
    batch = tail.read(10)
    assert batch is not None
    assert numbers(list(batch.entries)) == [1]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_line_once_however_it_is_written_rotated_and_resumed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Renamed as logrotate does, with late writers, half lines, and a reader that forgets all but its positions."""
    journal = tmp_path_factory.mktemp("any") / "journal.csv"
    tail = JournalTail(journal, read_bytes=200)
    positions: dict[str, Position] = {}
    got: list[Entry] = []
    step_back = data.draw(st.lists(st.booleans(), min_size=12, max_size=12))
    rest = b"".join(
        line(number + (0 if back else 50_000)) for number, back in zip(range(1, 13), step_back, strict=True)
    )
    expected = len(rest.splitlines())

    def take() -> None:
        if (batch := tail.read()) is not None:
            got.extend(batch.entries)
            positions.pop(batch.position.file, None)
            positions[batch.position.file] = batch.position

    while rest:
        size = data.draw(st.integers(1, 150))
        append(journal, rest[:size])
        rest = rest[size:]
        match data.draw(st.sampled_from(["read", "restart", "rotate", "late", "go on"])):
            case "read":
                take()
            case "restart":
                tail.seek(positions.values())
            case "rotate" if journal.read_bytes().endswith(b"\n"):
                rotated = sorted(journal.parent.glob("journal.csv.*"), key=lambda path: int(path.suffix[1:]))
                for path in reversed(rotated):
                    path.rename(path.with_suffix(f".{int(path.suffix[1:]) + 1}"))
                journal.rename(journal.with_name("journal.csv.1"))
            case "late" if older := list(journal.parent.glob("journal.csv.*")):
                append(data.draw(st.sampled_from(sorted(older))), line(99_000 + expected))
                expected += 1
    got.extend(read_all(tail))
    tail.close()
    assert all(isinstance(entry.what, JournalEvent) for entry in got)
    assert len(got) == expected
    assert len({entry.what for entry in got}) == expected
    assert len({(entry.file, entry.offset) for entry in got}) == len(got)
    assert tail.lost_files == 0
