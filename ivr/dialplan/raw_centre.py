"""The shape of `centre.yaml`: which keys there are and how their text is read."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from ivr.dialplan import values
from ivr.dialplan.outbound import RawOutbound
from ivr.dialplan.outside import RawTransferNumber
from ivr.dialplan.raw import Raw
from ivr.dialplan.values import (
    AgentId,
    Country,
    CountryOrOff,
    Day,
    Days,
    Dialled,
    Labels,
    Language,
    Name,
    Spans,
    Text,
    Timezone,
    Truth,
    duration,
    one_of,
    some,
    whole,
)
from ivr.dialplan.written import OneOrMore, ShortFor

Hours = Annotated[Spans, AfterValidator(values.apart)]
Week = dict[Days, Hours]
STRATEGIES = ("ringall", "leastrecent", "fewestcalls", "random", "rrmemory", "linear", "wrandom")


class RawException(Raw):
    """One date on which other hours hold, or none."""

    date: Day
    """Local date of the centre."""
    name: Text
    """Why: shown with the calendar."""
    hours: Hours
    """When the line is open on that day."""


class RawCalendar(Raw):
    """Opening hours beside those of the centre."""

    hours: Week
    """Days of the week -> when the line is open; days left out are closed."""
    holidays: CountryOrOff = ""
    """Country whose public holidays close the line; `off` for none; left out: the country of the centre."""
    exceptions: tuple[RawException, ...] = ()
    """Single days that differ; they win over holidays and days of the week."""


class RawAnnounce(Raw):
    """What a waiting caller is told, and how often."""

    every: Annotated[int, BeforeValidator(duration("10s", "10m"))] = 30
    """Time between two announcements."""
    position: Truth = True
    """Say how many callers are before this one."""
    wait: Truth = True
    """Say about how long it will take."""


class RawQueue(Raw):
    """Callers waiting for agents."""

    label: Labels
    """What agents and reports see, in every language of the centre."""
    timeout: Annotated[int, BeforeValidator(duration("5s", "2h"))]
    """Longest wait before the caller is offered something else."""
    ring: Annotated[int, BeforeValidator(duration("5s", "2m"))] = 15
    """How long one phone rings before the next does."""
    retry: Annotated[int, BeforeValidator(duration("1s", "1m"))] = 3
    """Pause before phones ring again when nobody answered."""
    wrap_up: Annotated[int, BeforeValidator(duration("0s", "1h"))] = 0
    """Quiet time for an agent after each talk."""
    escalate_after: Annotated[int, BeforeValidator(duration("1s", "1h"))] = 30
    """Waiting time after which the next tier rings as well."""
    record_talk: Truth = False
    """Record talks; callers must be told so before."""
    strategy: Annotated[str, BeforeValidator(one_of(*STRATEGIES))] = "rrmemory"
    """Whose phone rings: Asterisk's queue strategies."""
    announce: RawAnnounce = RawAnnounce()
    """What callers hear while they wait."""
    music: Name = "default"
    """Class of the music while waiting."""


class RawAgent(Raw):
    """A person with a SIP account; the key is the SIP user name."""

    name: Text
    """Shown on the board and in reports."""
    language: Language
    """In which the service codes answer."""
    queues: dict[Text, Annotated[int, BeforeValidator(whole(1, 9))]]
    """Queue -> tier in it: 1 is rung first, 2 when nobody of tier 1 can take the call."""


class RawLimits(Raw):
    """What no single call may exceed, and what no caller has to bear."""

    steps: Annotated[int, BeforeValidator(whole(20, 10_000))] = 300
    """Most steps of one call."""
    minutes: Annotated[int, BeforeValidator(whole(1, 600))] = 60
    """Longest call, talks included."""
    prompt: Annotated[int, BeforeValidator(duration("5s", "10m"))] = 60
    """Longest that is said at one go."""
    menus: Annotated[int, BeforeValidator(whole(1, 20))] = 4
    """Most menus on end."""


class RawRetention(Raw):
    """How long recordings and the data beside them are kept."""

    messages: Annotated[int, BeforeValidator(duration("1d", "3650d", "d"))] | None = None
    """Messages and personal data; needed where any is taken."""
    talk: Annotated[int, BeforeValidator(duration("1d", "3650d", "d"))] | None = None
    """Recorded talks; needed where a queue records them."""
    calls: Annotated[int, BeforeValidator(duration("1d", "3650d", "d"))] | None = None
    """Callers' numbers, what they typed, numbers to call back; left out: as long as messages, or 90d."""


class RawLegalBasis(Raw):
    """Why a piece of personal data may be asked; a plain text is its `reason`."""

    reason: Text | None = None
    """The consent or the article that allows it."""
    statute: Text | None = None
    """The article that names it: without one a resident registration number may not be asked."""


def _legal_basis(value: object) -> object:
    return {"reason": value} if isinstance(value, str) else values.filled(value)


class RawCentre(RawCalendar):
    """centre.yaml: who answers, when, and for how long things are kept."""

    title: Labels
    """Name of the line, in every language."""
    numbers: Annotated[tuple[Dialled, ...], BeforeValidator(some), OneOrMore()]
    """Numbers that callers dial."""
    timezone: Timezone
    """All hours of the centre are local time there."""
    country: Country
    """For phone numbers and public holidays."""
    languages: Annotated[tuple[Language, ...], BeforeValidator(some), OneOrMore()]
    """Spoken here; the first one until a caller has chosen."""
    calendars: dict[Name, RawCalendar] = {}
    """Further opening hours by name; `centre` is the name of those at the top of the file."""
    queues: dict[Name, RawQueue] = {}
    """Queues by name."""
    agents: dict[AgentId, RawAgent] = {}
    """Agents by SIP user name."""
    categories: dict[Name, Labels] = {}
    """What calls are about: shown to agents and counted in reports."""
    transfers: dict[Name, RawTransferNumber] = {}
    """The only numbers that calls may be transferred to; `outbound` must allow each."""
    outbound: RawOutbound | None = None
    """What may be dialled outside, and for how much."""
    limits: RawLimits = RawLimits()
    """Bounds of calls, prompts and menus."""
    retention: RawRetention = RawRetention()
    """When recordings and personal data are deleted."""
    legal_basis: dict[Name, Annotated[RawLegalBasis, BeforeValidator(_legal_basis), ShortFor("reason")]] = {}
    """Variable that holds personal data -> why it may be asked."""
