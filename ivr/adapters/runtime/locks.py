"""Locks between the processes of one installation: one holder; a holder that dies lets go."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from ivr.errors import OperatorError

POLL_S = 0.05
"""The kernel tells nobody that a lock is free, except who is blocked by waiting for it."""


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Only one process at a time. Raises OperatorError with the pid of the other one."""
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            pid = file.read().strip() or "?"
            raise OperatorError(
                f"already running with pid {pid}: stop it with Ctrl-C there, or `kill {pid}`"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


@contextlib.asynccontextmanager
async def held(path: Path, *, poll_s: float = POLL_S) -> AsyncIterator[None]:
    """Waits until nobody else holds it, in this process or another, and looks every `poll_s` seconds."""
    with path.open("a", encoding="ascii") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(poll_s)
        yield
