"""Hours of load at a share of the capacity: what grows, what lags, what fails, what is left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil

from ivr.adapters.runtime.process import list_processes
from ivr.bench.calls import OURS, Stage
from ivr.bench.figures import read_figures
from ivr.bench.round import Round
from ivr.bench.search import Capacity, search
from ivr.bench.trend import Sample, Verdict, descriptors, given_back, memory
from ivr.domain.durations import Durations

SHARE = 0.8
"""Of the capacity."""
LAG_MS = 20.0
"""Highest lag of an event loop of ours at the 99th percentile."""
SAMPLES = 120
"""In a run; every two seconds at the most."""
SEARCH_S = 20.0
"""Seconds of calls at each rate of the short search."""
HEADS = (
    "process",
    "memory (USS)",
    "RSS MiB, first and last",
    "descriptors",
    "given back",
    "loop lag p50, p99, longest ms",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What one process came to."""

    name: str
    memory: Verdict
    descriptors: Verdict
    given_back: Verdict
    rss: tuple[int, int]
    lag: Durations | None
    """None: it has no event loop of ours."""

    @property
    def lag_holds(self) -> bool:
        return self.lag is None or self.lag.quantile(0.99) * 1000 <= LAG_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakReport:
    """`whole` is the load as one round of the bench."""

    whole: Round
    minutes: float
    processes: Sequence[Process]
    left: Sequence[str]
    """What should not be there afterwards."""

    def misses(self) -> list[str]:
        found = list(self.left)
        if self.whole.failed:
            found.append(f"{self.whole.failed} of {self.whole.calls} calls failed")
        for one in self.processes:
            found += [
                f"{one.name}: {what}: {verdict.words}"
                for what, verdict in (
                    ("memory", one.memory),
                    ("descriptors", one.descriptors),
                    ("afterwards", one.given_back),
                )
                if not verdict.holds
            ]
            if not one.lag_holds and one.lag is not None:
                found.append(
                    f"{one.name}: the event loop lags by {one.lag.quantile(0.99) * 1000:.1f} ms "
                    f"at the 99th percentile, wanted {LAG_MS:g}"
                )
        if not any(one.lag is not None for one in self.processes):
            found.append("no process told its event-loop lag")
        return found

    def table(self) -> list[tuple[object, ...]]:
        """Rows under HEADS."""
        return [
            (
                one.name, one.memory.words, f"{one.rss[0] / 2**20:.1f} → {one.rss[1] / 2**20:.1f}",
                one.descriptors.words, one.given_back.words,
                "-" if one.lag is None else _milliseconds(one.lag),
            )
            for one in self.processes
        ]  # fmt: skip


def _milliseconds(lag: Durations) -> str:
    return " ".join(f"{value * 1000:.1f}" for value in (lag.quantile(0.5), lag.quantile(0.99), lag.longest_s))


async def find_rate(stage: Stage, first: float, most: float, say: Callable[[str], None]) -> float:
    """SHARE of the highest rate that a short search finds; of `first` when not even that is held."""
    rounds = []
    async for one in search(lambda way, rate: stage.play(way, rate, SEARCH_S), first, most, ways=(OURS,)):
        say(f"{one.asked_rate:g} calls/s: {'held' if one.is_held else 'not held'}")
        rounds.append(one)
    capacity = Capacity(way=OURS, rounds=rounds)
    say(capacity.words())
    return round((capacity.highest.asked_rate if capacity.highest else first) * SHARE, 2)


async def soak(stage: Stage, rate: float, minutes: float, say: Callable[[str], None]) -> SoakReport:
    """`rate` calls a second for `minutes`, watched. Raises PeerError when the record does not get the calls."""
    layout = stage.installation.layout
    before = {name: psutil.Process(process.pid).num_fds() for name, process in list_processes(layout.run).items()}
    pids = {name: process.pid for name, process in list_processes(layout.run).items()}
    say(f"{rate:g} calls/s for {minutes:g} min; {', '.join(pids)}")
    samples: dict[str, list[Sample]] = {name: [] for name in pids}
    watching = asyncio.create_task(_watch(stage, pids, samples, minutes * 60))
    try:
        whole = await stage.play(OURS, rate, minutes * 60)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    now = {name: process.pid for name, process in list_processes(layout.run).items()}
    left = [f"{name} is not the process that it was" for name, pid in pids.items() if now.get(name) != pid]
    if channels := await stage.installation.asterisk.count_channels():
        left.append(f"{channels} channels are left")
    figures = read_figures(stage.installation)
    return SoakReport(
        whole=whole,
        minutes=minutes,
        left=left,
        processes=[
            Process(
                name=name,
                memory=memory(samples[name]),
                descriptors=descriptors(samples[name]),
                given_back=given_back(before[name], _descriptors(pids[name])),
                rss=(samples[name][0].rss, samples[name][-1].rss),
                lag=figures[name].lag if name in figures else None,
            )
            for name in pids
            if len(samples[name]) > 1
        ],
    )


async def _watch(stage: Stage, pids: Mapping[str, int], samples: dict[str, list[Sample]], seconds: float) -> None:
    """Samples until `seconds` of calls are over, or it is cancelled."""
    began = datetime.now(UTC)
    every_s = max(2.0, seconds / SAMPLES)
    while True:
        at_s = (datetime.now(UTC) - began).total_seconds()
        if at_s > seconds:
            return  # callers leave from now on: nothing to be compared with what was
        calls = await stage.installation.asterisk.count_channels()
        for name, pid in pids.items():
            with contextlib.suppress(psutil.NoSuchProcess):
                taken = await asyncio.to_thread(psutil.Process(pid).memory_full_info)
                samples[name].append(
                    Sample(at_s=at_s, rss=taken.rss, uss=taken.uss, descriptors=_descriptors(pid), calls=calls)
                )
        await asyncio.sleep(every_s)


def _descriptors(pid: int) -> int:
    try:
        return psutil.Process(pid).num_fds()
    except psutil.NoSuchProcess:
        return 0
