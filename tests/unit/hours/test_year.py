"""A year gone through minute by minute, and what a calendar leaves unclear."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.hours import Calendar, DayException, Emergency, Span, Verdict
from ivr.domain.year import instants, never_comes, walk

pytestmark = pytest.mark.slow

NEW_YORK = ZoneInfo("America/New_York")
FORWARD, BACK = date(2026, 3, 8), date(2026, 11, 1)
OFFICE = (Span(time(9), time(18)),)


def office(zone: ZoneInfo = NEW_YORK, **given: object) -> Calendar:
    return Calendar(timezone=zone, week=dict.fromkeys(range(5), OFFICE), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
@pytest.mark.parametrize(("year", "days"), [(2026, 365), (2028, 366)])
def test_no_minute_of_the_year_is_left_out_or_counted_twice(zone: str, year: int, days: int) -> None:
    found = walk(office(ZoneInfo(zone)), year)
    begin, end = (datetime(each, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) for each in (year, year + 1))
    assert found.minutes == (end - begin) / timedelta(minutes=1)
    assert len(found.days) == days
    instants_of = [stretch.begins.astimezone(UTC) for day in found.days for stretch in day.stretches]
    ends = [stretch.ends.astimezone(UTC) for day in found.days for stretch in day.stretches]
    assert instants_of == [begin, *ends[:-1]]
    assert ends[-1] == end


def test_days_with_a_clock_change() -> None:
    changes = {day.date: day.minutes for day in walk(office(), 2026).clock_changes}
    assert changes == {FORWARD: 23 * 60, BACK: 25 * 60}


def test_marks_say_what_decided() -> None:
    calendar = office(
        exceptions={date(2026, 12, 24): DayException("eve", (Span(time(9), time(12)),))},
        holiday_name=lambda day: "Christmas" if (day.month, day.day) == (12, 25) else None,
        emergency=Emergency(
            is_open=False,
            since=datetime(2026, 11, 23, 10, tzinfo=NEW_YORK),
            until=datetime(2026, 11, 23, 12, tzinfo=NEW_YORK),
            reason="leak",
        ),
    )
    found = {day.date: day for day in walk(calendar, 2026).days}
    marks = [found[date(2026, 12, day)].mark for day in (23, 24, 25, 26)]
    assert marks == ["o", "e", "h", "c"]
    assert found[date(2026, 12, 24)].spans == "09:00-12:00"
    assert found[date(2026, 12, 25)].detail == "Christmas"
    stopped = found[date(2026, 11, 23)]
    assert (stopped.mark, stopped.detail, stopped.spans) == ("e", "leak", "09:00-10:00, 12:00-18:00")


def test_two_branches_for_one_minute_are_a_fault() -> None:
    twice = Calendar(timezone=NEW_YORK, week={0: (Span(time(9), time(12)), Span(time(11, 59), time(13)))})
    assert "2026-01-05: 11:59 is in two spans of opening" in walk(twice, 2026).faults
    assert len(walk(twice, 2026).faults) == 52
    assert walk(office(), 2026).faults == ()


@pytest.mark.parametrize(
    ("day", "span", "never"),
    [
        (FORWARD, Span(time(2, 15), time(2, 45)), True),
        (FORWARD, Span(time(2), time(3)), True),
        (FORWARD, Span(time(2, 15), time(3, 15)), False),
        (FORWARD, Span(time(1, 59), time(2, 45)), False),
        (FORWARD, Span(time(0), time.min), False),
        (BACK, Span(time(1, 15), time(1, 45)), False),
    ],
)
def test_hours_that_the_clocks_skip_are_a_fault(day: date, span: Span, never: bool) -> None:
    calendar = office(exceptions={day: DayException("night", (span,))})
    assert never_comes(NEW_YORK, day, span) == never
    assert bool(walk(calendar, day.year).faults) == never


@pytest.mark.parametrize(("wall", "count"), [("2026-03-08 02:30", 0), ("2026-11-01 01:30", 2), ("2026-11-02 01:30", 1)])
def test_instants_of_a_time_on_the_wall(wall: str, count: int) -> None:
    found = instants(office(), datetime.fromisoformat(wall))
    assert len(found) == count
    assert {each.replace(tzinfo=None, fold=0) for each in found} <= {datetime.fromisoformat(wall)}
    assert len({each.astimezone(UTC) for each in found}) == count


@given(st.lists(st.tuples(st.integers(0, 47), st.integers(1, 48)), max_size=4))
@settings(max_examples=6, deadline=None)
def test_faults_are_found_where_a_search_of_all_minutes_finds_two_branches(edges: list[tuple[int, int]]) -> None:
    spans = tuple(
        Span(time(first // 2, first % 2 * 30), time(last // 2 % 24, last % 2 * 30))
        for first, last in edges
        if first < last
    )
    calendar = Calendar(timezone=NEW_YORK, week={2: spans})
    minutes = [time(minute // 60, minute % 60) for minute in range(24 * 60)]
    twice = any(sum(span.contains(minute) for span in spans) > 1 for minute in minutes)
    assert bool(walk(calendar, 2026).faults) == twice


def test_a_year_is_what_the_calendar_says_in_live_calls() -> None:
    calendar = office()
    for day in walk(calendar, 2026).days[::13]:
        for stretch in day.stretches:
            last = (stretch.ends.astimezone(UTC) - timedelta(minutes=1)).astimezone(NEW_YORK)
            assert calendar.verdict(stretch.begins) == calendar.verdict(last) == stretch.verdict
    assert walk(calendar, 2026).days[0].stretches[0].verdict == Verdict(False, "closed")
