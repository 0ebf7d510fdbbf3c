"""A year of opening hours, gone through minute by minute: what holds when, and what a calendar leaves unclear.

This is the proof behind `ivr hours`: it asks `Calendar.verdict`, the very function of live calls, for each minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from ivr.domain.hours import Calendar, Span, Verdict

MINUTE = timedelta(minutes=1)
MARKS = {"emergency": "e", "exception": "e", "holiday": "h", "open": "o", "closed": "c"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Minutes in a row of one local day with the same verdict, by the clock on the wall."""

    begins: datetime
    """Aware, in the calendar's zone."""
    minutes: int
    verdict: Verdict

    @property
    def ends(self) -> datetime:
        """The first minute after it."""
        return (self.begins.astimezone(UTC) + self.minutes * MINUTE).astimezone(self.begins.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One local day; it has 1380 or 1500 minutes when the clocks change."""

    date: date
    stretches: tuple[Stretch, ...]

    @property
    def minutes(self) -> int:
        return sum(stretch.minutes for stretch in self.stretches)

    @property
    def open_minutes(self) -> int:
        return sum(stretch.minutes for stretch in self.stretches if stretch.verdict.is_open)

    @property
    def mark(self) -> str:
        """e: exception or emergency, h: holiday, o: open by the week, c: closed."""
        marks = {MARKS[stretch.verdict.reason] for stretch in self.stretches}
        return next(mark for mark in "ehoc" if mark in marks)

    @property
    def detail(self) -> str:
        """Names of the holiday, exception or emergency."""
        return ", ".join(dict.fromkeys(s.verdict.detail for s in self.stretches if s.verdict.detail))

    @property
    def spans(self) -> str:
        """Its open hours as people write them; empty when it is closed."""
        opened = (stretch for stretch in joined(self.stretches) if stretch.verdict.is_open)
        return ", ".join(f"{stretch.begins:%H:%M}-{_closing(stretch)}" for stretch in opened)


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """Every minute of one year in a calendar's zone."""

    year: int
    days: tuple[Day, ...]
    faults: tuple[str, ...]
    """Minutes with two branches, or rules that never come to hold."""

    @property
    def minutes(self) -> int:
        return sum(day.minutes for day in self.days)

    @property
    def open_minutes(self) -> int:
        return sum(day.open_minutes for day in self.days)

    @property
    def clock_changes(self) -> tuple[Day, ...]:
        return tuple(day for day in self.days if day.minutes != 24 * 60)


def walk(calendar: Calendar, year: int) -> Year:
    """Asks the calendar about each minute of `year`. Raises ValueError for a year that Python's dates do not have."""
    days = tuple(_days(calendar, year))
    return Year(year=year, days=days, faults=tuple(_faults(calendar, days)))


def _days(calendar: Calendar, year: int) -> Iterator[Day]:
    now = datetime(year, 1, 1, tzinfo=calendar.timezone).astimezone(UTC)
    end = datetime(year + 1, 1, 1, tzinfo=calendar.timezone).astimezone(UTC)
    today = date(year, 1, 1)
    stretches: list[Stretch] = []
    began, count = now, 0
    verdict = calendar.verdict(now)
    while now < end:
        midnight = min(end, datetime.combine(today + timedelta(days=1), time.min, calendar.timezone).astimezone(UTC))
        while now < midnight:
            found = calendar.verdict(now)
            if found != verdict:
                if count:
                    stretches.append(_stretch(calendar, began, count, verdict))
                began, count, verdict = now, 0, found
            count += 1
            now += MINUTE
        stretches.append(_stretch(calendar, began, count, verdict))
        yield Day(date=today, stretches=tuple(stretches))
        today += timedelta(days=1)
        stretches, began, count = [], now, 0


def _stretch(calendar: Calendar, began: datetime, count: int, verdict: Verdict) -> Stretch:
    return Stretch(begins=began.astimezone(calendar.timezone), minutes=count, verdict=verdict)


def _faults(calendar: Calendar, days: tuple[Day, ...]) -> Iterator[str]:
    for day in days:
        exception = calendar.exceptions.get(day.date)
        spans = calendar.week.get(day.date.weekday(), ()) if exception is None else exception.spans
        for earlier, later in pairwise(sorted(spans, key=lambda span: span.opens)):
            if earlier.contains(later.opens):
                yield f"{day.date}: {later.opens:%H:%M} is in two spans of opening"
        for span in spans:
            if exception is not None and never_comes(calendar.timezone, day.date, span):
                yield f"{day.date}: the clocks skip {span.opens:%H:%M}-{span.closes:%H:%M}"


def never_comes(timezone: ZoneInfo, day: date, span: Span) -> bool:
    """Whether the clocks of that night skip the whole span."""
    end = datetime.combine(day, span.closes) + (timedelta(days=1) if span.closes == time.min else timedelta())
    return not any(_is_real(timezone, edge) for edge in (datetime.combine(day, span.opens), end - MINUTE))


def _is_real(timezone: ZoneInfo, wall: datetime) -> bool:
    there = wall.replace(tzinfo=timezone).astimezone(UTC)
    return there.astimezone(timezone).replace(tzinfo=None) == wall


def instants(calendar: Calendar, wall: datetime) -> tuple[datetime, ...]:
    """The instants at which clocks show `wall` (naive): none, one, or two where they are set back."""
    both = dict.fromkeys(wall.replace(tzinfo=calendar.timezone, fold=fold).astimezone(UTC) for fold in (0, 1))
    here = (instant.astimezone(calendar.timezone) for instant in both)
    return tuple(instant for instant in here if instant.replace(tzinfo=None, fold=0) == wall)


def joined(stretches: tuple[Stretch, ...]) -> list[Stretch]:
    """Neighbours that are both open, or both closed, as one."""
    whole: list[Stretch] = []
    for stretch in stretches:
        if whole and whole[-1].verdict.is_open == stretch.verdict.is_open:
            last = whole.pop()
            stretch = Stretch(begins=last.begins, minutes=last.minutes + stretch.minutes, verdict=last.verdict)
        whole.append(stretch)
    return whole


def _closing(stretch: Stretch) -> str:
    ends = stretch.ends
    return "24:00" if ends.date() > stretch.begins.date() else f"{ends:%H:%M}"
