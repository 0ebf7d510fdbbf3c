"""Opening hours: an instant is open or closed, and why.

Order of decision: emergency (an operator's order), local exception, public holiday, weekly hours; closed by default.
Every instant is an argument (an aware datetime); nothing here asks for the time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

HolidayName = Callable[[date], str | None]
"""Name of the public holiday on a local date, or None. The dialplan layer supplies it from a library."""

SEARCH_DAYS = 400
"""How far `next_open` looks: beyond the longest run of closed days that any sane calendar has."""


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of opening within a local day, from `opens` until before `closes` (`time.min`: until midnight)."""

    opens: time
    closes: time

    def contains(self, at: time) -> bool:
        return self.opens <= at and (self.closes == time.min or at < self.closes)


@dataclass(frozen=True, slots=True)
class DayException:
    """A local rule for one date that wins over holidays and the week: other spans, or none (closed)."""

    name: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """An operator's order that the line is closed, or open, for a while, whatever its calendar says. Ends by itself."""

    is_open: bool
    since: datetime
    """Aware; from this instant on."""
    until: datetime
    """Aware; the first instant at which the calendar decides again."""
    reason: str = ""

    def __post_init__(self) -> None:
        # In UTC: Python compares two times of one zone by the clock on the wall, which a clock change repeats.
        object.__setattr__(self, "since", _aware(self.since).astimezone(UTC))
        object.__setattr__(self, "until", _aware(self.until).astimezone(UTC))

    def holds(self, at: datetime) -> bool:
        return self.since <= at.astimezone(UTC) < self.until


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the line is open at an instant, and why."""

    is_open: bool
    reason: str
    """emergency | exception | holiday | closed | open"""
    detail: str = ""
    """Name of the holiday or exception, reason of the emergency."""


OPEN, CLOSED = Verdict(True, "open"), Verdict(False, "closed")
"""What the weekly hours say."""


def no_holiday(_: date) -> str | None:
    """Of a centre that is open on public holidays."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Opening hours of a centre (or of a named service) in its own time zone."""

    timezone: ZoneInfo
    week: Mapping[int, tuple[Span, ...]]
    """Weekday (Monday = 0) -> spans. A missing day is closed."""
    exceptions: Mapping[date, DayException] = field(default_factory=dict)
    holiday_name: HolidayName = no_holiday
    emergency: Emergency | None = None
    """The newest order of an operator; it may be over."""

    def verdict(self, at: datetime) -> Verdict:
        """Is the line open at the aware instant `at`, and why."""
        local = _aware(at).astimezone(self.timezone)
        if self.emergency is not None and self.emergency.holds(at):
            return Verdict(self.emergency.is_open, "emergency", self.emergency.reason)
        day, clock = local.date(), local.time()
        if (exception := self.exceptions.get(day)) is not None:
            is_open = any(span.contains(clock) for span in exception.spans)
            return Verdict(is_open, "exception", exception.name)
        if (holiday := self.holiday_name(day)) is not None:
            return Verdict(False, "holiday", holiday)
        if any(span.contains(clock) for span in self.week.get(day.weekday(), ())):
            return OPEN
        return CLOSED

    def is_open(self, at: datetime) -> bool:
        return self.verdict(at).is_open

    def next_open(self, at: datetime) -> datetime | None:
        """The first open instant at or after `at`, in the calendar's zone; None if there is none within SEARCH_DAYS."""
        if self.is_open(at):
            return _aware(at).astimezone(self.timezone)
        # Compared in UTC: Python compares two times of one zone by the clock on the wall, which a clock change repeats.
        now = _aware(at).astimezone(UTC)
        today = now.astimezone(self.timezone).date()
        for offset in range(SEARCH_DAYS):
            for opens in self._openings(today + timedelta(days=offset)):
                if opens > now and self.is_open(opens):
                    return opens.astimezone(self.timezone)
        return None

    def _openings(self, day: date) -> list[datetime]:
        """Instants (UTC) of a local day at which the line may begin to be open."""
        exception = self.exceptions.get(day)
        spans = exception.spans if exception is not None else self.week.get(day.weekday(), ())
        # A clock that is set back shows some times twice (fold), so it can open the line twice. The moment of any
        # change counts too: a clock that is set forward can jump into the middle of a span whose beginning it skips.
        wall = (datetime.combine(day, span.opens, self.timezone) for span in spans)
        instants = {moment.replace(fold=fold).astimezone(UTC) for moment in wall for fold in (0, 1)}
        return sorted(instants | _clock_change(self.timezone, day) | self._emergency_edges(day))

    def _emergency_edges(self, day: date) -> set[datetime]:
        """When an order begins or ends on a local day: it may open the line, or give back a day that is open."""
        if self.emergency is None:
            return set()
        edges = (self.emergency.since, self.emergency.until)
        return {edge for edge in edges if edge.astimezone(self.timezone).date() == day}


@lru_cache(maxsize=4096)
def _clock_change(timezone: ZoneInfo, day: date) -> frozenset[datetime]:
    """The first instant (UTC) of the new offset on a local day whose clocks change, found to the second."""
    midnight, next_midnight = (
        datetime.combine(day + timedelta(days=days), time.min, timezone).astimezone(UTC) for days in (0, 1)
    )

    def offset(at: datetime) -> timedelta | None:
        return at.astimezone(timezone).utcoffset()

    before = offset(midnight)
    if offset(next_midnight) == before:
        return frozenset()
    seconds = range(round((next_midnight - midnight).total_seconds()))
    change = bisect_left(seconds, True, key=lambda second: offset(midnight + timedelta(seconds=second)) != before)
    return frozenset({midnight + timedelta(seconds=change)})


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at
