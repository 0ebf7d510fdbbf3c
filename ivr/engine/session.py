"""One call, from the moment its channel reaches us until the flow lets it go. All that ends a call is handled here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ivr.domain import notes
from ivr.domain.act import action
from ivr.domain.actions import (
    Action,
    CallerHungUp,
    Dial,
    DialEnded,
    Event,
    Fetch,
    Fetched,
    Leave,
    QueueLeft,
    Sound,
    Speak,
    Wait,
)
from ivr.domain.centre import Centre
from ivr.domain.notes import Note
from ivr.domain.state import CallState
from ivr.domain.step import Step, advance, break_off, start
from ivr.domain.values import Personal
from ivr.engine.ports import Arrival, Centres, Clock, Line, Lookup, Vault, Wire
from ivr.engine.turns import Turn, Turns
from ivr.engine.wire import SealedWire
from ivr.errors import HungUp, IvrError

log = logging.getLogger(__name__)

Back = QueueLeft | DialEnded
"""Events that the caller comes back with, from where the dialplan had them."""

NOT_IN_SERVICE = "not_in_service"
"""Prompt for a number that no centre answers."""


class NoLookup:
    """Where no other system can be asked: every lookup takes its error branch."""

    async def fetch(self, question: Fetch) -> Fetched:
        return Fetched("error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What every call needs; one for the process."""

    centres: Centres
    vault: Vault
    clock: Clock
    lookup: Lookup = field(default_factory=NoLookup)
    is_ending: Callable[[], bool] = field(default=lambda: False)
    """Asked between two steps: whether this process ends soon, so that another should go on with the call."""
    wire: Wire | None = None
    """How a commit becomes text; None: sealed by the vault."""
    turns: Turns = field(default_factory=Turns)
    """How long callers wait for us between two actions, by node."""

    @property
    def _wire(self) -> Wire:
        return self.wire or SealedWire(self.vault)

    async def run(self, line: Line, arrival: Arrival) -> None:
        """Drives the caller until the flow is done, another part has the caller, or the caller hangs up.

        Raises PeerError when Asterisk is gone; the dialplan then tries again or falls back.
        """
        try:
            if arrival.state:
                await self._resume(line, arrival)
            else:
                await self._begin(line, arrival)
        except HungUp:
            # The channel went while we were writing: the journal has the hang-up from Asterisk itself.
            return

    async def _begin(self, line: Line, arrival: Arrival) -> None:
        centre = self.centres.find_by_number(arrival.dnis)
        if centre is None:
            await self._refuse(line, arrival)
            return
        caller = Personal(arrival.caller) if arrival.caller else None
        step = start(centre, call=arrival.call, dnis=arrival.dnis, caller=caller, at=self.clock.now())
        await self._commit(line, step, 0)
        await line.answer()
        await self._drive(line, centre, step.state)

    async def _resume(self, line: Line, arrival: Arrival) -> None:
        state = self._wire.from_token(arrival.state)
        centre = self.centres.find_version(state.centre, state.version) or self.centres.find_by_number(state.dnis)
        if centre is None or state.node not in centre.flow.nodes:
            ended = (notes.resume(node=state.node), notes.end(outcome="failed", reason="centre_gone"))
            await self._turn_away(line, state.commits, ended, (state.language,), state.centre)
        elif arrival.left_queue:
            how, _, key = arrival.left_queue.partition(":")
            await self._drive(line, centre, state, left=QueueLeft(how, key))
        elif arrival.left_dial:
            await self._drive(line, centre, state, left=DialEnded(arrival.left_dial))
        else:
            await line.answer()  # the process before us may have died between its first commit and the answer
            await self._drive(line, centre, state, resumed=True)

    async def _drive(
        self, line: Line, centre: Centre, state: CallState, *, left: Back | None = None, resumed: bool = False
    ) -> None:
        """Until the flow is done or the dialplan has the caller. `left` is the event that the caller came back with."""
        turn = self.turns.begin()
        while not state.ended:
            if self.is_ending():
                # Nothing was begun since the last commit: the caller hears nothing twice and does not notice.
                log.info("call let go", extra={"call_id": state.call})
                await line.let_go()
                return
            step = await self._next(line, centre, state, left, turn)
            if step is None:
                return
            left = None
            if resumed:
                step, resumed = Step(step.state, (notes.resume(node=state.node), *step.notes)), False
            await self._commit(line, step, state.commits)
            state = step.state
        await line.hang_up()

    async def _next(self, line: Line, centre: Centre, state: CallState, left: Back | None, turn: Turn) -> Step | None:
        """One action (unless `left` is its event already) and what it led to; None when the dialplan has the caller."""
        try:
            event = left or await self._perform(line, action(centre, state), turn)
            turn.heard(f"{centre.id}/{state.node}")
            return None if event is None else advance(centre, state, event, self.clock.now())
        except IvrError:
            raise
        except Exception:  # a fault of ours must not leave the caller in silence: apologise once, then end as failed
            log.exception("fault in a call", extra={"call_id": state.call, "node": state.node})
            if state.breaking_off is not None:
                raise
            return break_off(centre, state, "fault", self.clock.now())

    async def _perform(self, line: Line, todo: Action, turn: Turn) -> Event | None:
        """The event that ended the action; None for one that ends elsewhere."""
        turn.acts()
        try:
            match todo:
                case Wait() | Dial():
                    await line.hand_over(todo)
                    return None
                case Fetch():
                    return await self.lookup.fetch(todo)
                case Leave(sounds=sounds):
                    return await line.perform(Speak(sounds=sounds, interruptible=False))
                case _:
                    return await line.perform(todo)
        except HungUp:
            return CallerHungUp()

    async def _commit(self, line: Line, step: Step, number: int) -> None:
        journal = self._wire.to_journal(number, step.notes, step.state.centre)
        await line.commit(journal, "" if step.state.ended else self._wire.to_token(step.state))

    async def _refuse(self, line: Line, arrival: Arrival) -> None:
        """A number that nobody answers here: said in every language, recorded as blocked."""
        languages = self.centres.any_languages()
        entered = notes.enter(
            centre="",
            version="",
            dnis=arrival.dnis,
            at=self.clock.now().isoformat(),
            language=languages[0],
            caller=Personal(arrival.caller) if arrival.caller else None,
        )
        ended = notes.end(outcome="blocked", reason="not_in_service")
        await self._turn_away(line, 0, (entered, ended), languages)

    async def _turn_away(
        self, line: Line, number: int, ending: Sequence[Note], languages: Sequence[str], centre: str = ""
    ) -> None:
        """There is no flow for this caller: `ending` is commit `number`, then the caller is told and let go."""
        await line.commit(self._wire.to_journal(number, ending, centre), "")
        await line.answer()
        sounds = tuple(Sound(NOT_IN_SERVICE, language) for language in languages)
        await self._perform(line, Leave(sounds=sounds), self.turns.begin())
        await line.hang_up()
