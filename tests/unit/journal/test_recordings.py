"""How long a recording is, and when it can be believed."""

from __future__ import annotations

import os
import wave
from hashlib import sha256
from pathlib import Path

import pytest

from ivr.adapters.journal.recordings import RecordingsFolder
from ivr.engine.ingest import StillWritten


def write_wav(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\x01\x00" * int(8000 * seconds))


def settled(path: Path) -> None:
    os.utime(path, (1_795_000_000, 1_795_000_000))


def test_length_and_digest(tmp_path: Path) -> None:
    path = tmp_path / "120" / "a-1.wav"
    write_wav(path, 2.5)
    settled(path)
    found = RecordingsFolder(tmp_path).measure("120/a-1.wav")
    assert found is not None
    assert found.seconds == 2.5
    assert found.sha256 == sha256(path.read_bytes()).hexdigest()


def test_a_header_that_was_never_finished(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, 1.0)
    data = bytearray(path.read_bytes())
    data[40:44] = bytes(4)  # what Asterisk leaves when it is killed: a length of nothing
    path.write_bytes(data)
    settled(path)
    folder = RecordingsFolder(tmp_path)
    found = folder.measure("a.wav")
    assert found is not None
    assert found.seconds == 1.0
    with wave.open(str(path)) as played:
        assert played.getnframes() == 8000, "players find the sound"
    assert found.sha256 == sha256(path.read_bytes()).hexdigest(), "of the file as it stays"
    assert folder.measure("a.wav") == found
    path.chmod(0o400)
    assert folder.measure("a.wav") == found


def test_a_whole_recording_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, 1.0)
    settled(path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    RecordingsFolder(tmp_path).measure("a.wav")
    (tmp_path / "b.wav").write_bytes(b"RIFF" + bytes(60))
    settled(tmp_path / "b.wav")
    RecordingsFolder(tmp_path).measure("b.wav")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert (tmp_path / "b.wav").read_bytes() == b"RIFF" + bytes(60), "what is no WAV stays as it is"


def test_no_sound(tmp_path: Path) -> None:
    write_wav(tmp_path / "empty.wav", 0)
    (tmp_path / "garbage.wav").write_bytes(b"no wav at all")
    (tmp_path / "folder.wav").mkdir()
    for path in tmp_path.iterdir():
        settled(path)
    folder = RecordingsFolder(tmp_path)
    for name in ("empty.wav", "garbage.wav"):
        found = folder.measure(name)
        assert found is not None
        assert found.seconds == 0
    assert folder.measure("folder.wav") is None
    assert folder.measure("absent.wav") is None
    assert folder.measure("empty.wav/x.wav") is None


def test_raw_audio(tmp_path: Path) -> None:
    (tmp_path / "a.ulaw").write_bytes(b"\xff" * 4000)
    settled(tmp_path / "a.ulaw")
    found = RecordingsFolder(tmp_path).measure("a.ulaw")
    assert found is not None
    assert found.seconds == 0.5


def test_a_file_that_just_changed_is_not_believed_yet(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", 1)
    with pytest.raises(StillWritten):
        RecordingsFolder(tmp_path, settle_s=3600).measure("a.wav")


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/passwd", "a/../../secret.wav", "nul\x00.wav"])
def test_nothing_outside_the_folder_is_read(name: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "secret.wav", 1)
    (tmp_path / "recordings").mkdir()
    assert RecordingsFolder(tmp_path / "recordings", settle_s=0).measure(name) is None
