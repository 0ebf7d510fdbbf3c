"""Three books of the same calls compared: what SIPp did, what the journal says, what Postgres has. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

PROBLEMS: Mapping[str, str] = {
    "lost": "no record of the call",
    "doubled": "more than one record of one call",
    "open": "not ended a minute after the last caller had gone",
    "dropped": "the caller did not get what the script says",
    "differs": "journal and Postgres do not say the same",
    "stranger": "a record of a call that nobody made",
    "fault": "the journal could not be understood",
}
"""Kind of problem -> what it means."""
CUT_OFF = frozenset({"answered", "self_served", "message_saved", "callback_queued", "abandoned", "failed"})
"""How a call in which Asterisk died may count: by what had been done before."""
NEAR_S = 5.0
"""A call without a name belongs to a caller who called at most this long before or after."""
STRAY_S = 60.0
"""So long after a kill of Asterisk, SIPp's callers of before still send keys to ports that new calls have by then."""
SILENT_S = 40.0
"""An Asterisk that died answers nobody meanwhile; SIPp asks again for this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An INVITE that SIPp sent."""

    number: str = field(repr=False)
    key: str
    """The keyed hash under which the record has the number."""
    habit: str
    dial: str
    at: datetime
    """About when."""
    outcomes: frozenset[str]
    language: str | None
    is_finished: bool
    """SIPp came to the end of the script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A call as one of the two books has it."""

    id: str
    key: str | None
    """None: nobody took the call before it ended."""
    dnis: str
    entered_at: datetime
    ended_at: datetime | None
    outcome: str | None
    end_reason: str | None
    language: str | None
    legs: frozenset[tuple[str, str, str, datetime | None]]
    """Channel, kind, state, end."""
    steps: int
    messages: int
    requests: int
    """Asked-for call backs."""
    faults: tuple[str, ...]
    if_silent: Seen | None = None
    """The same if there is no sound in its recordings, which the journal cannot know; None: no difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A call that does not fit."""

    kind: str
    caller: str
    """Number and habit, or `nobody`."""
    call: str | None
    text: str

    def __str__(self) -> str:
        look = f"; look: ivr call {self.call}, and grep -F '{self.call}' in the journal" if self.call else ""
        return f"{self.kind.upper()}: {self.caller}: {self.text}{look}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the comparison found."""

    placed: int
    in_journal: int
    """Calls of callers."""
    in_postgres: int
    ended: int
    """Of those in Postgres."""
    nameless: int
    """Calls that ended before anybody took them: matched by number dialled and time."""
    cut_off: int
    """Calls in which Asterisk was killed: they end with a cause, and count by what had been done before."""
    unanswered: tuple[str, ...]
    """Callers whom a killed Asterisk never answered."""
    unfinished: tuple[str, ...]
    """Callers whose script SIPp did not finish: it gives up on a message that comes when it expects none. What
    they had got by then is judged like any other call."""
    outcomes: Mapping[tuple[str, str], int]
    """(habit, outcome in Postgres) -> calls."""
    problems: tuple[Problem, ...]

    def count(self, kind: str) -> int:
        return sum(problem.kind == kind for problem in self.problems)


def compare(
    placed: Sequence[Placed], journal: Sequence[Seen], postgres: Sequence[Seen], *, asterisk_kills: Sequence[datetime]
) -> Verdict:
    """Every INVITE must be one closed call with all its legs in both books, with an outcome that its script allows.

    Only calls that lived while Asterisk was killed are excused: they may end anyhow, but must end, once.
    """
    by_caller, nameless = _assign(placed, journal, asterisk_kills)
    stored = {call.id: call for call in postgres}
    problems: list[Problem] = []
    outcomes: dict[tuple[str, str], int] = defaultdict(int)
    unanswered, unfinished, cut_off = [], [], 0
    for caller in placed:
        who = f"{caller.number} ({caller.habit})"
        calls = by_caller.get(caller.number, [])
        killed = [call for call in calls if _was_killed(call, asterisk_kills)]
        cut_off += len(killed)
        problems += _doubled(who, calls, killed)
        if not calls:
            if _was_silent(caller.at, asterisk_kills):
                unanswered.append(who)
            else:
                problems.append(Problem(kind="lost", caller=who, call=None, text=f"called at {caller.at:%H:%M:%S.%f}"))
        for call in calls:
            is_excused = call in killed or _is_disturbed(call, asterisk_kills)
            found = stored.get(call.id)
            if found is None:
                text = f"in the journal since {call.entered_at:%H:%M:%S}, not in Postgres"
                problems.append(Problem(kind="lost", caller=who, call=call.id, text=text))
                continue
            outcomes[caller.habit, found.outcome or "open"] += 1
            problems += _differences(who, call, found)
            problems += _end(caller, who, found, is_excused=is_excused)
        if calls and not caller.is_finished and not killed:
            unfinished.append(f"{who} {calls[0].id}")
    known = {call.id for calls in by_caller.values() for call in calls}
    problems += _strangers(known, journal, postgres)
    return Verdict(
        placed=len(placed),
        in_journal=len(journal),
        in_postgres=len(postgres),
        ended=sum(call.ended_at is not None for call in postgres),
        nameless=nameless,
        cut_off=cut_off,
        unanswered=tuple(unanswered),
        unfinished=tuple(unfinished),
        outcomes=dict(sorted(outcomes.items())),
        problems=tuple(problems),
    )


