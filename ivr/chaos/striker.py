"""Does what a plan says: finds the processes of the parts by their pid files, and ends, stops or cuts them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from ivr.adapters.runtime.asterisk import AsteriskServer
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.process import SAME_START_S
from ivr.adapters.runtime.workers import list_workers
from ivr.chaos.plan import AMI, CONTROLLER, INGEST, Strike
from ivr.errors import PeerError

LOOK_S = 0.1
COME_BACK_S = 90.0
"""Longest wait for a part that was struck to be there again."""
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "restart": signal.SIGINT}
_SESSION = re.compile(r"^ +\S+ +[\d.]+ +\d+ +\d+ +(\d+) ", re.MULTILINE)
"""A line of `manager show connected`: user, address, start, elapsed, file descriptor, …"""


@dataclass(slots=True, kw_only=True)
class Striker:
    """One running system, struck again and again. Leave no process of it stopped: `release` at the end."""

    layout: Layout
    asterisk: AsteriskServer
    done: list[tuple[Strike, datetime]] = field(default_factory=list)
    """What was struck when."""
    outlived: int = 0
    """Controllers that hung and that nobody had ended in all the time they were given; ingest is given longer."""
    _struck: set[psutil.Process] = field(default_factory=set)
    """Those that end, or should: a controller that was told to takes no more calls while it lets its callers go."""
    _stopped: list[psutil.Process] = field(default_factory=list)
    _freezes: set[asyncio.Task[None]] = field(default_factory=set)

    async def strike(self, strike: Strike) -> None:
        """Waits until there is something to strike, then does it. Raises PeerError when there is not in time."""
        if strike.target == AMI:
            await self._until(strike, self._cut)
            return

        async def hit() -> bool:
            found = self.ready(strike.target)
            if len(found) < self._least(strike.target):
                return False
            with contextlib.suppress(psutil.NoSuchProcess):
                self._hit(strike, found[int(strike.pick * len(found))])
                return True
            return False

        await self._until(strike, hit)

    def ready(self, target: str) -> list[psutil.Process]:
        """Processes of a part that run and are not stopped; those of ours only when they have begun their work."""
        found = []
        for path in sorted(self.layout.run.glob(f"{target}*.pid")):
            process = _read(path)
            with contextlib.suppress(psutil.Error):
                if (
                    process is None
                    or process in self._struck
                    or process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED)
                ):
                    continue
                # The last that a process of ours opens; whoever starts it removes the one before.
                if target not in (CONTROLLER, INGEST) or self.layout.worker_socket(path.stem).exists():
                    found.append(process)
        return found

    def _least(self, target: str) -> int:
        """How many must be ready before one is struck. A controller only while another takes calls, if there are
        several: with none for more than two seconds a process for each call would begin, which is another test."""
        if target != CONTROLLER:
            return 1
        return min(2, sum(name.startswith(CONTROLLER) for name in list_workers(self.layout)))

    async def release(self) -> None:
        """Lets go on whatever is still stopped."""
        for task in self._freezes:
            task.cancel()
        await asyncio.gather(*self._freezes, return_exceptions=True)
        _signal(self._stopped, signal.SIGCONT)

    async def _until(self, strike: Strike, act: Callable[[], object]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(COME_BACK_S):
                while not await act():  # type: ignore[misc]  # both are coroutine functions
                    await asyncio.sleep(LOOK_S)
                self.done.append((strike, datetime.now(UTC)))
                return
        raise PeerError(f"{strike.target} did not come back within {COME_BACK_S:.0f} s (before strike {strike})")

    def _hit(self, strike: Strike, process: psutil.Process) -> None:
        if strike.how != "freeze":
            self._struck.add(process)
        if strike.hold_s:
            family = process.children(recursive=True) if strike.how == "freeze" else []
            self._stop([process, *family], strike)
        else:
            process.send_signal(SIGNALS[strike.how])

    def _stop(self, family: list[psutil.Process], strike: Strike) -> None:
        """Its children first: a server that sees them silent may not act on it."""
        self._stopped += family
        _signal(family[::-1], signal.SIGSTOP)

        async def thaw() -> None:
            await asyncio.sleep(strike.hold_s)
            if strike.how == "hang" and _is_stopped(family[0]):
                self.outlived += strike.target == CONTROLLER
                self._struck.discard(family[0])  # it goes on
            _signal(family, signal.SIGCONT)

        task = asyncio.create_task(thaw())
        self._freezes.add(task)
        task.add_done_callback(self._freezes.discard)

    async def _cut(self) -> bool:
        """Ends every AMI connection there is. Asterisk's console is the only one who may without root's rights."""
        try:
            shown = await self.asterisk.command("manager show connected")
            sessions = _SESSION.findall(shown)
            for session in sessions:
                await self.asterisk.command(f"manager kick session {session}")
        except PeerError:
            return False
        return bool(sessions)


def _read(path: Path) -> psutil.Process | None:
    """The process of a pid file, if it is still the same one. The file is left alone: it is the supervisor's."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        record = json.loads(path.read_text(encoding="utf-8"))
        process = psutil.Process(int(record["pid"]))
        if abs(process.create_time() - float(record["started"])) < SAME_START_S:
            return process
    return None


def _is_stopped(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() == psutil.STATUS_STOPPED)
    return False


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def processes_below(folder: Path) -> Iterator[psutil.Process]:
    """Whatever runs with a path below the folder in its command line or as its current directory."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if any(str(folder) in word for word in words):
            yield process
