"""Sounds as files that Asterisk plays without a gap.

`GET DATA` takes one file, not an `&` list (it looks for a file of that whole name and answers -1, as on a hang-up), and
between two commands a key would be lost. So neighbouring prompts are joined into one file.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

from ivr.domain.actions import Audible, OwnRecording, Sound

LONGEST_SPOKEN_S = 300
"""No joined file plays this long; what is older and needed again is joined again."""
TALK_ROOM = 200 * 2**20
MESSAGE_ROOM = 50 * 2**20

Aside = Callable[..., Awaitable[Any]]
"""How work on the disk is done (`ivr.adapters.agi.connection.Connection.aside`)."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where audio lies."""

    prompts: Path
    recordings: Path
    spoken: Path
    """Joined prompts. Those that speak a personal value lie here only while they are played."""
    talk_room: int = TALK_ROOM
    """Bytes that must be free for a talk to be recorded: the calls themselves and the journal go first."""
    message_room: int = MESSAGE_ROOM
    """The same for a message."""


@asynccontextmanager
async def playlist(folders: Folders, sounds: Sequence[Audible], aside: Aside) -> AsyncIterator[list[str]]:
    """Paths as Asterisk wants them, without extension. Raises OSError when a prompt is missing.

    A personal value is always spoken from a file with a random name: its digits are in no command, which AMI and traces
    show.
    """
    fleeting: list[Path] = []
    try:
        match sounds:
            case [Sound(personal=False) as only]:
                yield [str(folders.prompts / only.language / only.key)]
            case _:
                yield await aside(_files, folders, sounds, fleeting)
    finally:
        for path in fleeting:
            path.unlink(missing_ok=True)


def tidy(folders: Folders) -> None:
    """At the start of a process: removes joined audio that nobody can be hearing any more. A process that was killed
    leaves what it was speaking, and that may be personal. Blocking."""
    now = time.time()
    for file in folders.spoken.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            if now - file.stat().st_mtime > LONGEST_SPOKEN_S:
                file.unlink()


def _files(folders: Folders, sounds: Sequence[Audible], fleeting: list[Path]) -> list[str]:
    files: list[Path] = []
    for _, neighbours in groupby(sounds, key=type):
        run = list(neighbours)
        files += [folders.recordings / sound.file for sound in run if isinstance(sound, OwnRecording)]
        if prompts := [sound for sound in run if isinstance(sound, Sound)]:
            files.append(_joined(folders, prompts, fleeting))
    return [str(file.with_suffix("")) for file in files]


def _joined(folders: Folders, prompts: Sequence[Sound], fleeting: list[Path]) -> Path:
    paths = [folders.prompts / sound.language / f"{sound.key}.ulaw" for sound in prompts]
    personal = any(sound.personal for sound in prompts)
    if len(paths) == 1 and not personal:
        return paths[0]
    joined = folders.spoken / f"{uuid.uuid4().hex if personal else _fingerprint(paths)}.ulaw"
    if personal:
        fleeting.append(joined)
    else:
        # As if it were new, so that a controller that starts and tidies does not take it away from under a caller.
        with contextlib.suppress(FileNotFoundError):
            os.utime(joined)
            return joined
    folders.spoken.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = joined.with_name(f"{uuid.uuid4().hex}.new")
    try:
        # G.711 without a header: files join by concatenation.
        fresh.write_bytes(b"".join(path.read_bytes() for path in paths))
        fresh.replace(joined)  # another call may join the same prompts just now
    finally:
        fresh.unlink(missing_ok=True)
    return joined


def _fingerprint(paths: Sequence[Path]) -> str:
    """Of which files, as they are now: a prompt that is rendered anew makes a new joined file."""
    stamps = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths]
    return sha256(repr(stamps).encode()).hexdigest()[:32]
