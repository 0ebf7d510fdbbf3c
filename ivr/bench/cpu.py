"""Processor time by part of the system, as the operating system counts it."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Mapping, Sequence

import psutil

Meter = Mapping[str, float]
"""Part -> processor seconds."""


def read_meter(processes: Mapping[str, Sequence[int]]) -> Meter:
    """Processor seconds used so far by each part (name -> pids): its processes and their children, also those that
    ended. A process that is gone counts as nothing."""
    return {part: sum(map(process_time, pids)) for part, pids in processes.items()}


def used(before: Meter, after: Meter) -> dict[str, float]:
    """What was used in between."""
    return {part: after[part] - before.get(part, 0.0) for part in after}


def children_time() -> float:
    """Processor seconds of our own children that have ended: SIPp, as nothing else that works ends during a round."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def machine_time() -> tuple[float, float]:
    """Seconds of all processors together: (busy, busy and idle)."""
    times = psutil.cpu_times()
    idle = times.idle + times.iowait
    busy = times.user + times.nice + times.system + times.irq + times.softirq + times.steal
    return busy, busy + idle


def busy_share(before: tuple[float, float], after: tuple[float, float]) -> float:
    """How much of the whole machine was busy between two `machine_time`s, 0 to 1."""
    total = after[1] - before[1]
    return (after[0] - before[0]) / total if total > 0 else 0.0


def process_time(pid: int) -> float:
    """Processor seconds of a process and its children so far; 0 when it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return sum(_of_one(one) for one in (process, *process.children(recursive=True)))
    return 0.0


def _of_one(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0
