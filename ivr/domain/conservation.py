"""Whoever arrived has an outcome or is still here: counting, and comparing a call with what the journal tells of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from ivr.domain.ledger import OUTCOMES, Measured
from ivr.domain.records import CallRecord, LegRecord, MessageRecord

OPEN = "open"
NO_CENTRE = "(no centre)"
"""Under which calls are counted that reached no centre."""
UNSAID = ("recording", "discarded", "empty")
"""States of a message without a recording that must be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Something that does not add up."""

    call: str
    """Empty when it is not of one call."""
    centre: str
    day: date | None
    why: str


@dataclass(slots=True, kw_only=True)
class DayCount:
    """Inbound calls of one centre that entered on one day, by outcome or `open`."""

    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def arrived(self) -> int:
        return self.outcomes.total()

    def as_dict(self) -> dict[str, int]:
        """`arrived`, `open` and every outcome."""
        return {"arrived": self.arrived, OPEN: self.outcomes[OPEN], **{one: self.outcomes[one] for one in OUTCOMES}}


def differences(told: CallRecord, kept: CallRecord) -> tuple[str, ...]:
    """In what the call that the journal tells of differs from the one that the record keeps; a few words each."""
    found = [
        f"{name} is {_shown(ours)} in the record, {_shown(theirs)} by the journal"
        for name in ("kind", "centre", "outcome", "entered_at", "answered_at", "ended_at", "queue")
        if (ours := getattr(kept, name)) != (theirs := getattr(told, name))
    ]
    legs, told_legs = ({leg.id: _essence(leg) for leg in call.legs} for call in (kept, told))
    found += [f"leg {leg} is not in the record" for leg in told_legs.keys() - legs.keys()]
    found += [f"leg {leg} is in the record alone" for leg in legs.keys() - told_legs.keys()]
    found += [f"leg {leg} differs" for leg in legs.keys() & told_legs.keys() if legs[leg] != told_legs[leg]]
    if {_take(one) for one in kept.messages} != {_take(one) for one in told.messages}:
        found.append("its messages differ")
    if {talk.file for talk in kept.talks} != {talk.file for talk in told.talks}:
        found.append("its recorded talks differ")
    return tuple(found)


def measured_in_record(kept: CallRecord) -> dict[str, Measured]:
    """The recordings as the record has them, so that the journal can be compared without the files."""
    messages = {
        one.file: Measured(seconds=one.seconds or 1.0, sha256=one.sha256 or "")
        for one in kept.messages
        if one.state not in UNSAID
    }
    talks = {
        one.file: Measured(seconds=one.seconds or 0.0, sha256=one.sha256)
        for one in kept.talks
        if one.sha256 is not None
    }
    return {**talks, **messages}


def _essence(leg: LegRecord) -> tuple[object, ...]:
    return (leg.kind, leg.agent, leg.state, leg.created_at, leg.answered_at, leg.ended_at, round(leg.talk_s, 3))


def _take(message: MessageRecord) -> tuple[int, str, str]:
    return (message.take, message.file, message.state if message.state in UNSAID else "kept")


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
