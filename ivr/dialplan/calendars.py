"""Opening hours as written -> calendars of the domain."""

from __future__ import annotations

from datetime import date

from ivr.dialplan.document import Document, Path
from ivr.dialplan.holiday_names import holiday_name
from ivr.dialplan.raw_centre import RawCalendar, RawCentre
from ivr.dialplan.values import WEEKDAYS, weekdays
from ivr.domain.hours import Calendar, DayException, Span
from ivr.domain.year import never_comes

DEFAULT = "centre"
"""Name of the calendar that the top of centre.yaml describes."""


def calendars(raw: RawCentre, document: Document) -> dict[str, Calendar]:
    """Every calendar of a centre by name; days told twice and calendars that never open are added to the document."""
    if DEFAULT in raw.calendars:
        document.key_problem(("calendars", DEFAULT), "calendar_name_taken", name=DEFAULT)
    named = {name: _calendar(raw, own, document, ("calendars", name)) for name, own in raw.calendars.items()}
    return {**named, DEFAULT: _calendar(raw, raw, document, ())}


def _calendar(centre: RawCentre, own: RawCalendar, document: Document, path: Path) -> Calendar:
    week: dict[int, tuple[Span, ...]] = {}
    for written, spans in own.hours.items():
        for day in weekdays(written):
            if day in week:
                document.key_problem((*path, "hours", written), "day_twice", day=WEEKDAYS[day])
            week[day] = spans
    if not any(week.values()):
        document.key_problem((*path, "hours"), "never_open")
    exceptions: dict[date, DayException] = {}
    for index, exception in enumerate(own.exceptions):
        if exception.date in exceptions:
            document.problem((*path, "exceptions", index, "date"), "date_twice", date=exception.date.isoformat())
        exceptions[exception.date] = DayException(exception.name, exception.hours)
        for span in exception.hours:
            if never_comes(centre.timezone, exception.date, span):
                value = f"{span.opens:%H:%M}-{span.closes:%H:%M}"
                details = {"value": value, "date": exception.date.isoformat()}
                document.problem((*path, "exceptions", index, "hours"), "hours_skipped", **details)
    country = centre.holidays if own.holidays == "" else own.holidays
    country = centre.country if country == "" else country
    if country is None:
        return Calendar(timezone=centre.timezone, week=week, exceptions=exceptions)
    return Calendar(timezone=centre.timezone, week=week, exceptions=exceptions, holiday_name=holiday_name(country))
