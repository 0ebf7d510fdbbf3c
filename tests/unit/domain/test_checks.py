"""Six digits as a birth date: real days of this or the last century that have come."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.checks import is_birth_date

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("digits", "right"),
    [
        ("900101", True),
        ("000229", True),  # 2000 was a leap year, 1900 was not
        ("010229", False),
        ("961131", False),
        ("901301", False),
        ("900001", False),
        ("261123", True),  # today
        ("261124", True),  # 1926
        ("90010", False),
        ("9001011", False),
        ("", False),
        ("90010*", False),
        ("abcdef", False),
        ("29022９", False),
    ],
)
def test_table(digits: str, right: bool) -> None:
    assert is_birth_date(digits, AT) is right


def test_the_29th_of_a_leap_year_to_come_is_not_yet_born() -> None:
    # 2028 is leap and to come; 1928 was leap too, so it counts. 2000 before 2000 leaves only 1900, which was not.
    assert is_birth_date("280229", AT)
    assert not is_birth_date("000229", datetime(2000, 2, 28, tzinfo=UTC))
    assert is_birth_date("000229", datetime(2000, 2, 29, tzinfo=UTC))


@given(st.dates(min_value=date(1927, 1, 1), max_value=AT.date()))
def test_every_day_of_a_living_person_is_right(day: date) -> None:
    assert is_birth_date(f"{day:%y%m%d}", AT)


@given(st.text(max_size=8))
def test_any_text_has_an_answer(text: str) -> None:
    assert is_birth_date(text, AT) in (True, False)


@given(st.dates(min_value=AT.date() + timedelta(days=1), max_value=date(2099, 12, 31)))
def test_a_future_day_counts_only_by_the_last_century(day: date) -> None:
    last_century = (day.month, day.day) != (2, 29) or (day.year - 100) % 4 == 0
    assert is_birth_date(f"{day:%y%m%d}", AT) is last_century
