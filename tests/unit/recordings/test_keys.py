"""The key ring: keys are made once, wrapped, private, and gone for good once destroyed."""

from __future__ import annotations

import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ivr.adapters.keys import KeyRing
from ivr.errors import OperatorError

NAME = "120/days/2026-11-23"


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(secrets=tmp_path / "secrets", keys=tmp_path / "keys")


def files(tmp_path: Path) -> list[Path]:
    return sorted(path for path in tmp_path.rglob("*") if path.is_file())


def test_a_key_is_made_once_and_found_again(ring: KeyRing, tmp_path: Path) -> None:
    assert ring.find(NAME) is None
    key = ring.make(NAME)
    assert len(key) == 32
    again = KeyRing(secrets=tmp_path / "secrets", keys=tmp_path / "keys")
    assert again.make(NAME) == again.find(NAME) == key
    assert ring.make("120/days/2026-11-24") != key


def test_it_lies_wrapped_and_private(ring: KeyRing, tmp_path: Path) -> None:
    key = ring.make(NAME)
    lying = files(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in lying] == ["keys/120/days/2026-11-23.key", "secrets/120.key"]
    for path in lying:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert key not in path.read_bytes()
        assert key.hex() not in path.read_text(encoding="latin-1")


def test_destroyed_is_gone(ring: KeyRing) -> None:
    key = ring.make(NAME)
    assert ring.destroy(NAME)
    assert ring.find(NAME) is None
    assert not ring.destroy(NAME)
    assert ring.make(NAME) != key


def test_many_who_make_it_at_once_have_the_same(tmp_path: Path) -> None:
    def make(_: int) -> bytes:
        return KeyRing(secrets=tmp_path / "secrets", keys=tmp_path / "keys").make(NAME)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(40)))) == 1
    assert len(files(tmp_path)) == 2, "nothing half made is left"


def test_another_centre_key_opens_nothing(ring: KeyRing, tmp_path: Path) -> None:
    ring.make(NAME)
    (tmp_path / "secrets" / "120.key").write_text("00" * 32)
    with pytest.raises(OperatorError, match=NAME):
        ring.find(NAME)


def test_a_key_put_in_the_place_of_another_opens_nothing(ring: KeyRing, tmp_path: Path) -> None:
    ring.make(NAME)
    shutil.copy(tmp_path / "keys" / f"{NAME}.key", tmp_path / "keys" / "120/days/2026-11-24.key")
    with pytest.raises(OperatorError):
        ring.find("120/days/2026-11-24")


def test_a_lost_centre_key_is_not_made_anew(ring: KeyRing, tmp_path: Path) -> None:
    ring.make(NAME)
    (tmp_path / "secrets" / "120.key").unlink()
    with pytest.raises(OperatorError, match=r"120\.key is missing"):
        ring.make("120/days/2026-11-24")
    assert not (tmp_path / "secrets" / "120.key").exists()
    ring.make("121/days/2026-11-24")


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31])
def test_a_damaged_centre_key_is_named(ring: KeyRing, tmp_path: Path, text: str) -> None:
    ring.make(NAME)
    (tmp_path / "secrets" / "120.key").write_text(text)
    with pytest.raises(OperatorError, match=r"120\.key is damaged"):
        ring.find(NAME)


@pytest.mark.parametrize(
    "name", ["", "120", "../x/y", "120/../../etc", "120/days/", "120/./x", "12.0/x", "120/a\nb", "/a/b"]
)
def test_names_that_lead_elsewhere_are_refused(ring: KeyRing, tmp_path: Path, name: str) -> None:
    with pytest.raises(OperatorError):
        ring.make(name)
    assert not files(tmp_path)


def test_names_and_owners(ring: KeyRing) -> None:
    for name in ("121/days/2026-11-23", "120/days/2026-11-24", NAME, "120/recordings/2026-11-23/n1-1.2-1.wav"):
        ring.make(name)
    assert ring.owners() == ["120", "121"]
    assert list(ring.names("120/days")) == [NAME, "120/days/2026-11-24"]
    assert list(ring.names("120/recordings")) == ["120/recordings/2026-11-23/n1-1.2-1.wav"]
    assert list(ring.names("122")) == []
