"""A call in memory: the engine that runs live, on a line without Asterisk, driven by a script. Thousands a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ivr.domain.actions import Ask, Dial, Event, Record, Recorded, Speak, Wait
from ivr.domain.centre import Centre
from ivr.domain.coverage import nodes_passed
from ivr.domain.flow import NodeId
from ivr.domain.moves import HangUp, LeavesQueue, Move, Press, Silence, Talk, text_of_move
from ivr.domain.notes import Note
from ivr.domain.state import CallState
from ivr.engine.at_once import run_to_end
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.testing.caller import FakeLine, ScriptMismatch, place_call
from ivr.testing.worlds import FixedCentres, ManualClock, PlainVault

VAULT = PlainVault()


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A caller, what they do, and what holds meanwhile."""

    dial: str
    at: datetime
    """Business time of the whole call, aware."""
    caller: str | None = field(default=None, repr=False)
    agents: str = "free"
    """none | busy | free: how a wait ends that no move ends."""
    moves: tuple[Move, ...] = ()
    hang_up_at: NodeId | None = None
    """The caller leaves as soon as this node speaks to them."""


@dataclass(slots=True)
class SimulatedCall(FakeLine):
    """The line, and the engine's `Wire` at once: notes and state are kept as they are instead of being sealed."""

    hang_up_at: NodeId | None = None
    place: CallState | None = None
    """Where the call stands."""
    talked: bool = False
    """An agent had the caller."""

    def to_journal(self, number: int, notes: Sequence[Note], centre: str) -> str:
        self.journal.append({"q": number, "n": notes})
        return ""

    def to_token(self, state: CallState) -> str:
        self.place = state
        return state.node

    def from_token(self, token: str) -> CallState:
        assert self.place is not None, "a call comes back only after a commit"
        return self.place

    async def commit(self, journal: str, state: str) -> None:
        self.state = state or self.state

    async def perform(self, action: Speak | Ask | Record) -> Event:
        if self.state == self.hang_up_at:
            self.moves = [HangUp()]
        try:
            event = await FakeLine.perform(self, action)
        finally:
            if self.turns:
                self.turns[-1].node = self.state
        move = self.turns[-1].move
        if isinstance(action, Ask) and isinstance(move, Press) and len(move.keys.rstrip("#")) > action.max_digits:
            raise self.misfit(move, f"takes {action.max_digits} key(s) there")
        return event

    def _talk(self) -> Recorded:
        spoken = FakeLine._talk(self)
        record = self.turns[-1].action
        if isinstance(self.turns[-1].move, Silence) and isinstance(record, Record):
            # Asterisk keeps one second of the silence that ended the recording. `talk:0` is a line without sound.
            return Recorded(min(1.0, record.silence_s))
        return spoken

    async def hand_over(self, to: Wait | Dial) -> None:
        await FakeLine.hand_over(self, to)
        self.turns[-1].node = self.state
        if self.state == self.hang_up_at:
            self.moves = [HangUp()]

    def leave_queue(self) -> LeavesQueue | HangUp:
        left = FakeLine.leave_queue(self)
        self.talked = self.talked or left == LeavesQueue("ANSWERED")
        return left

    def misfit(self, move: Move, what: str) -> ScriptMismatch:
        number = sum(turn.move is not None for turn in self.turns)
        return ScriptMismatch(f"move {max(number, 1)}, {text_of_move(move)}, does not fit: {self.state} {what}")

    @property
    def nodes(self) -> list[NodeId]:
        """The nodes in the order that the caller was in them, each once however often it repeated itself."""
        path = nodes_passed(self.notes)
        if isinstance(self.turns[-1].action, Wait | Dial) and path[-1:] != [self.turns[-1].node]:
            path.append(self.turns[-1].node)  # with an agent or gone from a queue: the flow did not see the end
        return path

    @property
    def outcome(self) -> str:
        """As the ledger would say, in its order of precedence."""
        if self.talked:
            return "answered"
        if self.message is not None:
            return "message_saved"
        if self.callback is not None:
            return "callback_queued"
        said = [note["outcome"] for note in self.notes if note["k"] == "end" and note.get("outcome")]
        if said:
            return str(said[-1])
        return "abandoned" if self.hung_up else "failed"

    @property
    def message(self) -> Mapping[str, Any] | None:
        """The note of the message that is kept."""
        kept: dict[int, Mapping[str, Any]] = {}
        for note in self.notes:
            if note["k"] == "message":
                kept[note["take"]] = note
        unheard = isinstance(self.turns[-1].action, Record) and self.hung_up  # left before a word was said
        takes = [note for note in kept.values() if note["state"] != "discarded"]
        return None if not takes or (unheard and takes[-1]["state"] == "recording") else takes[-1]

    @property
    def callback(self) -> Mapping[str, Any] | None:
        """The note of the last call back that was asked for."""
        return next((note for note in reversed(self.notes) if note["k"] == "callback"), None)


def simulate(centre: Centre, script: Script) -> SimulatedCall:
    """Plays the whole call. Moves that are left when it is over, or that fit nothing, raise ScriptMismatch."""
    call = SimulatedCall(moves=list(script.moves), agents=script.agents, hang_up_at=script.hang_up_at)
    engine = Engine(centres=FixedCentres((centre,)), vault=VAULT, clock=ManualClock(script.at), wire=call)
    run_to_end(place_call(engine, call, Arrival(call="simulated", dnis=script.dial, caller=script.caller)))
    left = [move for move in call.moves if not isinstance(move, HangUp)]
    if call.talked and isinstance(next(iter(left), None), Talk):
        left.pop(0)
    if left and not (script.hang_up_at is not None and call.hung_up):
        words = ", ".join(text_of_move(move) for move in left)
        raise ScriptMismatch(f"the call was over in {call.state} with moves left that nobody asked for: {words}")
    if script.hang_up_at is not None and not any(turn.node == script.hang_up_at for turn in call.turns):
        raise ScriptMismatch(f"the caller never came to {script.hang_up_at}; the way was {', '.join(call.nodes)}")
    return call
