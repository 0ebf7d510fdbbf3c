"""Whether figures that were sampled over hours stay where they are: slopes, and a verdict with what it rests on."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

WARM_UP = 0.2
"""Share of a run at its beginning that does not count: caches fill, pools grow."""
RAMP_S = 40.0
"""Nor do so many seconds: until the first callers leave there are ever more of them, each in memory."""
FLAT = 0.05
"""Memory is flat when a run of this length changes it by at most this share of itself …"""
FLAT_BYTES = 4 * 2**20
"""… or by at most so many bytes: less is what one allocation more or less of the interpreter is."""
SPARE_DESCRIPTORS = 8
"""Descriptors beyond what calls explain: pools and open files breathe by so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One process at one time."""

    at_s: float
    """Since the beginning of the run."""
    rss: int
    """Bytes, shared ones included."""
    uss: int
    """Bytes that would be free if it ended."""
    descriptors: int
    calls: int
    """Callers on the line."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`words` has the figures."""

    holds: bool
    words: str


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Of the straight line with the least squares; 0 for fewer than two different xs."""
    if len(set(xs)) < 2:
        return 0.0
    return statistics.linear_regression(xs, ys).slope


def steady(samples: Sequence[Sample]) -> list[Sample]:
    """Without the warm-up."""
    last = samples[-1].at_s if samples else 0.0
    return [one for one in samples if one.at_s >= max(last * WARM_UP, RAMP_S)]


def memory(samples: Sequence[Sample]) -> Verdict:
    """Whether the process's own memory is flat over the run."""
    used = steady(samples)
    if len(used) < 3:
        return Verdict(False, "too few samples")
    took = used[-1].at_s - used[0].at_s
    change = slope([one.at_s for one in used], [float(one.uss) for one in used]) * took
    mean = statistics.fmean(one.uss for one in used)
    share = change / mean if mean else 0.0
    holds = change <= max(FLAT_BYTES, FLAT * mean)
    words = f"{mean / 2**20:.1f} MiB, trend {change / 2**20:+.2f} MiB ({share:+.1%}) in {took / 60:.1f} min"
    return Verdict(holds, words + ("" if holds else ": grows"))


def descriptors(samples: Sequence[Sample]) -> Verdict:
    """Whether descriptors are what the number of calls explains, and no more as time goes by."""
    used = steady(samples)
    if len(used) < 3:
        return Verdict(False, "too few samples")
    a_call = max(0.0, slope([float(one.calls) for one in used], [float(one.descriptors) for one in used]))
    rest = [one.descriptors - a_call * one.calls for one in used]
    took = used[-1].at_s - used[0].at_s
    change = slope([one.at_s for one in used], rest) * took
    holds = change <= SPARE_DESCRIPTORS
    words = f"{statistics.fmean(rest):.0f} + {a_call:.2f} a call, trend {change:+.1f}"
    return Verdict(holds, words + ("" if holds else ": leaks"))


def given_back(before: int, after: int) -> Verdict:
    """Whether descriptors after the last call are those before the first."""
    holds = after <= before + SPARE_DESCRIPTORS
    return Verdict(holds, f"{before} before, {after} after" + ("" if holds else ": not given back"))
