"""Made-up calls as the record would have them: callers who press this and that. For trying and measuring replays."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ivr.domain.actions import Ask, Dial, Event, Record, Speak, Wait
from ivr.domain.centre import Centre
from ivr.domain.commits import Commit
from ivr.domain.flow import Collect, Menu, Message, Survey
from ivr.domain.moves import DialEnds, HangUp, LeavesQueue, Move, Press, Silence, Talk
from ivr.domain.notes import Note
from ivr.domain.records import CallRecord
from ivr.domain.story import Story
from ivr.domain.values import BlindIndex, Personal
from ivr.engine.at_once import run_to_end
from ivr.engine.ports import Arrival, Vault
from ivr.engine.session import Engine
from ivr.testing.caller import place_call
from ivr.testing.simulation import VAULT, SimulatedCall
from ivr.testing.worlds import FixedCentres, ManualClock

STEP = timedelta(seconds=4)
"""From one commit to the next."""
HANGS_UP, SILENT, WRONG = 0.03, 0.05, 0.05
"""Chances of a caller at each question."""
TRIES = 300


def random_calls(
    centre: Centre, count: int, *, since: datetime, until: datetime, vault: Vault, seed: int = 1
) -> Iterator[CallRecord]:
    """`count` ended calls to the first number of `centre` between two aware instants, in order of their time."""
    chance = random.Random(seed)
    for number in range(count):
        at = since + (until - since) * (number / count)
        caller = f"010{chance.randrange(10**8):08d}" if chance.random() < 0.9 else None
        call = _RandomCall(moves=[], centre=centre, chance=chance, clock=ManualClock(at), vault=vault)
        engine = Engine(centres=FixedCentres((centre,)), vault=VAULT, clock=call.clock, wire=call)
        name = f"h{seed}-{at.timestamp():.0f}.{number}"
        run_to_end(place_call(engine, call, Arrival(call=name, dnis=centre.numbers[0], caller=caller)))
        yield call.record(name, at)


@dataclass(slots=True, kw_only=True)
class _RandomCall(SimulatedCall):
    """Does what a caller may do, by chance."""

    centre: Centre
    chance: random.Random
    clock: ManualClock
    vault: Vault

    def to_journal(self, number: int, notes: Sequence[Note], centre: str) -> str:
        self.clock.at += STEP
        self.journal.append({"q": number, "n": notes, "at": self.clock.at})
        return ""

    async def perform(self, action: Speak | Ask | Record) -> Event:
        if isinstance(action, Speak):
            self.moves = [HangUp()] if self.chance.random() < HANGS_UP else []
        elif isinstance(action, Ask):
            self.moves = [self._key(action)]
        else:
            self.moves = [self.chance.choice((Talk(5.0), Talk(12.0), Talk(30.0), Silence(), HangUp()))]
        return await SimulatedCall.perform(self, action)

    def leave_queue(self) -> LeavesQueue | HangUp:
        assert isinstance(self.waiting, Wait), "only who waits can leave"
        ends: list[Move] = [LeavesQueue(how) for how in ("ANSWERED", "ANSWERED", "ANSWERED", "TIMEOUT", "JOINEMPTY")]
        ends += [HangUp(), *(LeavesQueue(f"KEY:{key}") for key in self.waiting.keys)]
        self.moves = [self.chance.choice(ends)]
        return SimulatedCall.leave_queue(self)

    def end_dial(self) -> DialEnds | HangUp:
        assert isinstance(self.waiting, Dial), "only who is put through can be let go"
        self.moves = [DialEnds(self.chance.choice(("ANSWERED", "BUSY", "NOANSWER", "FAILED")))]
        return SimulatedCall.end_dial(self)

    def record(self, name: str, at: datetime) -> CallRecord:
        """As ingest would have it."""
        story = Story(())
        for entry in self.journal:
            notes = tuple(self._sealed(note) for note in entry["n"])
            story.feed(Commit(number=entry["q"], at=entry["at"], notes=notes))
        ended = self.clock.at + STEP
        outcome = self.outcome
        # Who hangs up while speaking has left a message.
        if outcome == "abandoned" and isinstance(self.turns[-1].action, Record):
            outcome = "message_saved"
        return CallRecord(
            id=name,
            kind="inbound",
            dnis=story.dnis or "",
            centre=story.centre,
            version=story.version,
            language=story.language,
            category=story.category,
            caller=story.caller,
            caller_key=story.caller_key,
            queue=story.queue,
            entered_at=at,
            business_at=at,
            queued_at=story.queued_at,
            answered_at=ended if self.talked else None,
            ended_at=ended,
            ended_by="caller" if self.hung_up else "system",
            outcome=outcome,
            end_reason=story.end_reason,
            steps=tuple(story.steps),
        )

    def _key(self, action: Ask) -> Move:
        draw = self.chance.random()
        if draw < HANGS_UP:
            return HangUp()
        if draw < HANGS_UP + SILENT:
            return Silence()
        if draw < HANGS_UP + SILENT + WRONG:
            return Press("8" * min(2, action.max_digits))
        phase = self.place.phase if self.place is not None else ""
        match self.centre.flow.node(self.state):
            case Menu(choices=choices):
                return Press(self.chance.choice(sorted(choices)))
            case Survey(lowest=lowest, highest=highest):
                return Press(str(self.chance.randint(lowest, highest)))
            case Collect() if phase == "confirm":
                return Press(self.chance.choice("1112"))
            case Collect() as node:
                return Press(self._entry(node))
            case Message() as node:
                return Press(self.chance.choice((node.keep_key, node.keep_key, node.again_key, node.cancel_key)))
            case _:
                return Silence()

    def _entry(self, node: Collect) -> str:
        """Digits that pass the node's check, as far as chance finds some."""
        digits = ""
        for _ in range(TRIES):
            length = self.chance.randint(node.min_digits, node.max_digits)
            first = "010" if node.check == "phone" and length == node.max_digits else ""
            digits = first + "".join(self.chance.choice("0123456789") for _ in range(length - len(first)))
            if node.check is None or self.centre.checks[node.check](digits, self.clock.at):
                break
        return digits

    def _sealed(self, note: Note) -> dict[str, Any]:
        return {name: self._plain(value) for name, value in note.items()}

    def _plain(self, value: object) -> Any:
        match value:
            case Personal(text):
                return self.vault.seal(text)
            case BlindIndex(text):
                return self.vault.key_of(text)
            case _:
                return value
