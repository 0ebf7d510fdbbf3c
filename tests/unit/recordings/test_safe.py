"""The safe: nothing is lost wherever sealing is interrupted, and nothing comes out but what was recorded."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from ivr.adapters.journal.recordings import RecordingsFolder
from ivr.adapters.keys import KeyRing
from ivr.adapters.recordings import chunks, safe
from ivr.adapters.recordings.safe import Safe
from ivr.engine.ingest import StillWritten
from ivr.errors import DestroyedError, OperatorError

FILE = "120/2026-11-23/n1-1795327438.1-1.wav"
LONG_AGO = 1_795_000_000


class World:
    """A folder of recordings and its keys."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "recordings"
        self.root.mkdir()
        self.ring = KeyRing(secrets=folder / "secrets", keys=folder / "keys")
        self.safe = Safe(self.root, self.ring)

    def record(self, file: str = FILE, frames: int = 16_000) -> bytes:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as recording:
            recording.setparams((1, 2, 8000, 0, "NONE", ""))
            recording.writeframes(os.urandom(frames * 2))
        os.utime(path, (LONG_AGO, LONG_AGO))
        return path.read_bytes()

    def out(self, file: str = FILE) -> bytes:
        pieces = self.safe.find(file)
        assert pieces is not None
        return b"".join(pieces)

    def lying(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("frames", [0, 10, 16_000, 200_000])
def test_sealed_and_out_again(world: World, frames: int) -> None:
    plain = world.record(frames=frames)
    assert [each.file for each in world.safe.waiting()] == [FILE]
    world.safe.seal(FILE)
    assert world.lying() == {FILE + ".sealed"}
    assert world.safe.waiting() == []
    assert world.out() == plain
    assert world.safe.digest(FILE) == sha256(plain).hexdigest()
    sealed = (world.root / (FILE + ".sealed")).read_bytes()
    assert b"RIFF" not in sealed
    assert b"WAVE" not in sealed
    assert (world.root / (FILE + ".sealed")).stat().st_mode & 0o777 == 0o600


def test_measured_alike_before_and_after(world: World) -> None:
    world.record(frames=100_000)
    folder = RecordingsFolder(world.root, sealed=world.safe.find)
    before = folder.measure(FILE)
    assert before is not None
    assert before.seconds == 12.5
    world.safe.seal(FILE)
    assert folder.measure(FILE) == before
    world.safe.discard(FILE)
    assert folder.measure(FILE) is None


STOPS: dict[str, str] = {
    "before the key": "make",
    "while the sealed file is written": "seal",
    "while it is read back": "unseal",
    "before it has its name": "replace",
    "before the plain file goes": "unlink",
}


@pytest.mark.parametrize("place", STOPS)
def test_interrupted_anywhere_nothing_is_lost(world: World, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    plain = world.record()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        match STOPS[place]:
            case "make":
                patched.setattr(KeyRing, "make", stop)
            case "seal" | "unseal" as name:
                patched.setattr(chunks, name, _half(getattr(chunks, name)))
            case "replace" | "unlink" as name:
                real = getattr(Path, name)
                patched.setattr(
                    Path, name, lambda self, *a, **k: stop() if ".wav" in self.name else real(self, *a, **k)
                )
        with pytest.raises(KeyboardInterrupt):
            world.safe.seal(FILE)
    assert world.out() == plain, "the recording can be had meanwhile"
    assert [each.file for each in world.safe.waiting()] == [FILE]
    world.safe.seal(FILE)
    assert world.lying() == {FILE + ".sealed"}
    assert world.out() == plain


def _half(real: Callable[..., object]) -> Callable[..., object]:
    def part(*arguments: object) -> object:
        yield next(real(*arguments))  # type: ignore[call-overload]
        raise KeyboardInterrupt

    return part


def test_a_disk_that_gives_back_something_else_keeps_the_plain_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = world.record()
    monkeypatch.setattr(safe, "_digest", lambda pieces: sha256(b"".join(pieces) + b"x").hexdigest())
    with pytest.raises(OperatorError, match="read back"):
        world.safe.seal(FILE)
    assert (world.root / FILE).read_bytes() == plain


def test_one_that_grows_meanwhile_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.record()
    real = chunks.seal

    def growing(*arguments: object) -> object:
        yield from real(*arguments)  # type: ignore[arg-type]
        with (world.root / FILE).open("ab") as stream:
            stream.write(b"more")

    monkeypatch.setattr(chunks, "seal", growing)
    with pytest.raises(StillWritten):
        world.safe.seal(FILE)
    assert FILE in world.lying()


def test_one_just_written_stays(world: World) -> None:
    world.record()
    (world.root / FILE).touch()
    with pytest.raises(StillWritten):
        world.safe.seal(FILE)


def test_without_its_key_nothing_comes_out(world: World) -> None:
    world.record()
    world.safe.seal(FILE)
    assert world.ring.destroy("120/recordings/2026-11-23/n1-1795327438.1-1.wav")
    with pytest.raises(DestroyedError):
        world.safe.find(FILE)


def test_one_put_in_the_place_of_another_does_not_open(world: World) -> None:
    other = FILE.replace("-1.wav", "-2.wav")
    world.record()
    world.record(other)
    world.safe.seal(FILE)
    world.safe.seal(other)
    (world.root / (FILE + ".sealed")).replace(world.root / (other + ".sealed"))
    with pytest.raises(OperatorError, match="altered"):
        world.out(other)


@pytest.mark.parametrize(
    "file", ["", "x.wav", "120/2026-11-23", "120/2026-11-23/../../../seal.key", "/etc/passwd", "120/2026-11-23/a\0b"]
)
def test_names_that_lead_elsewhere_are_refused(world: World, file: str) -> None:
    with pytest.raises(OperatorError):
        world.safe.find(file)


def test_everything_is_listed_once_with_the_day_of_its_call(world: World) -> None:
    fallback = "_fallback/2026-11-22/n1-1795240000.7-1.wav"
    talk = "120/2026-11-23/n1-1795327438.1-talk3.wav"
    for file in (FILE, talk, fallback):
        world.record(file)
    world.safe.seal(FILE)
    (world.root / "120/2026-11-23/readme.txt").write_text("kept by somebody")
    found = {each.file: each for each in world.safe.recordings()}
    assert set(found) == {FILE, talk, fallback, "120/2026-11-23/readme.txt"}
    assert [found[file].is_talk for file in (FILE, talk)] == [False, True]
    assert found[FILE].day == date(2026, 11, 22), "by the second in the call's name, not by the folder"
    assert (found[fallback].owner, found[fallback].call) == ("_fallback", "n1-1795240000.7")
    (world.root / (FILE + ".sealed")).unlink()
    assert FILE in {each.file for each in world.safe.recordings()}, "its key is still there"


def test_a_folder_is_read_again_when_something_came(world: World) -> None:
    world.record()
    world.safe.seal(FILE)
    assert world.safe.waiting() == []
    assert world.safe.waiting() == []
    world.record("120/2026-11-23/n1-1795327439.2-1.wav")
    assert [each.call for each in world.safe.waiting()] == ["n1-1795327439.2"]
