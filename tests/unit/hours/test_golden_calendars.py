"""Calendars against data written by hand: Korean holidays, and days on which clocks change."""

from __future__ import annotations

import csv
from datetime import date, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.dialplan.holiday_names import holiday_name
from ivr.domain.hours import Calendar, Span
from ivr.domain.year import walk

DATA = Path(__file__).parents[2] / "data" / "calendars"


def rows(name: str) -> list[dict[str, str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


KOREA = {date.fromisoformat(row["date"]): row for row in rows("korea.csv")}


@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_korean_holidays_are_those_of_the_law_and_no_others(year: int) -> None:
    named = holiday_name("KR")
    days = (date(year, 1, 1) + timedelta(days=count) for count in range(366))
    assert {day for day in days if day.year == year and named(day)} == {day for day in KOREA if day.year == year}


@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_a_korean_office_is_open_on_the_other_weekdays_only(year: int) -> None:
    office = Calendar(
        timezone=ZoneInfo("Asia/Seoul"),
        week=dict.fromkeys(range(5), (Span(time(9), time(18)),)),
        holiday_name=holiday_name("KR"),
    )
    for day in walk(office, year).days:
        is_open = day.date.weekday() < 5 and day.date not in KOREA
        assert day.open_minutes == (540 if is_open else 0), day.date
        assert (day.mark == "h") == (day.date in KOREA), day.date


def test_every_kind_of_korean_holiday_is_in_the_data() -> None:
    assert {row["kind"] for row in KOREA.values()} == {"fixed", "lunar", "substitute", "election"}


@pytest.mark.parametrize("name", ["Korean New Year", "Chuseok", "Buddha's Birthday"])
def test_holidays_have_names_in_both_languages(name: str) -> None:
    named = holiday_name("KR")
    found = {named.name_in("en", day): named.name_in("ko", day) for day in KOREA}
    assert name in found
    assert any("가" <= letter <= "힣" for letter in found[name] or "")


def test_new_york_where_clocks_change() -> None:
    line = Calendar(
        timezone=ZoneInfo("America/New_York"),
        week=dict.fromkeys(range(7), (Span(time(1, 30), time(2, 30)), Span(time(9), time(17)))),
    )
    found = {day.date: day for year in (2026, 2027) for day in walk(line, year).days}
    for row in rows("new_york.csv"):
        day = found[date.fromisoformat(row["date"])]
        told = {"minutes": str(day.minutes), "open": str(day.open_minutes), "spans": day.spans}
        assert told == {name: row[name] for name in told}, row["date"]
