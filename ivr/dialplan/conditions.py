"""`choose` with a list of conditions: how they are written, and what they become."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator

from ivr.dialplan import values
from ivr.dialplan.document import Document, Path
from ivr.dialplan.raw import Raw
from ivr.dialplan.target import Target
from ivr.dialplan.values import Name, Text, filled, refuse, some, text
from ivr.dialplan.written import OneOrMore, digits, words
from ivr.domain import conditions, flow
from ivr.domain.conditions import KNOWN, UNKNOWN, WHOLE, Condition
from ivr.domain.flow import NodeId

_PERCENT = re.compile(r"(\d{1,2})(?:\.(\d{1,2}))? ?%")
_PATTERN = re.compile(r"\+?[0-9?]{0,20}\*?")


def _share(value: object) -> int:
    """`30%` or `0.5%` in hundredths of a percent."""
    found = _PERCENT.fullmatch(text(value))
    if found is None or not any(character in "123456789" for character in found[0]):
        raise refuse("bad_share", value=text(value))
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _pattern(value: object) -> str:
    found = text(value)
    if found not in (KNOWN, UNKNOWN) and (not _PATTERN.fullmatch(found) or found == "+"):
        raise refuse("bad_caller_pattern", value=found)
    return found


def _days(value: object) -> tuple[int, ...]:
    return values.weekdays(values.days_key(value))


def _seldom_empty(value: object) -> object:
    if value == {}:
        raise refuse("empty_condition")
    return value


_Pattern = Annotated[
    str,
    BeforeValidator(_pattern),
    digits("known, unknown, or a pattern such as 02*", r"known|unknown|\+?[0-9?]{0,20}\*?"),
]
_OneOrMore = Annotated[tuple[Text, ...], BeforeValidator(some), OneOrMore()]


class RawDate(Raw):
    """Days, and hours of a calendar; what is left out does not matter."""

    from_: values.Day | None = Field(default=None, alias="from")
    """First day."""
    to: values.Day | None = None
    """Last day."""
    days: Annotated[tuple[int, ...], PlainValidator(_days), values.DAYS] = ()
    """Days of the week."""
    hours: Text | None = None
    """A calendar that must be open: `centre` or one of `calendars`."""


class RawCondition(Raw):
    """All that is written must hold."""

    caller: Annotated[tuple[_Pattern, ...], BeforeValidator(some), OneOrMore()] = ()
    """The caller's number, as the network tells it."""
    language: _OneOrMore = ()
    """What the caller is spoken to in."""
    category: _OneOrMore = ()
    """What the call is about."""
    variable: dict[Name, _OneOrMore] = {}
    """Variable -> values."""
    date: Annotated[RawDate | None, BeforeValidator(_seldom_empty)] = None
    """The day and time of the call."""
    share: Annotated[int | None, PlainValidator(_share), words("share of callers, such as 30%", r"[0-9.]+ ?%")] = None
    """This share of the callers who come here, the same for a call whenever it is asked."""


class RawCase(Raw):
    """One of several ways."""

    if_: Annotated[RawCondition, BeforeValidator(_seldom_empty)] = Field(alias="if")
    """What must hold."""
    next: Target
    """Where the caller goes on then."""


class RawDecide(Raw):
    """Goes by conditions: the first that holds."""

    choose: Annotated[tuple[RawCase, ...], BeforeValidator(filled)]
    """Conditions in order."""
    otherwise: Target
    """When none holds."""


def decide(name: NodeId, raw: RawDecide, document: Document) -> flow.Decide:
    """The domain node. Shares follow one another: two of 30 % and 20 % take different callers."""
    cases = []
    taken = 0
    for place, case in enumerate(raw.choose):
        path: Path = ("nodes", name, "choose", place, "if")
        cases.append(flow.Case(conditions=_conditions(case.if_, taken, document, path), next=case.next))
        taken += case.if_.share or 0
        if case.if_.share is not None and taken > WHOLE:
            document.problem((*path, "share"), "shares_over")
    for place, never in enumerate(cases):
        for earlier, taken_before in enumerate(cases[:place], start=1):
            # Whoever fulfils all of these fulfils those of the earlier case.
            if set(taken_before.conditions) <= set(never.conditions):
                document.problem(("nodes", name, "choose", place), "case_never_taken", earlier=str(earlier))
                break
    return flow.Decide(id=name, cases=tuple(cases), otherwise=raw.otherwise)


def _conditions(raw: RawCondition, taken: int, document: Document, path: Path) -> tuple[Condition, ...]:
    found: list[Condition] = []
    if raw.caller:
        found.append(conditions.CallerMatches(raw.caller))
    if raw.language:
        found.append(conditions.LanguageIs(raw.language))
    if raw.category:
        found.append(conditions.CategoryIs(raw.category))
    found += [conditions.VariableIs(name, wanted) for name, wanted in raw.variable.items()]
    if raw.date is not None:
        if raw.date.from_ is not None and raw.date.to is not None and raw.date.to < raw.date.from_:
            document.problem((*path, "date", "to"), "dates_inverted", value=raw.date.to.isoformat())
        found.append(
            conditions.During(
                first=raw.date.from_, last=raw.date.to, weekdays=frozenset(raw.date.days), calendar=raw.date.hours
            )
        )
    if raw.share is not None:
        found.append(conditions.Share(taken, taken + raw.share))
    return tuple(found)
