"""Runs cases of the pure kinds on every core; says what broke, how fast it went, what the costliest case took."""

from __future__ import annotations

import asyncio
import os
import time
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from ivr.fuzz import protocols, records, texts
from ivr.fuzz.kind import Kind, by_name
from ivr.fuzz.source import Source

KINDS: tuple[Kind, ...] = (*protocols.KINDS, *records.KINDS, *texts.KINDS)
SLOW_S = 2.0
"""Processor seconds after which a single case counts as a hang: the median is far below a millisecond."""
HEAVY_BYTES = 64 * 2**20
"""Memory that one case may take at its peak."""
WEIGHED_EVERY = 512
"""Memory is traced in one case of so many: tracing makes a case several times slower."""
BLOCK = 2_000
"""Cases that a worker takes at a time."""
FINDINGS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that broke something. `ivr fuzz --kind KIND --case NUMBER --seed SEED` plays it again."""

    kind: str
    number: int
    what: str


@dataclass(slots=True)
class Tally:
    """What cases of one kind came to."""

    kind: str
    cases: int = 0
    seconds: float = 0.0
    """Of the processor."""
    slowest_s: float = 0.0
    slowest: int = 0
    """Number of the slowest case."""
    heaviest_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.cases += other.cases
        self.seconds += other.seconds
        if other.slowest_s > self.slowest_s:
            self.slowest_s, self.slowest = other.slowest_s, other.slowest
        self.heaviest_bytes = max(self.heaviest_bytes, other.heaviest_bytes)
        self.findings = (self.findings + other.findings)[:FINDINGS_KEPT]


def shares(cases: int, kinds: Sequence[Kind] = KINDS) -> dict[str, int]:
    """How many cases each kind gets; together at least `cases`."""
    total = sum(kind.share for kind in kinds)
    return {kind.name: -(-cases * kind.share // total) for kind in kinds}


def run(
    cases: int, seed: int, say: Callable[[str], None] = lambda _: None, *, workers: int | None = None
) -> list[Tally]:
    """All kinds, in processes of their own. Raises BrokenProcessPool when a case killed one."""
    blocks = [
        (seed, name, first, min(first + BLOCK, count))
        for name, count in shares(cases).items()
        for first in range(0, count, BLOCK)
    ]
    tallies = {kind.name: Tally(kind.name) for kind in KINDS}
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        pending = [pool.submit(run_block, *block) for block in blocks]
        for count, future in enumerate(as_completed(pending), 1):
            done = future.result()
            tallies[done.kind].add(done)
            for finding in done.findings:
                say(f"BROKEN: {finding.kind} {finding.number}: {finding.what}")
            if count % max(1, len(blocks) // 10) == 0:
                say(f"{sum(tally.cases for tally in tallies.values()):,} cases")
    return list(tallies.values())


def run_block(seed: int, name: str, first: int, end: int) -> Tally:
    """The cases `first` to `end` (excluded) of one kind, in this process."""
    return asyncio.run(_run_block(seed, by_name(KINDS)[name], first, end))


async def _run_block(seed: int, kind: Kind, first: int, end: int) -> Tally:
    """In a loop, because an action of panoramisk cannot be made without one."""
    tally = Tally(kind.name)
    for number in range(first, end):
        weighed = number % WEIGHED_EVERY == 0
        if weighed:
            tracemalloc.start()
        began = time.process_time()
        what = play(kind, seed, number)
        spent = time.process_time() - began
        if weighed:
            tally.heaviest_bytes = max(tally.heaviest_bytes, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            if tally.heaviest_bytes > HEAVY_BYTES:
                what = what or f"took {tally.heaviest_bytes // 2**20} MiB"
        elif spent > SLOW_S:
            what = what or f"took {spent:.1f} s of the processor"
        tally.cases += 1
        tally.seconds += spent
        if spent > tally.slowest_s and not weighed:
            tally.slowest_s, tally.slowest = spent, number
        if what is not None and len(tally.findings) < FINDINGS_KEPT:
            tally.findings.append(Finding(kind.name, number, what))
    return tally


def play(kind: Kind, seed: int, number: int) -> str | None:
    """One case: None, or what broke."""
    try:
        kind.case(Source(seed, kind.name, number))
    except Exception as error:  # whatever comes out of a case is what we look for
        return f"{type(error).__name__}: {error}"[:300]
    return None
