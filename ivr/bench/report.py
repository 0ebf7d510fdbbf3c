"""What the rounds come to: ratios first, then the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ivr.bench.alone import Alone
from ivr.bench.calls import BASELINE, OURS
from ivr.bench.round import FULL, Round
from ivr.bench.search import Capacity

CAPACITY_TARGET = 0.9
"""Highest rate held, as a share of the baseline's."""
CPU_TARGET = 1.3
"""Processor time of a call, everything but SIPp, as a multiple of the baseline's."""
OWN_TARGET = 0.5
"""What our processes (controllers, ingest, Postgres) use of a call, as a share of what Asterisk uses for it."""
OWN_PARTS = ("controllers", "ingest", "postgres")
HEADS = ("calls/s", "way", "came", "calls", "at once", "failed", "retrans.", "to agent s", "p99",
         "asterisk", "controllers", "ingest", "postgres", "sipp", "machine", "load")  # fmt: skip

TURN_HEADS = ("node", "turns", "p50 ms", "p99 ms", "longest ms")
SHARE_HEADS = ("way", "process", "ms a call", "cores", "share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The rounds of one run, and parts measured by themselves."""

    rounds: Sequence[Round]
    alone: Sequence[Alone] = ()
    is_search: bool = False
    """Whether the rates were looked for, so that the highest held is a capacity."""

    def capacity(self, way: str) -> Capacity:
        return Capacity(way=way, rounds=[one for one in self.rounds if one.way == way])

    @property
    def capacity_ratio(self) -> float | None:
        """Ours over the baseline's; None unless both are capacities (see `Capacity.is_known`)."""
        ours, theirs = self.capacity(OURS), self.capacity(BASELINE)
        if not (ours.is_known and theirs.is_known and ours.highest and theirs.highest):
            return None
        return ours.highest.asked_rate / theirs.highest.asked_rate

    def turns(self) -> list[tuple[object, ...]]:
        """Rows under TURN_HEADS, at the highest rate of ours that was held."""
        highest = self.capacity(OURS).highest
        return [
            (
                node, each.count,
                *(f"{value * 1000:.1f}" for value in (each.quantile(0.5), each.quantile(0.99), each.longest_s)),
            )
            for node, each in sorted((highest.turns if highest else {}).items())
        ]  # fmt: skip

    def shares(self) -> list[tuple[object, ...]]:
        """Rows under SHARE_HEADS, at the highest rate of either way that was held."""
        return [
            (
                way, part, f"{spent * 1000:.1f}", f"{spent * one.asked_rate:.2f}",
                f"{spent / (sum(one.cpu.values()) or 1.0):.0%}",
            )
            for way in (OURS, BASELINE)
            if (one := self.capacity(way).highest) is not None
            for part, spent in one.cpu.items()
        ]  # fmt: skip

    @property
    def cpu_ratio(self) -> float | None:
        """A call of ours over one of the baseline, over all rates that both held; None when there is none."""
        ours, theirs = self._cpu(OURS), self._cpu(BASELINE, ("asterisk",))
        return ours / theirs if ours and theirs else None

    @property
    def asterisk_ratio(self) -> float | None:
        """The same of Asterisk alone."""
        ours, theirs = self._cpu(OURS, ("asterisk",)), self._cpu(BASELINE, ("asterisk",))
        return ours / theirs if ours and theirs else None

    @property
    def own_share(self) -> float | None:
        """Of our processes, over Asterisk's in the same calls."""
        own, asterisk = self._cpu(OURS, OWN_PARTS), self._cpu(OURS, ("asterisk",))
        return own / asterisk if own and asterisk else None

    @property
    def rate_ratio(self) -> float | None:
        """The highest rate held, ours over the baseline's; None when one held none."""
        ours, theirs = self.highest(OURS), self.highest(BASELINE)
        return ours / theirs if ours and theirs else None

    def highest(self, way: str) -> float | None:
        return max((one.asked_rate for one in self.rounds if one.way == way and one.is_held), default=None)

    def misses(self) -> list[str]:
        """Targets that were not reached, one line each."""
        found = []
        if self.cpu_ratio is None or self.own_share is None:
            found.append("no rate was held both ways: begin with a lower one, see --rates and --first")
        elif self.cpu_ratio > CPU_TARGET:
            found.append(
                f"a call costs {self.cpu_ratio:.2f} times the baseline's processor time, wanted {CPU_TARGET:g}"
            )
        if self.is_search and self.capacity_ratio is not None and self.capacity_ratio < CAPACITY_TARGET:
            found.append(f"capacity is {self.capacity_ratio:.2f} of the baseline's, wanted {CAPACITY_TARGET:g}")
        if self.own_share is not None and self.own_share > OWN_TARGET:
            found.append(
                f"controllers, ingest, Postgres use {self.own_share:.2f} of what Asterisk does, wanted {OWN_TARGET:g}"
            )
        return found

    def lines(self) -> list[str]:
        """For people."""
        said = [
            _line("processor time of a call, ours / baseline", self.cpu_ratio, f"wanted at most {CPU_TARGET:g}"),
            _line("  of Asterisk alone", self.asterisk_ratio),
            _line("  controllers + ingest + Postgres / Asterisk", self.own_share, f"wanted at most {OWN_TARGET:g}"),
            _line("highest rate held, ours / baseline", self.rate_ratio, self._highest_words()),
        ]
        said += [
            f"{one.part}: {one.per_second:,.0f} {one.unit}, {one.slower:.1f} times slower than {one.yardstick}"
            for one in self.alone
        ]
        if self.is_search:
            ratio = _line("capacity, ours / baseline", self.capacity_ratio, f"wanted at least {CAPACITY_TARGET:g}")
            said = [ratio, *(self.capacity(way).words() for way in (OURS, BASELINE)), *said]
        return [*said, *self.limits()]

    def limits(self) -> list[str]:
        """What was not the system's doing."""
        said = []
        for one in self.rounds:
            where = f"at {one.asked_rate:g} calls/s ({one.way})"
            if not one.is_in_time:
                said.append(f"SIPp was the limit {where}: calls came at {one.rate:.1f}/s")
            elif one.machine >= FULL:
                total = sum(one.cpu.values())
                said.append(
                    f"the machine was full {where}: SIPp itself used {one.cpu['sipp'] / total:.0%} of what calls used"
                )
        return said

    def table(self) -> list[tuple[object, ...]]:
        """Rows under HEADS; processor times in milliseconds a call."""
        return [
            (
                f"{one.asked_rate:g}", one.way, f"{one.rate:.1f}",
                one.calls, one.at_once, one.failed, one.retransmissions,
                f"{one.to_agent_s:.2f}", f"{one.to_agent_p99_s:.2f}",
                *(f"{one.cpu[part] * 1000:.1f}" if part in one.cpu else "-"
                  for part in ("asterisk", *OWN_PARTS, "sipp")),
                f"{one.machine:.0%}", f"{one.load:.1f}",
            )
            for one in self.rounds
        ]  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        return {
            "cpu_ratio": self.cpu_ratio,
            "asterisk_ratio": self.asterisk_ratio,
            "own_share": self.own_share,
            "rate_ratio": self.rate_ratio,
            "highest_rate": {way: self.highest(way) for way in (OURS, BASELINE)},
            "capacity_ratio": self.capacity_ratio if self.is_search else None,
            "capacity": {way: self.capacity(way).words() for way in (OURS, BASELINE)} if self.is_search else None,
            "rounds": [
                asdict(replace(one, turns={})) | {"turns": {node: each.to_json() for node, each in one.turns.items()}}
                for one in self.rounds
            ],
            "alone": [{**asdict(one), "slower": one.slower} for one in self.alone],
            "limits": self.limits(),
            "misses": self.misses(),
        }

    def _cpu(self, way: str, parts: Sequence[str] = ("asterisk", *OWN_PARTS)) -> float:
        """Mean seconds a call of these parts, over the rates that both ways held: each rate weighs the same."""
        held = [{one.asked_rate for one in self.rounds if one.way == each and one.is_held} for each in (OURS, BASELINE)]
        common = held[0] & held[1]
        rounds = [one for one in self.rounds if one.way == way and one.asked_rate in common]
        return sum(sum(one.cpu.get(part, 0.0) for part in parts) for one in rounds) / len(rounds) if rounds else 0.0

    def _highest_words(self) -> str:
        return f"{self.highest(OURS) or 0:g} and {self.highest(BASELINE) or 0:g} calls/s"


def _line(what: str, ratio: float | None, more: str = "") -> str:
    return f"{what}: {'-' if ratio is None else f'{ratio:.2f}'}" + (f" ({more})" if more else "")
