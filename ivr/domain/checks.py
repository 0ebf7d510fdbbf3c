"""Checks of what a caller typed. A check takes the digits and the instant, and says whether they can be right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

Check = Callable[[str, datetime], bool]


def is_birth_date(digits: str, at: datetime) -> bool:
    """Six digits YYMMDD that name a day of this or the last century, not after `at`."""
    if len(digits) != 6 or not digits.isdecimal():
        return False
    year, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    return any(_is_past_day(century + year, month, day, at.date()) for century in (1900, 2000))


def _is_past_day(year: int, month: int, day: int, today: date) -> bool:
    try:
        return date(year, month, day) <= today
    except ValueError:
        return False
