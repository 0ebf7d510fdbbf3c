"""The safe: recordings on disk, plain while their call goes on, then `<name>.sealed` under a key of their own.

Order of sealing: the key is durable, the sealed file is written beside, read back and compared, durable and renamed;
only then the plain file goes. Wherever that is interrupted, the plain file or a whole sealed one is there, and sealing
again ends it. The keys lie elsewhere (`ivr.adapters.keys`), so a copy of the recordings opens nothing.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

from ivr.adapters.keys import KeyRing, sync_folder
from ivr.adapters.recordings import chunks
from ivr.engine.ingest import StillWritten
from ivr.engine.sealing import Plain
from ivr.errors import DestroyedError, OperatorError

SEALED = ".sealed"
"""What the name of a sealed recording ends with, after its own."""
FRESH = ".sealing"
STILL_S = 0.5
"""A file that changed less than this long ago may still be written."""
_FILE = re.compile(r"([a-z0-9_]{1,40})/(\d{4}-\d\d-\d\d)/([A-Za-z0-9_][A-Za-z0-9._-]{0,120})", re.ASCII)
_EPOCH = re.compile(r"[a-z0-9]+-(\d{9,11})\.", re.ASCII)
"""How a channel's name begins: the node, and the second in which it came to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What is in the safe. `file` is its name relative to the folder, without SEALED."""

    file: str
    owner: str
    """The centre, or `_fallback` when no controller was there to tell."""
    day: date
    """When its call began (UTC), as the name tells; the folder goes by the business clock, which trials shift."""

    @property
    def is_talk(self) -> bool:
        return "-talk" in self.file

    @property
    def call(self) -> str:
        return self.file.rpartition("/")[2].rpartition("-")[0]


class Safe:
    """The folder that Asterisk records into. Blocking: call it in a thread."""

    def __init__(self, root: Path, ring: KeyRing) -> None:
        self.root = root
        self._ring = ring
        self._quiet: dict[Path, int] = {}
        """Folders without a plain file, by the time of their last change: they need not be read again."""

    def waiting(self) -> list[Plain]:
        """Recordings that are not sealed yet, the oldest first. Raises OSError."""
        now, found = time.time(), []
        for folder in self._folders():
            changed = folder.stat().st_mtime_ns
            if self._quiet.get(folder) == changed:
                continue
            plain = [path for path in folder.iterdir() if path.suffix not in (SEALED, FRESH) and path.is_file()]
            if not plain:
                self._quiet[folder] = changed
            for path in plain:
                file = str(path.relative_to(self.root))
                if _FILE.fullmatch(file):
                    found.append(Plain(file=file, still_s=now - path.stat().st_mtime))
        return sorted(found, key=lambda plain: -plain.still_s)

    def seal(self, file: str) -> None:
        """Seals one recording. Raises StillWritten, OperatorError or OSError; the plain file is there then."""
        path, sealed = self._paths(file)
        before = path.stat()
        if 0 <= time.time() - before.st_mtime < STILL_S:
            raise StillWritten(file)
        key = self._ring.make(_key_name(file))
        fresh = sealed.with_name(f"{path.name}{FRESH}")
        with path.open("rb") as plain, open(fresh, "wb", opener=_private) as writer:
            seen = sha256()
            for piece in chunks.seal(_hashed(chunks.pieces(plain), seen.update), key):
                writer.write(piece)
            writer.flush()
            os.fsync(writer.fileno())
        with fresh.open("rb") as stream:
            if _digest(chunks.unseal(stream, key)) != seen.hexdigest():
                raise OperatorError(f"{file} could not be read back as it was written: look at the disk")
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise StillWritten(file)
        os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
        fresh.replace(sealed)
        sync_folder(sealed.parent)
        path.unlink()

    def discard(self, file: str) -> None:
        """Removes what its caller did not want kept. Raises OSError."""
        path, sealed = self._paths(file)
        self._ring.destroy(_key_name(file))
        for each in (path, sealed, sealed.with_name(f"{path.name}{FRESH}")):
            each.unlink(missing_ok=True)

    def find(self, file: str) -> Iterator[bytes] | None:
        """The recording as it was made, sealed or not yet, in pieces; None when nothing is there.

        Raises DestroyedError when its key is gone, OperatorError when it is damaged (also while it is read), OSError.
        """
        path, sealed = self._paths(file)
        # The plain one first: a sealed one beside it may be older than what was written since.
        if path.is_file():
            return _plain_pieces(path)
        if not sealed.is_file():
            return None
        key = self._ring.find(_key_name(file))
        if key is None:
            raise DestroyedError(f"{file} was destroyed when its time was over")
        return _sealed_pieces(sealed, key)

    def digest(self, file: str) -> str | None:
        """SHA-256 (hex) of the recording as it was made, all of it read; None: nothing is there. Raises as `find`."""
        found = self.find(file)
        return None if found is None else _digest(found)

    def recordings(self) -> Iterator[Recording]:
        """Everything on disk, sealed or not, and every key whose file is gone already: each once, in order.

        Day by day: there may be half a million.
        """
        days = {(folder.parent.name, folder.name) for folder in self._folders()}
        days |= {(owner, day) for owner in self._ring.owners() for day in self._ring.folders(f"{owner}/recordings")}
        for owner, day in sorted(days):
            folder = self.root / owner / day
            names = {path.name.removesuffix(SEALED).removesuffix(FRESH) for path in folder.glob("*")}
            names |= {name.rpartition("/")[2] for name in self._ring.names(f"{owner}/recordings/{day}")}
            for name in sorted(names):
                if _FILE.fullmatch(file := f"{owner}/{day}/{name}"):
                    yield Recording(file=file, owner=owner, day=_day(day, name))

    def tidy(self) -> None:
        """Removes empty folders of days before today's recordings."""
        for folder in self._folders():
            if not any(folder.iterdir()) and time.time() - folder.stat().st_mtime > 86_400:
                folder.rmdir()
                self._ring.tidy(f"{folder.parent.name}/recordings/{folder.name}")

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.root.glob("*/*") if path.is_dir())

    def _paths(self, file: str) -> tuple[Path, Path]:
        if not _FILE.fullmatch(file):
            raise OperatorError("this is not the name of a recording: `ivr messages` and `ivr call` show them")
        path = self.root / file
        return path, path.with_name(path.name + SEALED)


def _day(folder: str, name: str) -> date:
    began = _EPOCH.match(name)
    return date.fromisoformat(folder) if began is None else datetime.fromtimestamp(int(began[1]), UTC).date()


def _key_name(file: str) -> str:
    owner, day, name = file.split("/")
    return f"{owner}/recordings/{day}/{name}"


def _hashed(pieces: Iterator[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        update(piece)
        yield piece


def _digest(pieces: Iterator[bytes]) -> str:
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _plain_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        yield from chunks.pieces(stream)


def _sealed_pieces(path: Path, key: bytes) -> Iterator[bytes]:
    with path.open("rb") as stream:
        yield from chunks.unseal(stream, key)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
