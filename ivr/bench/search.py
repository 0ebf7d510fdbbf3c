"""The highest rate that each way holds: up by half until a rate is not held, then in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from ivr.bench.calls import BASELINE, OURS
from ivr.bench.round import FULL, Round

GROWTH = 1.5
CLOSE = 1.1
"""The search ends when the lowest rate that was not held is at most this multiple of the highest that was."""
LATE_S = 1.0
"""A round is late when its slowest hundredth of callers reached an agent so much later than in the first round."""
SIPP_FULL = 0.9
"""Of one core: SIPp is one thread, and above this it is SIPp that is measured."""
LOWEST = 0.5

Play = Callable[[str, float], Awaitable[Round]]
"""(way, calls a second) -> what came of it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Calls a second: where the search begins, and where it ends at the latest."""

    first: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What was found of one way."""

    way: str
    rounds: Sequence[Round]

    @property
    def first(self) -> Round | None:
        return min(self.rounds, key=lambda one: one.asked_rate, default=None)

    def is_late(self, one: Round) -> bool:
        return self.first is not None and one.to_agent_p99_s > self.first.to_agent_p99_s + LATE_S

    def is_held(self, one: Round) -> bool:
        return one.is_held and not self.is_late(one)

    @property
    def highest(self) -> Round | None:
        """The round at the highest rate held."""
        return max((one for one in self.rounds if self.is_held(one)), key=lambda one: one.asked_rate, default=None)

    @property
    def broken_by(self) -> Round | None:
        """The round at the lowest rate that was not held; None: every rate was."""
        missed = [one for one in self.rounds if not self.is_held(one)]
        return min(missed, key=lambda one: one.asked_rate, default=None)

    def cause(self) -> str:
        """What ended it: `generator` (SIPp), `machine` (no processor left), `system`, or `none` (nothing did)."""
        one = self.broken_by
        if one is None:
            return "none"
        if one.sipp_core >= SIPP_FULL or (not one.is_in_time and not one.failed and not one.retransmissions):
            return "generator"
        return "machine" if one.machine >= FULL else "system"

    @property
    def is_known(self) -> bool:
        """Whether `highest` is a capacity: not where SIPp was the limit, and not where nothing was."""
        return self.highest is not None and self.cause() in ("machine", "system")

    def words(self) -> str:
        """For people."""
        if self.highest is None:
            return (
                f"{self.way}: held no rate, not even {self.rounds[-1].asked_rate:g} calls/s"
                if self.rounds
                else self.way
            )
        held = f"{self.highest.asked_rate:g} calls/s, {self.highest.at_once} callers at once, 0 failed set-ups"
        match self.cause(), self.broken_by:
            case "none", _:
                return f"{self.way}: at least {held}; no higher rate was tried, so this is no capacity (see --most)"
            case "generator", Round() as one:
                return (
                    f"{self.way}: at least {held}; SIPp was the limit at {one.asked_rate:g} calls/s "
                    f"({one.sipp_core:.0%} of a core), so this is no capacity"
                )
            case cause, Round() as one:
                share = one.cpu.get("sipp", 0.0) / (sum(one.cpu.values()) or 1.0)
                full = (
                    f"the machine was full, SIPp's part {share:.0%}"
                    if cause == "machine"
                    else "the system was the limit"
                )
                return f"{self.way}: {held}; {one.asked_rate:g} calls/s were not held ({_why(one, self)}; {full})"
        raise AssertionError("unreachable")


def _why(one: Round, capacity: Capacity) -> str:
    reasons = [
        f"{one.failed} failed" if one.failed else "",
        f"{one.retransmissions} retransmissions" if one.retransmissions else "",
        "calls came late" if not one.is_in_time else "",
        f"prompts late by {one.to_agent_p99_s - capacity.first.to_agent_p99_s:.1f} s"
        if capacity.first is not None and capacity.is_late(one)
        else "",
    ]
    return ", ".join(reason for reason in reasons if reason)


def next_rate(capacity: Capacity, first: float, most: float) -> float | None:
    """What to try next; None when enough is known."""
    held = capacity.highest.asked_rate if capacity.highest is not None else None
    missed = capacity.broken_by.asked_rate if capacity.broken_by is not None else None
    if held is None and missed is None:
        return first
    if held is None:
        lower = round(missed / 2, 2) if missed is not None else 0.0
        return lower if lower >= LOWEST else None
    if missed is None:
        return None if held >= most else min(most, round(held * GROWTH, 1))
    # Rounds differ by chance: a rate above one that was not held is not believed.
    if missed <= held or missed / held <= CLOSE:
        return None
    between = round((held + missed) / 2, 1)
    return between if held < between < missed else None


async def search(play: Play, first: float, most: float, ways: Sequence[str] = (OURS, BASELINE)) -> AsyncIterator[Round]:
    """The rounds as they end; the ways take turns, so that what drifts with time favours nobody."""
    rounds: dict[str, list[Round]] = {way: [] for way in ways}
    open_ways = list(ways)
    while open_ways:
        for way in tuple(open_ways):
            rate = next_rate(Capacity(way=way, rounds=rounds[way]), first, most)
            if rate is None:
                open_ways.remove(way)
                continue
            done = await play(way, rate)
            rounds[way].append(done)
            yield done
