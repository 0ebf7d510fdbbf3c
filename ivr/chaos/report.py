"""What a kill test found, as lines for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ivr.chaos.plan import HANG_S, Strike
from ivr.chaos.verdict import PROBLEMS, Verdict

RESUME_GOAL_S = 3.0
"""Callers whose controller was struck go on within this, 95 of 100."""
IN_TIME = 0.95
"""The load counts as kept up when calls came at least this fast."""
_NOISE = re.compile(r"receive timeout on message|Dead call|Overload warning")
"""What SIPp says when a caller goes on pressing because nobody has hung up, and of messages that come twice or late."""
_DATED = re.compile(r"\d{4}-\d\d-\d\d")
SHOWN = 40
"""Problems that are named one by one."""
HEADS = ("book", "calls", "ended", "lost", "doubled", "open", "dropped", "differing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole of it. Times are in seconds."""

    seed: int
    strikes: tuple[Strike, ...]
    """Those that were done."""
    planned: int
    verdict: Verdict
    outlived: int
    """Controllers that hung and were not ended."""
    seconds: float
    asked_rate: float
    rate: float
    """Calls a second that came."""
    settled_s: float
    """From the last caller's end to the last row."""
    retransmissions: int
    torn: tuple[int, int]
    """Unreadable lines by the journal and by Postgres."""
    away_s: tuple[float, ...]
    """Sorted: from a strike at a controller to a caller's going on in another."""
    sipp_errors: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        """Every strike done, every call accounted for."""
        return not self.verdict.problems and len(self.strikes) == self.planned and self.torn == (0, 0)

    def table(self) -> list[tuple[object, ...]]:
        """The three books side by side."""
        verdict = self.verdict
        counts = [verdict.count(kind) for kind in ("lost", "doubled", "open", "dropped", "differs")]
        return [
            ("SIPp: INVITEs sent", verdict.placed, "", "", "", "", "", ""),
            ("journal", verdict.in_journal, "", "", "", "", "", ""),
            ("Postgres", verdict.in_postgres, verdict.ended, *counts),
        ]

    def lines(self) -> Iterator[str]:
        """Figures, then each problem by name."""
        verdict = self.verdict
        by_way = Counter(f"{strike.target} {strike.how}" for strike in self.strikes)
        yield f"{len(self.strikes)} kills of {self.planned} in {self.seconds:.0f} s, seed {self.seed}: " + _told(by_way)
        yield f"calls came at {self.rate:.1f} a second; the record was complete {self.settled_s:.0f} s after the last"
        yield "by habit: " + ", ".join(
            f"{habit} {outcome} {count}" for (habit, outcome), count in verdict.outcomes.items()
        )
        if self.away_s:
            half, most, all_of_them = (_at(self.away_s, share) for share in (0.5, 0.95, 1.0))
            yield (
                f"{len(self.away_s)} times a caller was taken over by another controller: median {half:.1f} s, "
                f"95th percentile {most:.1f} s, longest {all_of_them:.1f} s after the strike"
            )
        yield (
            f"Asterisk was killed in {verdict.cut_off} calls, all ended with a cause; before anybody took them ended "
            f"{verdict.nameless}; SIPp repeated {self.retransmissions} messages"
        )
        if verdict.unanswered:
            yield f"{len(verdict.unanswered)} were never answered by a killed Asterisk: " + ", ".join(
                verdict.unanswered
            )
        if verdict.unfinished:
            yield f"{len(verdict.unfinished)} scripts that SIPp did not finish: " + ", ".join(verdict.unfinished)
        if self.torn != (0, 0):
            yield f"TORN: unreadable lines: {self.torn[0]} by the journal, {self.torn[1]} by Postgres"
        for problem in verdict.problems[:SHOWN]:
            yield str(problem)
        if len(verdict.problems) > SHOWN:
            yield f"… and {len(verdict.problems) - SHOWN} more"
        if verdict.problems:
            kinds = Counter(problem.kind for problem in verdict.problems)
            for kind, count in kinds.items():
                yield f"{kind}: {count} ({PROBLEMS[kind]})"
        if verdict.problems or verdict.unfinished:
            yield from (f"SIPp said: {line}" for line in _first_lines(self.sipp_errors)[:SHOWN])
        yield "PASSED" if self.is_passed else "FAILED"

    def misses(self) -> list[str]:
        """Goals of time that were missed; they depend on what else the machine does."""
        missed = []
        if self.outlived:
            missed.append(f"{self.outlived} controllers that hung were ended by nobody within {HANG_S:.0f} s")
        if self.away_s and _at(self.away_s, 0.95) > RESUME_GOAL_S:
            missed.append(
                f"callers were taken over within {_at(self.away_s, 0.95):.1f} s, not within {RESUME_GOAL_S:.0f} s"
            )
        if self.rate < self.asked_rate * IN_TIME:
            missed.append(f"calls came at {self.rate:.1f} a second, not at {self.asked_rate:.1f}")
        return missed


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _first_lines(errors: Sequence[str]) -> list[str]:
    """SIPp's complaints without the messages that it quotes below each."""
    return [line for text in errors for line in text.splitlines() if _DATED.match(line) and not _NOISE.search(line)]


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))
