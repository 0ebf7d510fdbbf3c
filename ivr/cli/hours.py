"""ivr hours: a year of opening hours, proven minute by minute, and why the line is open or closed at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from ivr.adapters.emergencies import EmergencyFile
from ivr.cli.folders import FOLDER, get_centres, load_catalogues
from ivr.cli.output import say, show_json
from ivr.cli.year_picture import picture
from ivr.dialplan.holiday_names import PublicHolidays
from ivr.domain.centre import Centre
from ivr.domain.hours import Calendar
from ivr.domain.year import Day, Year, instants, walk
from ivr.engine.emergencies import under
from ivr.settings import load_settings

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
REASONS = {
    "en": {
        "emergency": "{state} by order{name}",
        "exception": "{state} by the exception{name}",
        "holiday": "closed on the public holiday{name}",
        "open": "open by the hours of the week",
        "closed": "closed by the hours of the week",
    },
    "ko": {
        "emergency": "비상 조치로 {state}{name}",
        "exception": "예외 일정으로 {state}{name}",
        "holiday": "공휴일이라 상담하지 않음{name}",
        "open": "요일별 상담 시간이라 상담 중",
        "closed": "요일별 상담 시간이 아니라 상담하지 않음",
    },
}
STATES = {"en": {True: "open", False: "closed"}, "ko": {True: "상담 중", False: "상담하지 않음"}}


@click.command()
@FOLDER
@click.option("--year", type=click.IntRange(1970, 2200), help="The present year if left out.")
@click.option("--calendar", "name", default="centre", show_default=True, help="A named calendar of centre.yaml.")
@click.option("--explain", metavar="TIME", help='Why it is open or closed then, such as "2026-02-17 10:00".')
@click.option("--svg", "as_svg", is_flag=True, help="The year as a picture, for a file.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def hours(folder: Path | None, year: int | None, name: str, explain: str | None, as_svg: bool, as_json: bool) -> int:
    """Go through every minute of a year and show when each centre is open.

    Exit code 1 when a minute has two branches or a rule never comes to hold.
    """
    found = {centre.id: _calendar(centre, name) for centre in get_centres(folder, load_catalogues()).values()}
    if explain is not None:
        return _explain_all(found, explain, as_json=as_json)
    year = year or datetime.now(UTC).year
    years = {centre: walk(calendar, year) for centre, calendar in found.items()}
    if as_svg:
        say("".join(picture(f"{centre} {year}", each) for centre, each in years.items()))
    elif as_json:
        show_json({centre: _as_json(found[centre], each) for centre, each in years.items()})
    else:
        for centre, each in years.items():
            _show(centre, found[centre], each)
    return 1 if any(each.faults for each in years.values()) else 0


def _calendar(centre: Centre, name: str) -> Calendar:
    """With what an operator ordered on this installation, if anything."""
    if name not in centre.calendars:
        raise click.UsageError(f"{centre.id} has no calendar {name}: there are {', '.join(centre.calendars)}")
    emergency = EmergencyFile(load_settings().layout.emergencies).find_emergency(centre.id)
    return under(centre, emergency).calendars[name]


def _show(centre: str, calendar: Calendar, year: Year) -> None:
    say(f"{centre}, {year.year}, {calendar.timezone.key}: o open, c closed, h public holiday, e exception or emergency")
    say("     " + "".join(str(day % 10) for day in range(1, 32)) + "  open")
    for month, days in groupby(year.days, key=lambda day: day.date.month):
        row = list(days)
        opened = sum(day.open_minutes for day in row)
        say(f"{MONTHS[month - 1]}  {''.join(day.mark for day in row):<31}  {_hours(opened)}")
    usual: dict[str, list[str]] = {}
    for weekday in range(7):
        spans = [day.spans for day in year.days if day.date.weekday() == weekday and day.mark in "oc"]
        usual.setdefault(max(set(spans), key=spans.count, default="") or "closed", []).append(
            ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[weekday]
        )
    for hours_of_day, weekdays in usual.items():
        say(f"  {' '.join(weekdays)}: {hours_of_day}")
    for day in year.days:
        if day.mark in "he":
            say(f"  {day.date:%Y-%m-%d %a}  {day.spans or 'closed':<14} {day.detail}")
    for day in year.clock_changes:
        say(f"  {day.date:%Y-%m-%d %a}  the clocks change: {day.minutes // 60} hours, open {day.spans or 'not at all'}")
    for fault in year.faults:
        say(f"  WRONG  {fault}")
    what = "every one has exactly one branch" if not year.faults else f"{len(year.faults)} faults"
    say(f"  {year.minutes:,} minutes: {what}; open for {_hours(year.open_minutes)}")


def _hours(minutes: int) -> str:
    return f"{minutes // 60:,} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def _as_json(calendar: Calendar, year: Year) -> Mapping[str, Any]:
    return {
        "year": year.year,
        "timezone": calendar.timezone.key,
        "minutes": year.minutes,
        "open_minutes": year.open_minutes,
        "faults": year.faults,
        "days": [_day_as_json(day) for day in year.days],
    }


def _day_as_json(day: Day) -> Mapping[str, Any]:
    return {
        "date": day.date,
        "mark": day.mark,
        "open": day.spans,
        "detail": day.detail,
        "minutes": day.minutes,
        "open_minutes": day.open_minutes,
    }


def _explain_all(found: Mapping[str, Calendar], moment: str, *, as_json: bool) -> int:
    told = {centre: _explain(calendar, moment) for centre, calendar in found.items()}
    if as_json:
        show_json(told)
        return 0
    for centre, answers in told.items():
        if not answers:
            say(f"{centre}: {moment} does not exist there: the clocks are set forward over it")
        for answer in answers:
            say(f"{centre}, {answer['at']}")
            say(f"  en  {answer['en']}")
            say(f"  ko  {answer['ko']}")
            if answer["opens"]:
                say(f"  opens next {answer['opens']}")
    return 0


def _explain(calendar: Calendar, moment: str) -> list[dict[str, Any]]:
    """One answer for each instant that clocks show as `moment`: two where they are set back."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise click.UsageError(f'{moment!r} is no time: write it as "2026-02-17 10:00"') from error
    return [_answer(calendar, each) for each in (instants(calendar, at) if at.tzinfo is None else (at,))]


def _answer(calendar: Calendar, at: datetime) -> dict[str, Any]:
    verdict = calendar.verdict(at)
    local = at.astimezone(calendar.timezone)
    texts = {}
    for language, reasons in REASONS.items():
        name = verdict.detail
        if verdict.reason == "holiday" and isinstance(calendar.holiday_name, PublicHolidays):
            name = calendar.holiday_name.name_in(language, local.date()) or name
        state = STATES[language][verdict.is_open]
        texts[language] = reasons[verdict.reason].format(state=state, name=f": {name}" if name else "")
    opens = None if verdict.is_open else calendar.next_open(at)
    return {
        "at": f"{local:%a} {local.isoformat(' ', 'minutes')}",
        "open": verdict.is_open,
        "reason": verdict.reason,
        "detail": verdict.detail,
        **texts,
        "opens": None if opens is None else opens.isoformat(" ", "minutes"),
    }
