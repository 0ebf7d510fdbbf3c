"""Six digits as a birth date: real days of this or the last century that have come."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.checks import CHECKS, is_birth_date

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


@pytest.mark.parametrize(
    ("check", "digits", "right"),
    [
        ("date", "20280229", True),
        ("date", "20270229", False),
        ("date", "280229", True),  # of this century
        ("date", "270229", False),
        ("date", "20261301", False),
        ("date", "00000101", False),
        ("date", "2026112", False),
        ("date", "", False),
        ("number", "0", True),
        ("number", "12a", False),
        ("number", "", False),
        ("luhn", "4111111111111111", True),
        ("luhn", "4111111111111112", False),
        ("luhn", "1411111111111111", False),  # two digits changed places
        ("luhn", "79927398713", True),  # an odd count of digits
        ("luhn", "0", False),
        ("luhn", "", False),
        ("business_number", "2208162517", True),
        ("business_number", "2208162518", False),
        ("business_number", "2280162517", False),
        ("business_number", "220816251", False),
        ("business_number", "22081625170", False),
    ],
)
def test_checks_by_name(check: str, digits: str, right: bool) -> None:
    assert CHECKS[check](digits, AT) is right


@given(st.text("0123456789", max_size=12))
def test_no_check_fails_on_any_digits(digits: str) -> None:
    for check in CHECKS.values():
        assert check(digits, AT) in (True, False)


@given(st.text("0123456789", min_size=9, max_size=9))
def test_every_business_number_has_one_check_digit(first: str) -> None:
    assert sum(CHECKS["business_number"](first + last, AT) for last in "0123456789") == 1
