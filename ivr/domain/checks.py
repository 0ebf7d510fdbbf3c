"""Checks of what a caller typed. A check takes the digits and the instant, and says whether they can be right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType

Check = Callable[[str, datetime], bool]

_BUSINESS_WEIGHTS = (1, 3, 7, 1, 3, 7, 1, 3, 5)


def is_birth_date(digits: str, at: datetime) -> bool:
    """Six digits YYMMDD that name a day of this or the last century, not after `at`."""
    if len(digits) != 6 or not digits.isdecimal():
        return False
    year, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    return any(_is_past_day(century + year, month, day, at.date()) for century in (1900, 2000))


def is_date(digits: str, _: datetime) -> bool:
    """YYYYMMDD, or YYMMDD of this century: a day that exists, past or to come."""
    if not digits.isdecimal() or len(digits) not in (6, 8):
        return False
    full = digits if len(digits) == 8 else f"20{digits}"
    return _is_day(int(full[:4]), int(full[4:6]), int(full[6:]))


def is_number(digits: str, _: datetime) -> bool:
    """Any digits: which numbers are right is a Collect's `value_range`."""
    return digits.isdecimal()


def passes_luhn(digits: str, _: datetime) -> bool:
    """The last digit is the check digit of ISO/IEC 7812 (payment and membership cards)."""
    if not digits.isdecimal() or len(digits) < 2:
        return False
    # Every second digit from the right counts twice, its own two digits summed.
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def is_business_number(digits: str, _: datetime) -> bool:
    """A Korean business registration number (사업자등록번호): ten digits, the last a check digit."""
    if len(digits) != 10 or not digits.isdecimal():
        return False
    figures = [int(digit) for digit in digits]
    total = sum(figure * weight for figure, weight in zip(figures[:9], _BUSINESS_WEIGHTS, strict=True))
    total += figures[8] * 5 // 10
    return (10 - total % 10) % 10 == figures[9]


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "birth_date": is_birth_date,
        "date": is_date,
        "number": is_number,
        "luhn": passes_luhn,
        "business_number": is_business_number,
    }
)
"""Checks that need nothing but the digits; the dialplan layer adds `phone` from a library."""


def _is_past_day(year: int, month: int, day: int, today: date) -> bool:
    return _is_day(year, month, day) and date(year, month, day) <= today


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
