"""Tells a process that is frozen (stopped, stuck for good) from one that is only busy."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil

from ivr.adapters.runtime.process import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds."""

    ask_every_s: float = 2.0
    answer_s: float = 2.0
    """Longest wait for one answer."""
    idle_s: float = 10.0
    """Silent so long and using hardly any processor time: frozen."""
    busy_s: float = 60.0
    """Silent so long, however busy: of no use to anybody."""
    hardly: float = 0.005
    """Share of one processor. Who is busy or only short of processor time uses more."""


PATIENT = Patience()


async def until_frozen(process: Process, socket: Path, patience: Patience = PATIENT) -> bool:
    """Returns True once `process` is frozen, False when it ended. It must greet whoever connects to `socket`."""
    clock = asyncio.get_running_loop().time
    with contextlib.suppress(psutil.Error):
        watched = psutil.Process(process.pid)
        heard, used = clock(), _processor_s(watched)
        while process.is_running():
            if await _greets(socket, patience.answer_s):
                heard, used = clock(), _processor_s(watched)
            silent_s = clock() - heard
            is_idle = _processor_s(watched) - used < silent_s * patience.hardly
            if silent_s > patience.busy_s or (silent_s > patience.idle_s and is_idle):
                return True
            await asyncio.sleep(patience.ask_every_s)
    return False


async def _greets(socket: Path, limit_s: float) -> bool:
    """A stopped process still lets others connect: the kernel does that. Only a word from it counts."""
    try:
        async with asyncio.timeout(limit_s):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                return bool(await reader.read(1))
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
