"""Opening hours: an instant is open or closed, and why.

Order of decision: emergency, then local exception, then public holiday, then the weekly hours; closed by default.
Every instant is an argument (an aware datetime); nothing here asks for the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HolidayName = Callable[[date], str | None]
"""Name of the public holiday on a local date, or None. The dialplan layer supplies it from a library."""

SEARCH_DAYS = 400
"""How far `next_open` looks: beyond the longest run of closed days that any sane calendar has."""


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of opening within a local day, `opens` inclusive, `closes` exclusive (`time.min` = midnight at the end)."""

    opens: time
    closes: time

    def contains(self, at: time) -> bool:
        return self.opens <= at and (self.closes == time.min or at < self.closes)


@dataclass(frozen=True, slots=True)
class DayException:
    """A local rule for one date that wins over holidays and the week: other spans, or none (closed)."""

    name: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the line is open at an instant, and why."""

    is_open: bool
    reason: str
    """emergency | exception | holiday | closed | open"""
    detail: str = ""
    """Name of the holiday, exception or emergency."""


def _no_holiday(_: date) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Opening hours of a centre (or of a named service) in its own time zone."""

    timezone: ZoneInfo
    week: Mapping[int, tuple[Span, ...]]
    """Weekday (Monday = 0) -> spans. A missing day is closed."""
    exceptions: Mapping[date, DayException] = field(default_factory=dict)
    holiday_name: HolidayName = _no_holiday

    def verdict(self, at: datetime) -> Verdict:
        """Is the line open at the aware instant `at`, and why."""
        local = _aware(at).astimezone(self.timezone)
        day, clock = local.date(), local.time().replace(tzinfo=None, fold=0)
        if (exception := self.exceptions.get(day)) is not None:
            is_open = any(span.contains(clock) for span in exception.spans)
            return Verdict(is_open, "exception", exception.name)
        if (holiday := self.holiday_name(day)) is not None:
            return Verdict(False, "holiday", holiday)
        if any(span.contains(clock) for span in self.week.get(day.weekday(), ())):
            return Verdict(True, "open")
        return Verdict(False, "closed")

    def is_open(self, at: datetime) -> bool:
        return self.verdict(at).is_open

    def next_open(self, at: datetime) -> datetime | None:
        """The first open instant at or after `at`, in the calendar's zone; None if there is none within SEARCH_DAYS."""
        if self.is_open(at):
            return _aware(at).astimezone(self.timezone)
        local = _aware(at).astimezone(self.timezone)
        for offset in range(SEARCH_DAYS):
            day = local.date() + timedelta(days=offset)
            for opens in self._openings(day):
                if opens > local and self.is_open(opens):
                    return opens
        return None

    def _openings(self, day: date) -> list[datetime]:
        exception = self.exceptions.get(day)
        spans = exception.spans if exception is not None else self.week.get(day.weekday(), ())
        # Through UTC and back: a wall-clock time that the clock change skips becomes the first real one after it.
        wall = (datetime.combine(day, span.opens, self.timezone) for span in spans)
        return sorted(instant.astimezone(ZoneInfo("UTC")).astimezone(self.timezone) for instant in wall)


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at
