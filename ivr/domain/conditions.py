"""Conditions that a flow branches on, beyond the value of a variable. What holds is decided in `decisions.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from hashlib import sha256

KNOWN, UNKNOWN = "known", "unknown"
"""Stand among the patterns for any number and for none."""
WHOLE = 10_000
"""A share of everybody: shares are counted in hundredths of a percent."""


@dataclass(frozen=True, slots=True)
class CallerMatches:
    """The caller's number, as the network gave it, fits one of `patterns` (`02*`, `010????0000`, known, unknown)."""

    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LanguageIs:
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CategoryIs:
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VariableIs:
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class During:
    """Days by the centre's calendar; what is left out does not matter."""

    first: date | None = None
    last: date | None = None
    """Inclusive."""
    weekdays: frozenset[int] = frozenset()
    """Monday = 0; empty: any."""
    calendar: str | None = None
    """Within the hours of this calendar."""


@dataclass(frozen=True, slots=True)
class Share:
    """Calls whose `bucket` is from `first` up to, not including, `end`."""

    first: int
    end: int


Condition = CallerMatches | LanguageIs | CategoryIs | VariableIs | During | Share


def fits(number: str | None, patterns: tuple[str, ...]) -> bool:
    """Whether a caller's number (None: withheld) fits one of the patterns."""
    if number is None:
        return UNKNOWN in patterns
    return any(pattern == KNOWN or fnmatchcase(number, pattern) for pattern in patterns)


def bucket(call: str, node: str) -> int:
    """Where a call falls among 0 … WHOLE - 1 in one node: always the same, so a resumed or replayed call decides alike,
    and independent of where it falls in another node."""
    return int.from_bytes(sha256(f"{call}\n{node}".encode()).digest()[:8]) % WHOLE
