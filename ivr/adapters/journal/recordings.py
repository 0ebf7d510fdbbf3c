"""Measures recordings on disk: how long, and which bytes. Finishes those that an Asterisk which died could not."""

from __future__ import annotations

import contextlib
import os
import struct
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import file_digest, sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from ivr.domain.ledger import Measured
from ivr.engine.ingest import StillWritten
from ivr.errors import IvrError

SETTLE_S = 0.3
"""A file that changed less than this long ago may still be written (MixMonitor ends a little after its call)."""
WAV_HEADER_BYTES = 44
SEALED = ".sealed"
"""What the name of a sealed recording ends with, after its own."""
SEALING = ".sealing"
"""What is on its way to that."""
RAW_BYTES_PER_S = 8000
"""Of .ulaw and .alaw files, which have no header."""

Sealed = Callable[[str], Iterator[bytes] | None]
"""Relative file name -> the recording as it was made, in pieces, if it was sealed since; None when it is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDisk:
    """What is there of a recording."""

    measured: Measured | None
    """None when it is sealed."""


class RecordingsFolder:
    """The folder that Asterisk records into. Blocking: call it in a thread."""

    def __init__(self, root: Path, *, settle_s: float = SETTLE_S, sealed: Sealed = lambda _: None) -> None:
        self._root = root.resolve()
        self._settle_s = settle_s
        self._sealed = sealed

    def measure(self, file: str) -> Measured | None:
        """What is in `file` (relative); None when it is not there or lies outside the folder. A WAV whose header says
        another length than it has gets a right one first, so that it can be played and its digest is the lasting one.

        Raises StillWritten while it changes, OSError when it cannot be read.
        """
        if "\x00" in file or not (path := (self._root / file).resolve()).is_relative_to(self._root):
            return None
        try:
            stream = path.open("rb")
        except (NotADirectoryError, IsADirectoryError):
            return None
        except FileNotFoundError:
            return self._measure_sealed(file)
        with stream:
            status = path.stat()
            if 0 <= time.time() - status.st_mtime < self._settle_s:
                raise StillWritten(file)
            _finish_header(path, status)
            seconds = _seconds(stream, status.st_size, path.suffix)
            stream.seek(0)
            return Measured(seconds=round(seconds, 3), sha256=file_digest(stream, "sha256").hexdigest())

    def look(self, file: str) -> OnDisk | None:
        """What is there of `file` (relative), as it was recorded or sealed; None: nothing.

        Raises OSError when it cannot be read.
        """
        if (measured := self.measure(file)) is not None:
            return OnDisk(measured=measured)
        if "\x00" in file or not (path := (self._root / (file + SEALED)).resolve()).is_relative_to(self._root):
            return None
        return OnDisk(measured=None) if path.is_file() else None

    def names(self, first: date, last: date) -> Iterator[str]:
        """The recordings (relative, without the ending of sealed ones) in folders of these days, both included."""
        for folder in sorted(self._root.glob("*/*")):
            if folder.is_dir() and first.isoformat() <= folder.name <= last.isoformat():
                for path in sorted(folder.iterdir()):
                    if path.is_file() and path.suffix != SEALING:
                        yield str(path.relative_to(self._root)).removesuffix(SEALED)

    def _measure_sealed(self, file: str) -> Measured | None:
        try:
            pieces = self._sealed(file)
        except IvrError:  # its time is over, or it never was a recording: nothing is there
            return None
        if pieces is None:
            return None
        first, size, digest = b"", 0, sha256()
        try:
            for piece in pieces:
                first, size = first or piece, size + len(piece)
                digest.update(piece)
        except IvrError:  # damaged: it is there, and it is not what was recorded
            return Measured(seconds=0.0, sha256="")
        seconds = _seconds(BytesIO(first), size, Path(file).suffix)
        return Measured(seconds=round(seconds, 3), sha256=digest.hexdigest())


def _finish_header(path: Path, status: os.stat_result) -> None:
    """Asterisk writes the lengths into a WAV when it closes it; killed before, it leaves zeros, and players play
    nothing. A file that may not be changed stays as it is: its length is taken from its size anyway."""
    if path.suffix != ".wav" or status.st_size < WAV_HEADER_BYTES:
        return
    with contextlib.suppress(OSError), path.open("r+b") as file:
        header = file.read(WAV_HEADER_BYTES)
        lengths = status.st_size - 8, status.st_size - WAV_HEADER_BYTES
        plain = header[:4] == b"RIFF" and header[8:16] == b"WAVEfmt " and header[36:40] == b"data"
        if not plain or (*struct.unpack("<I", header[4:8]), *struct.unpack("<I", header[40:44])) == lengths:
            return
        for place, length in zip((4, 40), lengths, strict=True):
            file.seek(place)
            file.write(struct.pack("<I", length))
        file.flush()
        os.fsync(file.fileno())
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _seconds(stream: BinaryIO, size: int, suffix: str) -> float:
    """By the size, because the header of a recording that was cut off by a crash says nothing."""
    if suffix != ".wav":
        return size / RAW_BYTES_PER_S
    try:
        with wave.open(stream) as header:
            frame_bytes = header.getsampwidth() * header.getnchannels()
            frames = max(size - WAV_HEADER_BYTES, 0) // frame_bytes
            return float(frames / header.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return 0.0