def _assign(
    placed: Sequence[Placed], journal: Sequence[Seen], kills: Sequence[datetime]
) -> tuple[dict[str, list[Seen]], int]:
    """Caller's number -> calls. A call without a name goes to the first caller without a call who dialled that number
    about then. One in which Asterisk was killed may be a first try of somebody whose INVITE was sent again."""
    numbers = {caller.key: caller.number for caller in placed}
    found: dict[str, list[Seen]] = defaultdict(list)
    without = []
    for call in journal:
        if call.key is None:
            without.append(call)
        elif call.key in numbers:
            found[numbers[call.key]].append(call)
    waiting = sorted((caller for caller in placed if caller.number not in found), key=lambda caller: caller.at)
    again = sorted((caller for caller in placed if caller.number in found), key=lambda caller: caller.at)
    for call in sorted(without, key=lambda call: call.entered_at):
        owner = next((caller for caller in waiting if _may_be_of(caller, call, kills)), None)
        if owner is not None:
            waiting.remove(owner)
        elif _was_killed(call, kills):
            owner = next((caller for caller in again if _may_be_of(caller, call, kills)), None)
        if owner is not None:
            found[owner.number].append(call)
    return found, len(without)


def _may_be_of(caller: Placed, call: Seen, kills: Sequence[datetime]) -> bool:
    """Dialled then; or somewhat before, when Asterisk was away meanwhile."""
    late_s = SILENT_S if _was_silent(caller.at, kills) else NEAR_S
    after_s = (call.entered_at - caller.at).total_seconds()
    return caller.dial == call.dnis and -NEAR_S <= after_s <= late_s


def _was_killed(call: Seen, kills: Iterable[datetime]) -> bool:
    """Its end is written when the next Asterisk starts."""
    return any(call.entered_at <= kill and (call.ended_at is None or kill <= call.ended_at) for kill in kills)


def _is_disturbed(call: Seen, kills: Iterable[datetime]) -> bool:
    """Keys of somebody else may have come into it."""
    return any(kill <= call.entered_at <= kill + timedelta(seconds=STRAY_S) for kill in kills)


def _was_silent(at: datetime, kills: Iterable[datetime]) -> bool:
    """SIPp's INVITE, or its repetition, came to an Asterisk that was killed."""
    return any(at - timedelta(seconds=NEAR_S) <= kill <= at + timedelta(seconds=SILENT_S) for kill in kills)


def _doubled(who: str, calls: Sequence[Seen], killed: Sequence[Seen]) -> list[Problem]:
    """An INVITE that a killed Asterisk had not answered is a new call to the next one."""
    if len(calls) - len(killed) <= 1:
        return []
    ids = ", ".join(call.id for call in calls)
    return [Problem(kind="doubled", caller=who, call=calls[0].id, text=f"calls {ids}")]


def _differences(who: str, journal: Seen, stored: Seen) -> list[Problem]:
    accounts = [journal, *([journal.if_silent] if journal.if_silent is not None else [])]
    differing = min((_fields_apart(account, stored) for account in accounts), key=len)
    problems = []
    if differing:
        told = "; ".join(f"{name}: {getattr(journal, name)} / {getattr(stored, name)}" for name in differing)
        problems.append(Problem(kind="differs", caller=who, call=stored.id, text=f"journal / Postgres: {told}"))
    if journal.faults:
        problems.append(Problem(kind="fault", caller=who, call=stored.id, text="; ".join(journal.faults)))
    return problems


def _fields_apart(one: Seen, other: Seen) -> list[str]:
    names = (name for name in Seen.__dataclass_fields__ if name != "if_silent")
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def _end(caller: Placed, who: str, call: Seen, *, is_excused: bool) -> list[Problem]:
    if call.ended_at is None or any(end is None for *_, end in call.legs):
        return [Problem(kind="open", caller=who, call=call.id, text=f"since {call.entered_at:%H:%M:%S}")]
    if is_excused:
        allowed, language = CUT_OFF, None
    else:
        allowed, language = caller.outcomes, caller.language
    wrong = []
    if call.outcome not in allowed:
        wrong.append(f"{call.outcome} instead of {' or '.join(sorted(allowed))}")
    if call.end_reason not in (None, "finished", "served", "hung_up"):
        wrong.append(f"ended by {call.end_reason}")
    if language is not None and call.language != language:
        wrong.append(f"spoken to in {call.language} instead of {language}")
    return [Problem(kind="dropped", caller=who, call=call.id, text="; ".join(wrong))] if wrong else []


def _strangers(known: Iterable[str], journal: Sequence[Seen], postgres: Sequence[Seen]) -> list[Problem]:
    """Calls in a book that belong to no caller, and rows of Postgres without a call in the journal."""
    accounted = set(known)
    problems = []
    for book, calls in (("journal", journal), ("Postgres", postgres)):
        for call in calls:
            if call.id not in accounted:
                accounted.add(call.id)
                text = f"in {book}, dialled {call.dnis} at {call.entered_at:%H:%M:%S}"
                problems.append(Problem(kind="stranger", caller="nobody", call=call.id, text=text))
    return problems
