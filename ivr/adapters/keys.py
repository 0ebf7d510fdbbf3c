"""The key ring: random keys as files, each wrapped under its centre's key, each gone for good once its file is.

A key is named by a path such as `120/days/2026-11-25`, whose first part is the centre. It lies at `<keys>/<name>.key`;
the centre's own key, which opens it, at `<secrets>/<centre>.key`. So a copy of one folder without the other opens
nothing.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.errors import OperatorError

KEY_BYTES = 32
NONCE_BYTES = 12
NOBODY = "_"
"""Whose keys those are that belong to no centre: of callers of a number that nobody answers."""
SUFFIX = ".key"
_OWNER = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class KeyRing:
    """Makes, finds and destroys keys. Blocking, but each is one small file; several processes may use one folder."""

    def __init__(self, *, secrets: Path, keys: Path) -> None:
        """Where the centres' keys lie, and where those that they wrap."""
        self._secrets = secrets
        self._keys = keys

    def centre_key(self, centre: str) -> bytes:
        """The centre's own key, made when the centre is new.

        Raises OperatorError when it is damaged or missing although it wraps others, OSError when it cannot be made.
        """
        path = self._secrets / f"{_owner(centre)}{SUFFIX}"
        raw = _read(path)
        if raw is None:
            if any((self._keys / centre).glob(f"*/**/*{SUFFIX}")):
                raise OperatorError(f"{path} is missing, and without it nothing sealed of {centre} opens: restore it")
            raw = _create(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        text = raw.decode("ascii", errors="replace").strip()
        if not _HEX_KEY.fullmatch(text):
            raise OperatorError(f"{path} is damaged: 64 hex digits are needed; restore it from backup")
        return bytes.fromhex(text)

    def make(self, name: str) -> bytes:
        """The key of this name, made when it is new; on disk for good when this returns. Raises like `find`."""
        found = self.find(name)
        if found is not None:
            return found
        nonce = os.urandom(NONCE_BYTES)
        wrapping = AESGCM(self.centre_key(name.partition("/")[0]))
        wrapped = nonce + wrapping.encrypt(nonce, secrets.token_bytes(KEY_BYTES), name.encode())
        return self._unwrap(name, _create(self._path(name), wrapped))

    def find(self, name: str) -> bytes | None:
        """The key of this name; None when there is none (any more).

        Raises OperatorError when it does not open, OSError when it cannot be read.
        """
        raw = _read(self._path(name))
        return None if raw is None else self._unwrap(name, raw)

    def has(self, name: str) -> bool:
        return self._path(name).exists()

    def destroy(self, name: str) -> bool:
        """From now on nobody reads what was sealed under it. False when there was no such key. Raises OSError."""
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(path.parent)
        return True

    def names(self, folder: str) -> Iterator[str]:
        """The keys below a folder of names such as `120/days`, in order."""
        for path in sorted((self._keys / folder).rglob(f"*{SUFFIX}")):
            yield str(path.relative_to(self._keys)).removesuffix(SUFFIX)

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder of names such as `120/recordings`."""
        return sorted(path.name for path in (self._keys / folder).glob("*") if path.is_dir())

    def owners(self) -> list[str]:
        """Every centre that has a key here, and others such as NOBODY."""
        return sorted(path.name for path in self._keys.iterdir() if path.is_dir()) if self._keys.is_dir() else []

    def tidy(self, folder: str) -> None:
        """Removes the folder of names if it is empty."""
        with suppress(OSError):
            (self._keys / folder).rmdir()

    def _path(self, name: str) -> Path:
        owner, *rest = name.split("/")
        if not rest or not all(_NAME.fullmatch(part) for part in rest):
            raise OperatorError("this is not the name of a key")
        return self._keys / _owner(owner) / "/".join(rest[:-1]) / f"{rest[-1]}{SUFFIX}"

    def _unwrap(self, name: str, raw: bytes) -> bytes:
        wrapping = AESGCM(self.centre_key(name.partition("/")[0]))
        try:
            return wrapping.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise OperatorError(f"the key {name} was damaged, or another centre key wraps it: restore both") from error


def sync_folder(folder: Path) -> None:
    """What was made, renamed or removed in the folder stays so over a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _owner(centre: str) -> str:
    if not _OWNER.fullmatch(centre):
        raise OperatorError("this is not the name of a centre")
    return centre


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _create(path: Path, content: bytes) -> bytes:
    """Makes the file, whole and durable, unless somebody else did meanwhile; what is in it."""
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{secrets.token_hex(8)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
    for folder in (path.parent, *(each.parent for each in missing)):
        sync_folder(folder)
    return path.read_bytes()
