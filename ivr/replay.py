"""A recorded call run again against other dialplans, by the engine that runs live: the same caller, the same keys.

A question is known by its node. Who is asked something that they were never asked is not made to answer: such a call is
told apart, because nobody knows what the caller would have done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ivr.domain.actions import Ask, Event, Fetch, Fetched, Record, Speak, Wait
from ivr.domain.centre import Centre
from ivr.domain.flow import NodeId
from ivr.domain.hours import Emergency
from ivr.domain.moves import DialEnds, HangUp, LeavesQueue, Move, Press, Silence, Talk
from ivr.domain.records import CallRecord, StepRecord
from ivr.domain.stand_ins import StandIns
from ivr.engine.at_once import run_to_end
from ivr.engine.emergencies import under
from ivr.engine.ports import Arrival, Vault
from ivr.engine.session import Engine
from ivr.errors import IvrError
from ivr.testing.caller import ScriptMismatch, place_call
from ivr.testing.simulation import VAULT, SimulatedCall
from ivr.testing.worlds import FixedCentres, ManualClock

TALK_S = 3.0
"""How long somebody speaks whose recording was not empty: no flow branches on more."""
OURS = frozenset({"fault", "limit", "loop", "no_controller"})
"""Results of steps that no caller and no flow decided."""
LEFT = "hung_up"
SEALED = "s1."
ORDER_LASTS = timedelta(days=1)

_ENDS_WAIT = {
    "timeout": "TIMEOUT",
    "no_answer": "TIMEOUT",
    "no_agents": "JOINEMPTY",
    "busy": "JOINEMPTY",
    "failed": "JOINEMPTY",
    "served": "ANSWERED",
    "answered": "ANSWERED",
}
_ENDS_DIAL = {"busy": "BUSY", "no_answer": "NOANSWER", "failed": "FAILED", "answered": "ANSWERED"}


class Unknowable(IvrError):  # noqa: N818 - named for what happened, like HungUp
    """The record does not say how the call would go on."""

    code = "unknowable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a caller, a queue or a phone did once."""

    node: NodeId
    phase: str
    kind: str
    """Of the node."""
    result: str
    keys: str = field(default="", repr=False)
    at: datetime
    """Business time."""
    is_last: bool = False
    """With an agent, or gone from a queue, when the record ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call went: outcome, last queue, nodes in their order."""

    outcome: str
    queue: str | None
    nodes: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One call, as it was and as it would be. `kind` is same | path | queue | outcome | unknowable."""

    call: str
    kind: str
    was: Ending
    now: Ending | None = None
    why: str = ""
    """For people: where the two part, or what is not known."""


class Replayer:
    """Runs calls against `candidate`. `vault` opens what the record has sealed; it is replaced before it is used."""

    def __init__(self, candidate: Mapping[str, Centre], vault: Vault) -> None:
        self._by_number = {number: centre for centre in candidate.values() for number in centre.numbers}
        self._stand_ins = {centre.id: StandIns(centre) for centre in candidate.values()}
        self._vault = vault

    def replay(self, record: CallRecord) -> Verdict:
        """Raises OperatorError when the record is sealed under another key."""
        was = ending_of(record)
        centre = self._by_number.get(record.dnis)
        if centre is None:
            return _verdict(record.id, was, Ending(outcome="blocked", queue=None, nodes=()))
        try:
            now = self._run(record, centre)
        except (Unknowable, ScriptMismatch) as reason:
            return Verdict(call=record.id, kind="unknowable", was=was, why=str(reason))
        return _verdict(record.id, was, now)

    def _run(self, record: CallRecord, centre: Centre) -> Ending:
        if record.business_at is None or record.faults or any(step.result in OURS for step in record.steps):
            raise Unknowable("the call did not go by its flow then")
        call = ReplayedCall(
            moves=[],
            answers=self._answers(record, centre),
            clock=ManualClock(record.business_at),
            known=frozenset(centre.flow.nodes),
            asked=frozenset(step.node for step in record.steps),
            left_listening=_left_listening(record),
            said=record.outcome == "message_saved",
            fetched={step.node: step.result or "" for step in record.steps if step.kind == "lookup"},
        )
        engine = Engine(
            centres=FixedCentres((_as_ordered(centre, record),)),
            vault=VAULT,
            clock=call.clock,
            lookup=call,
            wire=call,
        )
        run_to_end(
            place_call(engine, call, Arrival(call=record.id, dnis=record.dnis, caller=self._caller(record, centre)))
        )
        return call.ending

    def _caller(self, record: CallRecord, centre: Centre) -> str | None:
        if record.caller is None:
            return None
        number = self._vault.unseal(record.caller)
        return _found(self._stand_ins[centre.id].for_caller(number, seed=self._vault.key_of(number)))

    def _answers(self, record: CallRecord, centre: Centre) -> list[Answer]:
        begin = record.business_at or record.entered_at
        answers = [
            Answer(
                node=step.node,
                phase=step.phase or "",
                kind=step.kind,
                result=step.result or "",
                keys=self._keys(step, centre, begin),
                at=begin + (step.at - record.entered_at),
            )
            for step in record.steps
            if step.result not in ("again", "dialling")
            and not (step.kind == "enqueue" and step.result in ("done", LEFT))
        ]
        if record.steps and record.steps[-1].to is not None:
            last = Answer(
                node=record.steps[-1].to,
                phase="",
                kind="enqueue",
                result="answered" if record.answered_at is not None else LEFT,
                at=answers[-1].at if answers else begin,
                is_last=True,
            )
            answers.append(last)
        return answers

    def _keys(self, step: StepRecord, centre: Centre, at: datetime) -> str:
        if step.got is None or not step.got.startswith(SEALED):
            return step.got or ""
        digits = self._vault.unseal(step.got)
        return _found(self._stand_ins[centre.id].for_entry(digits, at, seed=self._vault.key_of(digits)))


def _found(stand_in: str | None) -> str:
    if stand_in is None:
        raise Unknowable("no stand-in for a personal value")
    return stand_in


@dataclass(slots=True, kw_only=True)
class ReplayedCall(SimulatedCall):
    """A line whose caller does what the record says; the engine's `Wire` and `Lookup` too."""

    answers: list[Answer]
    """Those not used yet."""
    clock: ManualClock
    known: frozenset[NodeId]
    """Nodes of the candidate."""
    asked: frozenset[NodeId]
    """Nodes of the record."""
    left_listening: NodeId | None
    """Where the caller left without having been asked."""
    said: bool
    """What a caller said who left while recording was kept."""
    fetched: Mapping[NodeId, str]

    async def perform(self, action: Speak | Ask | Record) -> Event:
        if isinstance(action, Speak):
            leaves = self.state == self.left_listening and not self.answers_of_callers
            self.moves = [HangUp()] if leaves else []
        else:
            self.moves = [self._answer(isinstance(action, Record))]
        return await SimulatedCall.perform(self, action)

    async def fetch(self, question: Fetch) -> Fetched:
        how = self.fetched.get(self.state)
        if how in (None, "found"):
            raise Unknowable(f"{self.state}: what the other system would answer is not in the record")
        return Fetched(how)

    def leave_queue(self) -> LeavesQueue | HangUp:
        answer = self._wait_ended()
        waiting = self.waiting
        assert isinstance(waiting, Wait), "only who waits can leave"
        move: LeavesQueue | HangUp
        if answer.result == LEFT:
            move = HangUp()
        elif answer.result == "key":
            if answer.keys not in waiting.keys:
                raise Unknowable(f"{self.state}: key {answer.keys} means nothing in this queue")
            move = LeavesQueue(f"KEY:{answer.keys}")
        else:
            move = LeavesQueue(_ENDS_WAIT[answer.result])
        self.moves = [move]
        left = SimulatedCall.leave_queue(self)
        # With an agent when the record ended: who hung up first did not come back to the flow.
        return HangUp() if answer.is_last and waiting.comes_back else left

    def end_dial(self) -> DialEnds | HangUp:
        answer = self._wait_ended()
        self.talked = self.talked or answer.result == "answered"
        self.moves = [HangUp() if answer.is_last else DialEnds(_ENDS_DIAL.get(answer.result, "FAILED"))]
        return SimulatedCall.end_dial(self)

    @property
    def answers_of_callers(self) -> list[Answer]:
        """Those that are no wait's end."""
        return [answer for answer in self.answers if answer.kind in ("menu", "collect", "survey", "message")]

    @property
    def ending(self) -> Ending:
        queues = [note["queue"] for note in self.notes if note["k"] == "queue"]
        outcome = self.outcome
        if outcome == "abandoned" and self.said and self.turns and isinstance(self.turns[-1].action, Record):
            outcome = "message_saved"
        return Ending(outcome=outcome, queue=queues[-1] if queues else None, nodes=tuple(self.nodes))

    def _answer(self, records: bool) -> Move:
        phase = self.place.phase if self.place is not None else ""
        answer = self._take(phase)
        if answer is None:
            if self.left_listening is not None and not self.answers_of_callers:
                return HangUp()
            what = "asks once more than it did" if self.state in self.asked else "asks what they were never asked"
            raise Unknowable(f"{self.state} {what}")
        self.clock.at = answer.at
        if answer.result == LEFT:
            return HangUp()
        if answer.result == "no_input":
            return Silence()
        spoke = answer.kind == "message" and answer.phase == ""
        if spoke != records:
            raise Unknowable(f"{self.state} asks in another way")
        return Talk(TALK_S) if spoke else Press(answer.keys)

    def _take(self, phase: str) -> Answer | None:
        """The next answer given in this place; for a node with a new name, the next one of a name that is gone."""
        pending = self.answers_of_callers
        here = [answer for answer in pending if (answer.node, answer.phase) == (self.state, phase)]
        if not here and self.state not in self.asked and pending and pending[0].node not in self.known:
            here = pending[:1]
        if here:
            self.answers.remove(here[0])
        return here[0] if here else None

    def _wait_ended(self) -> Answer:
        """How the wait here ended; in another queue than then, agents are taken to be as they were in that one."""
        waits = [answer for answer in self.answers if answer.kind in ("enqueue", "transfer")]
        here = [answer for answer in waits if answer.node == self.state] or waits
        if not here:
            raise Unknowable(f"{self.state}: they did not wait for anybody then")
        self.answers.remove(here[0])
        self.clock.at = here[0].at
        return here[0]


