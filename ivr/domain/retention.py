"""How long what callers leave is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Whole days after the day on which something was said."""

    messages: int = 90
    talk: int = 90
    calls: int = 90
    """The caller's number, what was typed, numbers to call back: what there is to know of a person."""


def shortest(terms: Iterable[Retention]) -> Retention:
    """For what belongs to no centre, or to one that is gone: kept no longer than any caller was promised."""
    known = tuple(terms) or (Retention(),)
    return Retention(
        messages=min(each.messages for each in known),
        talk=min(each.talk for each in known),
        calls=min(each.calls for each in known),
    )


def first_kept(at: datetime, days: int) -> date:
    """The earliest day (UTC) of which something is still kept at this instant. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC).date() - timedelta(days=days)
