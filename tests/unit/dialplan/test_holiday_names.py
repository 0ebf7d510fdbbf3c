"""Public holidays of Korea as the government published them, and what a look-up costs."""

from __future__ import annotations

import timeit
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.dialplan.holiday_names import holiday_name
from ivr.domain.hours import Calendar, Span

SEOUL = ZoneInfo("Asia/Seoul")

KOREA = {
    2026: (
        "01-01 02-16 02-17 02-18 03-01 03-02 05-01 05-05 05-24 05-25 06-03 06-06 07-17 08-15 08-17 "
        "09-24 09-25 09-26 10-03 10-05 10-09 12-25"
    ),
    2027: (
        "01-01 02-06 02-07 02-08 02-09 03-01 05-01 05-03 05-05 05-13 06-06 07-17 07-19 08-15 08-16 "
        "09-14 09-15 09-16 10-03 10-04 10-09 10-11 12-25 12-27"
    ),
}


@pytest.mark.parametrize("year", sorted(KOREA))
def test_the_whole_year_in_korea(year: int) -> None:
    name_of = holiday_name("KR")
    days = (date(year, 1, 1) + timedelta(days=count) for count in range(366))
    found = [f"{day:%m-%d}" for day in days if day.year == year and name_of(day) is not None]
    assert found == KOREA[year].split()


@pytest.mark.parametrize(
    ("day", "word"),
    [
        (date(2026, 2, 17), "설날"),
        (date(2027, 2, 7), "설날"),  # the Korean lunar date; in China it is the 6th
        (date(2027, 2, 9), "대체"),  # the 7th is a Sunday
        (date(2026, 9, 25), "추석"),
        (date(2027, 10, 4), "대체"),
        (date(2026, 5, 1), "노동절"),
        (date(2026, 7, 17), "제헌절"),
    ],
)
def test_names(day: date, word: str) -> None:
    assert word in (holiday_name("KR")(day) or "")


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-02-13 18:00", "2026-02-19 09:00"),  # Friday evening, then Seollal from Monday to Wednesday
        ("2026-09-23 18:00", "2026-09-28 09:00"),  # Chuseok on Thursday and Friday, then the weekend
        ("2026-10-02 18:00", "2026-10-06 09:00"),  # the substitute Monday of 3 October
        ("2027-02-05 18:00", "2027-02-10 09:00"),  # Seollal over the weekend, with a substitute Tuesday
        ("2027-12-24 18:00", "2027-12-28 09:00"),  # Christmas on Saturday, substitute Monday
        ("2026-11-23 20:00", "2026-11-24 09:00"),
    ],
)
def test_the_office_opens_again_after_the_holidays(at: str, opens: str) -> None:
    office = Calendar(
        timezone=SEOUL, week=dict.fromkeys(range(5), (Span(time(9), time(18)),)), holiday_name=holiday_name("KR")
    )
    assert office.next_open(datetime.fromisoformat(at).replace(tzinfo=SEOUL)) == datetime.fromisoformat(opens).replace(
        tzinfo=SEOUL
    )


def test_other_countries_and_unknown_ones() -> None:
    assert holiday_name("US")(date(2026, 11, 26)) == "Thanksgiving Day"
    assert holiday_name("KR")(date(2026, 11, 26)) is None
    with pytest.raises(NotImplementedError):
        holiday_name("XX")


def test_a_year_is_worked_out_once() -> None:
    name_of = holiday_name("KR")
    day = date(2026, 11, 23)
    name_of(day)
    assert timeit.timeit(lambda: name_of(day), number=10_000) < 0.5  # a working-out takes about a millisecond
