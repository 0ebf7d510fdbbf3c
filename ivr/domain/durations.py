"""How often each length of time was seen, in little memory: buckets that grow by a tenth, from 10 µs to a minute."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

FIRST_S = 10e-6
GROWTH = 1.1
LAST = math.ceil(math.log(60 / FIRST_S, GROWTH))


@dataclass(slots=True)
class Durations:
    """A histogram. A quantile is right to a tenth of itself."""

    counts: Counter[int] = field(default_factory=Counter)
    longest_s: float = 0.0

    def add(self, seconds: float) -> None:
        place = 0 if seconds <= FIRST_S else min(LAST, math.ceil(math.log(seconds / FIRST_S, GROWTH)))
        self.counts[place] += 1
        self.longest_s = max(self.longest_s, seconds)

    @property
    def count(self) -> int:
        return self.counts.total()

    def quantile(self, share: float) -> float:
        """Seconds that `share` (0 to 1) of what was seen did not exceed; 0 when nothing was seen."""
        wanted, seen = share * self.count, 0
        for place in sorted(self.counts):
            seen += self.counts[place]
            if seen >= wanted:
                return min(self.longest_s, FIRST_S * GROWTH**place)
        return 0.0

    def to_json(self) -> dict[str, object]:
        """For /status: figures for people, and the counts, which several processes' figures can be added up by."""
        return {
            "count": self.count,
            "p50_ms": round(self.quantile(0.5) * 1000, 3),
            "p99_ms": round(self.quantile(0.99) * 1000, 3),
            "longest_ms": round(self.longest_s * 1000, 3),
            "counts": {str(place): count for place, count in sorted(self.counts.items())},
        }


def durations_from_json(figures: Mapping[str, object]) -> Durations:
    """The inverse of `to_json`. Raises ValueError for what is none."""
    counts, longest = figures.get("counts"), figures.get("longest_ms")
    if not isinstance(counts, Mapping) or not isinstance(longest, int | float):
        raise ValueError("no durations")  # noqa: TRY004 - one kind of error
    return Durations(Counter({int(place): int(count) for place, count in counts.items()}), longest / 1000)


def added(parts: Iterable[Durations]) -> Durations:
    """All that any of them has seen."""
    total = Durations()
    for part in parts:
        total.counts += part.counts
        total.longest_s = max(total.longest_s, part.longest_s)
    return total
