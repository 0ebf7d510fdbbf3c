"""Numbers, money, counts, digits, dates and times as sequences of prompt keys, the way each language says them.

One prompt is as large as it can be without the catalogue growing huge: `number/42` and `day/24` are each one recording,
because words cut apart and glued together again sound wrong, in Korean most of all.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Protocol

Keys = tuple[str, ...]

LANGUAGES = ("ko", "en")
WAYS = ("digits", "number", "money", "count", "date", "time", "datetime")
HIGHEST_NUMBER = 999_999_999_999

_KEYPAD = {digit: f"digits/{digit}" for digit in "0123456789"}
_KEYPAD |= {"+": "digits/plus", "*": "digits/star", "#": "digits/hash"}
_PAUSE = "digits/pause"
_WEEKDAYS = tuple(f"weekday/{name}" for name in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))


def say(how: str, value: str, language: str) -> Keys:
    """Prompt keys that speak `value`.

    `how` is one of: `digits` (one by one, phone numbers in groups; `+ * #` too, spaces and hyphens are not spoken),
    `number` (0 to HIGHEST_NUMBER), `money` (whole won), `count` (a number before a word for what is counted: native
    numerals in Korean), `date` (YYMMDD or YYYYMMDD as a caller types it, or an ISO date), `time` and `datetime` (ISO
    8601 with an offset, spoken in that offset).

    Raises ValueError for an unknown language or `how`, or a value that is not of that kind; the message never repeats
    the value, which may be personal.
    """
    grammar = _grammar(language)
    match how:
        case "digits":
            return _digits(value)
        case "number":
            return grammar.number(_parse_number(value))
        case "money":
            return (*grammar.number(_parse_number(value)), "won")
        case "count":
            return grammar.count(_parse_number(value))
        case "date" if len(value) == 6:
            return grammar.short_date(_parse_short_date(value))
        case "date":
            return grammar.long_date(_parse_date(value))
        case "time":
            return grammar.time(_parse_datetime(value))
        case "datetime":
            return grammar.datetime(_parse_datetime(value))
        case _:
            raise ValueError(f"unknown way of saying {how!r}: use one of {', '.join(WAYS)}")


def keys(language: str) -> frozenset[str]:
    """Every key that `say` can produce in a language. Raises ValueError for an unknown language."""
    return _grammar(language).keys() | frozenset(_KEYPAD.values()) | {_PAUSE}


class _Grammar(Protocol):
    """How one language orders and builds spoken values."""

    def number(self, number: int) -> Keys: ...

    def count(self, number: int) -> Keys: ...

    def short_date(self, day: date) -> Keys:
        """A date whose century is not known: only the last two digits of the year are spoken."""

    def long_date(self, day: date) -> Keys: ...

    def time(self, at: datetime) -> Keys: ...

    def datetime(self, at: datetime) -> Keys: ...

    def keys(self) -> frozenset[str]: ...


class _Korean:
    """Sino-Korean numbers in units of ten thousand; native hours with sino minutes; 오전/오후 before the hour."""

    def number(self, number: int) -> Keys:
        hundred_millions, below = divmod(number, 100_000_000)
        if hundred_millions:
            lower = self._below_hundred_million(below, one="number/1") if below else ()  # 일억 일만
            return (*self._below_ten_thousand(hundred_millions), "number/eok", *lower)
        return self._below_hundred_million(below)

    def count(self, number: int) -> Keys:
        return (f"count/{number}",) if 1 <= number <= 99 else self.number(number)  # 백 명, not a native numeral

    def short_date(self, day: date) -> Keys:
        year = day.year % 100
        # 05 is 공오년, 00 is 공공년: read as written on the identity card.
        spoken = (f"number/{year}",) if year >= 10 else ("digits/0", f"digits/{year}")
        return (*spoken, "year", *self._day(day))

    def long_date(self, day: date) -> Keys:
        return (*self.number(day.year), "year", *self._day(day))

    def time(self, at: datetime) -> Keys:
        if special := _midnight_or_noon(at):
            return special
        minute = (f"minute/{at.minute}",) if at.minute else ()
        return (_half_of_day(at), f"hour/{_twelve_hours(at)}", *minute)

    def datetime(self, at: datetime) -> Keys:
        return (*self._day(at), _WEEKDAYS[at.weekday()], *self.time(at))

    def keys(self) -> frozenset[str]:
        hundreds = (f"number/{step * unit}" for unit in (100, 1000) for step in range(1, 10))
        hours, minutes = _numbered("hour", 1, 12), _numbered("minute", 1, 59)
        counts = _numbered("count", 1, 99)
        return _COMMON_KEYS.union(hundreds, hours, minutes, counts, ("number/man", "number/eok", "year"))

    def _day(self, day: date) -> Keys:
        return f"month/{day.month}", f"day/{day.day}"

    def _below_hundred_million(self, number: int, *, one: str = "") -> Keys:
        ten_thousands, rest = divmod(number, 10_000)
        if ten_thousands == 0:
            return self._below_ten_thousand(rest)
        alone = (one,) if one else ()  # 만, not 일만, unless something stands before it
        count = alone if ten_thousands == 1 else self._below_ten_thousand(ten_thousands)
        return (*count, "number/man", *(self._below_ten_thousand(rest) if rest else ()))

    def _below_ten_thousand(self, number: int) -> Keys:
        thousands, hundreds, rest = number // 1000 * 1000, number % 1000 // 100 * 100, number % 100
        parts = [part for part in (thousands, hundreds, rest) if part]
        return tuple(f"number/{part}" for part in parts or [0])


class _English:
    """Weekday, month, ordinal day, then the time with A M or P M after it."""

    def number(self, number: int) -> Keys:
        if number < 100:
            return (f"number/{number}",)
        for size, unit in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
            count, rest = divmod(number, size)
            if count:
                return (*self.number(count), f"number/{unit}", *(self.number(rest) if rest else ()))
        raise AssertionError("unreachable: a number of at least 100 has hundreds")

    def count(self, number: int) -> Keys:
        return self.number(number)

    def short_date(self, day: date) -> Keys:
        return (*self._day(day), *self._two_digits(day.year % 100))

    def long_date(self, day: date) -> Keys:
        century, year = divmod(day.year, 100)
        if century % 10 == 0 and year < 10:
            return (*self._day(day), *self.number(day.year))  # two thousand five
        if year == 0:
            return (*self._day(day), *self.number(century), "number/hundred")  # nineteen hundred
        return (*self._day(day), *self.number(century), *self._two_digits(year))  # nineteen ninety, nineteen oh five

    def time(self, at: datetime) -> Keys:
        if special := _midnight_or_noon(at):
            return special
        minute = self._two_digits(at.minute) if at.minute else ()
        return (f"number/{_twelve_hours(at)}", *minute, _half_of_day(at))

    def datetime(self, at: datetime) -> Keys:
        return (_WEEKDAYS[at.weekday()], *self._day(at), "at", *self.time(at))

    def keys(self) -> frozenset[str]:
        sizes = ("number/hundred", "number/thousand", "number/million", "number/billion")
        return _COMMON_KEYS.union(sizes, ("number/oh", "at"))

    def _day(self, day: date) -> Keys:
        return f"month/{day.month}", f"day/{day.day}"

    def _two_digits(self, number: int) -> Keys:
        if number == 0:
            return "number/oh", "number/oh"
        return (f"number/{number}",) if number >= 10 else ("number/oh", f"number/{number}")


def _numbered(folder: str, first: int, last: int) -> Iterable[str]:
    return (f"{folder}/{number}" for number in range(first, last + 1))


_COMMON_KEYS = frozenset(("am", "pm", "midnight", "noon", "won", *_WEEKDAYS)).union(
    _numbered("number", 0, 99), _numbered("month", 1, 12), _numbered("day", 1, 31)
)
_GRAMMARS: dict[str, _Grammar] = {"ko": _Korean(), "en": _English()}


def _grammar(language: str) -> _Grammar:
    try:
        return _GRAMMARS[language]
    except KeyError:
        raise ValueError(f"no spoken values for language {language!r}: use one of {', '.join(LANGUAGES)}") from None


def _digits(value: str) -> Keys:
    pressed = value.translate({ord(" "): None, ord("-"): None})
    if not pressed or not set(pressed) <= _KEYPAD.keys():
        raise ValueError("not digits: only 0-9 + * # can be spoken one by one")
    groups = ([_KEYPAD[digit] for digit in group] for group in _phone_groups(pressed))
    spoken: list[str] = []
    for group in groups:
        spoken += [_PAUSE, *group] if spoken else group
    return tuple(spoken)


def _phone_groups(digits: str) -> list[str]:
    """A Korean phone number as it is written: area, exchange, last four. Anything else is one group."""
    if not 8 <= len(digits) <= 12:
        return [digits]
    # 050x numbers have a four-digit prefix; numbers without a 0 (1588-1234) have no area at all.
    area = 4 if len(digits) == 12 else 2 if digits.startswith("02") else 3 if digits.startswith("0") else 0
    return [group for group in (digits[:area], digits[area:-4], digits[-4:]) if group]


def _parse_number(value: str) -> int:
    # Length first: int() of a text of many thousand digits is slow by design.
    if not (value.isascii() and value.isdecimal() and len(value) <= 20) or int(value) > HIGHEST_NUMBER:
        raise ValueError(f"not a number that can be spoken: whole numbers from 0 to {HIGHEST_NUMBER}")
    return int(value)


def _parse_short_date(value: str) -> date:
    # 20xx stands for the unknown century: its leap years are those of 19xx, and 2000 besides.
    refusal = ValueError("not a date: YYMMDD with a real month and day")
    if not (value.isascii() and value.isdecimal()):
        raise refusal
    try:
        return date(2000 + int(value[:2]), int(value[2:4]), int(value[4:]))
    except ValueError:
        raise refusal from None


def _parse_date(value: str) -> date:
    try:
        return date.fromisoformat(value)  # 20261124 as typed too
    except ValueError:
        raise ValueError("not a date: YYMMDD, YYYYMMDD or an ISO date such as 2026-11-24") from None


def _parse_datetime(value: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("not an instant: ISO 8601 such as 2026-11-24T09:00:00+09:00") from None
    if at.tzinfo is None:
        raise ValueError("an instant to be spoken needs an offset, such as 2026-11-24T09:00:00+09:00")
    return at


def _midnight_or_noon(at: datetime) -> Keys:
    if at.minute or at.hour not in (0, 12):
        return ()
    return ("midnight",) if at.hour == 0 else ("noon",)


def _half_of_day(at: datetime) -> str:
    return "am" if at.hour < 12 else "pm"


def _twelve_hours(at: datetime) -> int:
    return at.hour % 12 or 12
