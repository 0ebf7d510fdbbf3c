"""One call, from the moment its channel reaches us until the flow lets it go. All that ends a call is handled here."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ivr.domain import notes
from ivr.domain.act import action
from ivr.domain.actions import (
    Ask,
    CallerHungUp,
    Event,
    Leave,
    QueueLeft,
    Record,
    Sound,
    Speak,
    Wait,
)
from ivr.domain.centre import Centre
from ivr.domain.state import CallState
from ivr.domain.step import Step, advance, break_off, start
from ivr.domain.values import Personal
from ivr.engine.ports import Arrival, Centres, Clock, Line, Vault
from ivr.engine.wire import notes_to_journal, state_from_token, state_to_token
from ivr.errors import HungUp, IvrError

log = logging.getLogger(__name__)

NUMBER_UNKNOWN = "number_unknown"
"""Prompt for a number that no centre answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What every call needs; one for the process."""

    centres: Centres
    vault: Vault
    clock: Clock

    async def run(self, line: Line, arrival: Arrival) -> None:
        """Drives the caller until the flow is done, hands over to a queue, or the caller hangs up.

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
        state = state_from_token(arrival.state, self.vault)
        centre = self.centres.find_version(state.centre, state.version) or self.centres.find_by_number(state.dnis)
        if centre is None or (state.node not in centre.flow.nodes):
            await self._refuse(line, arrival)
            return
        if not arrival.left_queue:
            await self._drive(line, centre, state, resumed=True)
            return
        how, _, key = arrival.left_queue.partition(":")
        step = advance(centre, state, QueueLeft(how, key), self.clock.now())
        await self._commit(line, step, state.commits)
        await self._drive(line, centre, step.state)

    async def _drive(self, line: Line, centre: Centre, state: CallState, *, resumed: bool = False) -> None:
        while not state.ended:
            step = await self._next(line, centre, state)
            if step is None:
                return
            if resumed:
                step, resumed = Step(step.state, (notes.resume(node=state.node), *step.notes)), False
            await self._commit(line, step, state.commits)
            state = step.state
        await line.hang_up()

    async def _next(self, line: Line, centre: Centre, state: CallState) -> Step | None:
        """One action and what it led to; None when the dialplan has the caller now."""
        try:
            todo = action(centre, state)
            if isinstance(todo, Wait):
                await line.hand_over(todo)
                return None
            if isinstance(todo, Leave):
                todo = Speak(sounds=todo.sounds, interruptible=False)
            return advance(centre, state, await self._perform(line, todo), self.clock.now())
        except IvrError:
            raise
        except Exception:  # a fault of ours must not leave the caller in silence: apologise once, then end as failed
            log.exception("fault in a call", extra={"call_id": state.call, "node": state.node})
            if state.breaking_off is not None:
                raise
            return break_off(centre, state, "fault", self.clock.now())

    async def _perform(self, line: Line, todo: Speak | Ask | Record) -> Event:
        try:
            return await line.perform(todo)
        except HungUp:
            return CallerHungUp()

    async def _commit(self, line: Line, step: Step, number: int) -> None:
        journal = notes_to_journal(number, step.notes, self.vault)
        await line.commit(journal, "" if step.state.ended else state_to_token(step.state, self.vault))

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
        ended = notes.end(outcome="blocked", reason="number_unknown")
        await line.commit(notes_to_journal(0, (entered, ended), self.vault), "")
        await line.answer()
        sounds = tuple(Sound(NUMBER_UNKNOWN, language) for language in languages)
        await self._perform(line, Speak(sounds=sounds, interruptible=False))
        await line.hang_up()
