"""Processes of ours that `ivr up` keeps: controllers and ingest. Each has a name, a pid file, a log and a socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.process import Account, Process, find_process, spawn, write_private
from ivr.errors import OperatorError, PeerError

INGEST = "ingest"
START_S = 30.0
GRACE_S = 25.0
"""Time to end by itself: a controller hands its callers on, ingest carries the last journal lines to the database."""
REPLACED_S = 15.0
"""Longest time in which `ivr up` has another one started, when the one before ended."""
POLL_S = 0.05


def controller_name(number: int) -> str:
    """Controllers count from 1."""
    return f"controller-{number}"


class Worker:
    """One of them, as its supervisor sees it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        layout: Layout,
        env: Mapping[str, str],
        account: Account | None = None,
    ) -> None:
        """`env` is what its environment has beside ours; `account` is whom root starts it as."""
        self.name = name
        self._command = command
        self._layout = layout
        self._env = env
        self._account = account

    @property
    def log(self) -> Path:
        return self._layout.log_file(self.name)

    def find(self) -> Process | None:
        return find_process(self.name, self._layout.pid_file(self.name))

    async def start(self) -> None:
        """Returns when it does its work. Raises OperatorError or PeerError when it does not start."""
        socket = self._layout.worker_socket(self.name)
        socket.unlink(missing_ok=True)
        process = spawn(
            self.name,
            self._command,
            pid_file=self._layout.pid_file(self.name),
            log_file=self.log,
            env=self._env,
            account=self._account,
        )
        # Its socket is the last that it opens; nothing announces that from outside.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                while process.is_running():
                    if await _answers(socket):
                        return
                    await asyncio.sleep(POLL_S)
        running = process.is_running()
        await process.stop(grace_s=1)
        if running:
            raise PeerError(f"{self.name} was not ready within {START_S:.0f} s: see {self.log}")
        raise OperatorError(f"{self.name} did not start: {_last_line(self.log)} (all of it: {self.log})")

    async def stop(self) -> None:
        """Ends it, if it runs."""
        if (process := self.find()) is not None:
            await process.stop(grace_s=GRACE_S)

    async def replace(self) -> None:
        """Ends it, and returns when the one that its supervisor starts in its place does its work.

        For who is not the supervisor. Raises PeerError when there is no other within REPLACED_S.
        """
        before = self.find()
        if before is not None:
            await before.end(grace_s=GRACE_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPLACED_S + START_S):
                while True:
                    now = self.find()
                    fresh = now is not None and (before is None or now.pid != before.pid)
                    if fresh and await _answers(self._layout.worker_socket(self.name)):
                        return
                    await asyncio.sleep(POLL_S)
        raise PeerError(f"{self.name} did not come back: see {self.log}")


def note_workers(layout: Layout, names: Sequence[str]) -> None:
    """Tells commands that look at what runs which processes there should be."""
    write_private(layout.workers_file, json.dumps(list(names)))


def list_workers(layout: Layout) -> tuple[str, ...]:
    """Names of those that run, or ran when this was last started; nothing before the first start."""
    try:
        names = json.loads(layout.workers_file.read_text(encoding="utf-8"))
        return tuple(str(name) for name in names)
    except (OSError, ValueError, TypeError):
        return ()


async def _answers(socket: Path) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_unix_connection(socket)
        writer.close()
        return True
    return False


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"
