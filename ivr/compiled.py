"""A compiled centre as text: what the local AGI loads in a few milliseconds, without YAML and without a compiler.

JSON, so that reading it can never run anything. The first line names the release and the text's own hash: a text of
another release, or a damaged one, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, time
from functools import cache
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from ivr import __version__
from ivr.domain import centre as centres
from ivr.domain import conditions, flow, hours
from ivr.domain.centre import Centre
from ivr.domain.checks import CHECKS

MARK = "ivr-centre"
YEARS_BEFORE, YEARS_AFTER = 1, 4
"""Holidays are in the text for so many years around its making; others are worked out when they are asked for."""

_SHAPES: Mapping[str, type[Any]] = {
    name: kind
    for module in (centres, conditions, flow, hours)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
}


class UnreadableError(ValueError):
    """Not a text of this release, or damaged."""


@cache
def release() -> str:
    """What must be the same for a text to be read: the version, and every field of every class in it."""
    shapes = [(name, [(each.name, str(each.type)) for each in fields(kind)]) for name, kind in sorted(_SHAPES.items())]
    return f"{__version__}-{sha256(repr(shapes).encode()).hexdigest()[:12]}"


def to_text(centre: Centre, today: date) -> str:
    """The centre with the holidays around `today`."""
    body = json.dumps(_Writer(today).plain(centre), ensure_ascii=False, separators=(",", ":"))
    return f"{MARK} {release()} {_hash(body)}\n{body}\n"


def from_text(text: str) -> Centre:
    """The inverse. Raises UnreadableError."""
    head, _, body = text.partition("\n")
    body = body.removesuffix("\n")
    match head.split(" "):
        case [mark, of, digest] if mark == MARK and of == release() and digest == _hash(body):
            pass
        case [mark, of, _] if mark == MARK and of != release():
            raise UnreadableError("it was compiled by another release")
        case _:
            raise UnreadableError("it is damaged")
    found = _read(json.loads(body))
    if not isinstance(found, Centre):
        raise UnreadableError("it is no centre")
    return found


def _hash(body: str) -> str:
    return sha256(body.encode()).hexdigest()


class _Writer:
    def __init__(self, today: date) -> None:
        self._years = range(today.year - YEARS_BEFORE, today.year + YEARS_AFTER + 1)

    def plain(self, value: object) -> Any:
        """Values as JSON: a list is a tuple, an object has one key that says what it is."""
        match value:
            case None | bool() | int() | float() | str():
                return value
            case tuple():
                return [self.plain(each) for each in value]
            case frozenset():
                return {"set": sorted(value)}
            case ZoneInfo():
                return {"zone": value.key}
            case date() if not isinstance(value, datetime):
                return {"date": value.isoformat()}
            case time():
                return {"time": value.isoformat()}
            case Mapping() if value and all(callable(each) for each in value.values()):
                return {"checks": self._checks(value)}
            case Mapping():
                return {"map": [[self.plain(key), self.plain(each)] for key, each in value.items()]}
            case _ if type(value) in _SHAPES.values():
                told = {each.name: self.plain(getattr(value, each.name)) for each in fields(value)}  # type: ignore[arg-type]
                return {type(value).__name__: told}
            case _ if callable(value):
                return {"holidays": self._holidays(value)}
        raise TypeError(f"a compiled centre holds no {type(value).__name__}")

    def _checks(self, checks: Mapping[str, object]) -> dict[str, str]:
        """Name -> the country of one that has a country; empty for those that every release has."""
        return {name: "" if name in CHECKS else str(check.country) for name, check in checks.items()}  # type: ignore[attr-defined]

    def _holidays(self, named: Callable[[date], str | None]) -> dict[str, Any] | None:
        if named is hours.no_holiday:
            return None
        country = named.country  # type: ignore[attr-defined]
        days = (date.fromordinal(number) for number in range(*self._ordinals()))
        return {
            "country": country,
            "years": [self._years.start, self._years.stop],
            "days": {day.isoformat(): name for day in days if (name := named(day)) is not None},
        }

    def _ordinals(self) -> tuple[int, int]:
        return date(self._years.start, 1, 1).toordinal(), date(self._years.stop, 1, 1).toordinal()


def _read(plain: Any) -> Any:
    if isinstance(plain, list):
        return tuple(_read(each) for each in plain)
    if not isinstance(plain, dict):
        return plain
    [(name, value)] = plain.items()
    match name:
        case "map":
            return {_read(key): _read(each) for key, each in value}
        case "set":
            return frozenset(value)
        case "zone":
            return ZoneInfo(value)
        case "date":
            return date.fromisoformat(value)
        case "time":
            return time.fromisoformat(value)
        case "checks":
            return {check: _LazyPhone(country) if country else CHECKS[check] for check, country in value.items()}
        case "holidays" if value is None:
            return hours.no_holiday
        case "holidays":
            return _KnownHolidays(value["country"], range(*value["years"]), value["days"])
        case _:
            return _SHAPES[name](**{field: _read(each) for field, each in value.items()})


@dataclass(frozen=True, slots=True)
class _KnownHolidays:
    """Implements `ivr.domain.hours.HolidayName` without the library that knows every country's holidays."""

    country: str
    years: range
    days: Mapping[str, str]

    def __call__(self, day: date) -> str | None:
        if day.year in self.years:
            return self.days.get(day.isoformat())
        from ivr.dialplan.holiday_names import holiday_name  # costs more than all else; a trial clock may get here

        return holiday_name(self.country)(day)


@dataclass(frozen=True, slots=True)
class _LazyPhone:
    """The check of numbers to call back, whose library is loaded when a caller types one."""

    country: str

    def __call__(self, digits: str, at: datetime) -> bool:
        from ivr.dialplan.phone_check import PhoneCheck

        return PhoneCheck(self.country)(digits, at)