def ending_of(record: CallRecord) -> Ending:
    """How a recorded call went."""
    nodes: list[NodeId] = []
    for step in record.steps:
        if step.kind != "resume" and nodes[-1:] != [step.node]:
            nodes.append(step.node)
    last = record.steps[-1].to if record.steps else None
    if last is not None and nodes[-1:] != [last]:
        nodes.append(last)
    return Ending(outcome=record.outcome or "failed", queue=record.queue, nodes=tuple(nodes))


def _verdict(call: str, was: Ending, now: Ending) -> Verdict:
    if was == now:
        return Verdict(call=call, kind="same", was=was, now=now)
    kind = "outcome" if was.outcome != now.outcome else "queue" if was.queue != now.queue else "path"
    return Verdict(call=call, kind=kind, was=was, now=now, why=_parting(was.nodes, now.nodes))


def _parting(was: tuple[NodeId, ...], now: tuple[NodeId, ...]) -> str:
    """Where two ways part."""
    before = "the start"
    for old, new in zip(was, now, strict=False):
        if old != new:
            return f"after {before}: {new} instead of {old}"
        before = old
    rest = (was[len(now) :], now[len(was) :])
    if rest[1]:
        return f"after {before}: goes on to {rest[1][0]}"
    return f"after {before}: ends, instead of going on to {rest[0][0]}" if rest[0] else "on the same way"


def _left_listening(record: CallRecord) -> NodeId | None:
    last = record.steps[-1] if record.steps else None
    asks = last is not None and last.kind in ("menu", "collect", "survey", "message")
    return last.node if last is not None and last.result == LEFT and not asks else None


def _as_ordered(centre: Centre, record: CallRecord) -> Centre:
    """Under the emergency that was declared when the call came."""
    for step in record.steps:
        if step.kind == "hours" and step.result in ("emergency", "closed:emergency"):
            at = record.business_at or record.entered_at
            is_open = step.result == "emergency"
            return under(centre, Emergency(is_open=is_open, since=at - ORDER_LASTS, until=at + ORDER_LASTS))
    return centre
