"""When recordings are sealed: on the real safe, with a record that says what the test says."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from ivr.adapters.keys import KeyRing
from ivr.adapters.recordings.safe import Safe
from ivr.engine.sealing import LONGEST_CALL_S, Sealing
from ivr.errors import PeerError

A, B, C = (f"120/2026-11-23/n1-179532743{n}.1-1.wav" for n in range(3))


class FixedRecord:
    """Knows what it was told."""

    def __init__(self, calls: Mapping[str, Collection[str]]) -> None:
        self.calls = {_call(file): frozenset(discarded) for file, discarded in calls.items()}
        self.away = False

    async def settled(self, calls: Collection[str]) -> Mapping[str, frozenset[str]]:
        if self.away:
            raise PeerError("away")
        return {call: files for call, files in self.calls.items() if call in calls}


def _call(file: str) -> str:
    return file.rpartition("/")[2].rpartition("-")[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "recordings").mkdir()
    return tmp_path / "recordings"


@pytest.fixture
def safe(root: Path) -> Safe:
    return Safe(root, KeyRing(secrets=root.parent / "secrets", keys=root.parent / "keys"))


def record(root: Path, *files: str, still_s: float = 10.0) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.encode())
        os.utime(path, (path.stat().st_mtime - still_s,) * 2)


def lying(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


async def test_only_calls_that_are_over_are_sealed(root: Path, safe: Safe) -> None:
    record(root, A, B)
    sealing = Sealing(safe=safe, record=FixedRecord({A: ()}))
    await sealing.look()
    assert lying(root) == {A + ".sealed", B}
    assert (sealing.status().sealed, sealing.status().waiting) == (1, 1)


async def test_what_the_caller_discarded_goes(root: Path, safe: Safe) -> None:
    record(root, A, A.replace("-1.wav", "-2.wav"))
    sealing = Sealing(safe=safe, record=FixedRecord({A: (A,)}))
    await sealing.look()
    assert lying(root) == {A.replace("-1.wav", "-2.wav.sealed")}
    assert (sealing.status().sealed, sealing.status().discarded, sealing.status().waiting) == (1, 1, 0)


async def test_without_the_record_what_is_older_than_any_call_is_sealed(root: Path, safe: Safe) -> None:
    record(root, A, still_s=LONGEST_CALL_S - 60)
    record(root, B, still_s=LONGEST_CALL_S + 60)
    record(root, C)
    known = FixedRecord({C: ()})
    known.away = True
    sealing = Sealing(safe=safe, record=known)
    await sealing.look()
    assert lying(root) == {A, B + ".sealed", C}
    known.away = False
    await sealing.look()
    assert lying(root) == {A, B + ".sealed", C + ".sealed"}


async def test_one_still_written_is_no_failure(root: Path, safe: Safe) -> None:
    record(root, A, still_s=0)
    sealing = Sealing(safe=safe, record=FixedRecord({A: ()}))
    await sealing.look()
    assert lying(root) == {A}
    assert sealing.status().failed == {}


async def test_a_failure_is_named_and_the_others_go_on(root: Path, safe: Safe) -> None:
    record(root, A, B)
    (root / (A + ".sealing")).mkdir()
    sealing = Sealing(safe=safe, record=FixedRecord({A: (), B: ()}))
    await sealing.look()
    assert lying(root) == {A, B + ".sealed"}
    assert list(sealing.status().failed) == [A]
    assert "directory" in sealing.status().failed[A]
    (root / (A + ".sealing")).rmdir()
    await sealing.look()
    assert A in lying(root), "it is not tried again at once"


async def test_a_failure_is_forgotten_once_the_file_is_sealed(root: Path, safe: Safe) -> None:
    record(root, A)
    (root / (A + ".sealing")).mkdir()
    sealing = Sealing(safe=safe, record=FixedRecord({A: ()}), retry_s=0)
    await sealing.look()
    (root / (A + ".sealing")).rmdir()
    await sealing.look()
    assert lying(root) == {A + ".sealed"}
    assert sealing.status().failed == {}
