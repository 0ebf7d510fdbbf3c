"""What the engine needs from the world, in our words. The real parts and the fakes pass the same contract tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ivr.domain.actions import Ask, Dial, Event, Fetch, Fetched, Record, Speak, Wait
from ivr.domain.centre import Centre
from ivr.domain.hours import Emergency
from ivr.domain.notes import Note
from ivr.domain.state import CallState


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A channel that reached us, for the first time or again."""

    call: str
    """LinkedID."""
    dnis: str
    caller: str | None = field(default=None, repr=False)
    """The number as the network gave it; None when withheld."""
    state: str = ""
    """The token of an earlier `commit`; empty for a new call."""
    left_queue: str = ""
    """`TIMEOUT`, `JOINEMPTY`, `KEY:1` … when the caller comes back from a queue."""
    left_dial: str = ""
    """`ANSWERED`, `BUSY`, `NOANSWER` or `FAILED` when the caller comes back from a transfer."""


class Line(Protocol):
    """One caller's channel. Every method raises HungUp when the caller is gone and PeerError when Asterisk is."""

    async def answer(self) -> None: ...

    async def perform(self, action: Speak | Ask | Record) -> Event:
        """Does one blocking action and says what came of it."""

    async def commit(self, journal: str, state: str) -> None:
        """Writes one line to the journal, then saves the state on the channel: in this order a crash in between repeats
        a line (which replaces the first) and never loses one. With an empty `state` only the journal is written; that
        works after a hang-up too."""

    async def hand_over(self, to: Wait | Dial) -> None:
        """The dialplan takes the caller to a queue or dials; the session is over until the caller comes back."""

    async def let_go(self) -> None:
        """Another controller takes the caller on from the last commit; after a hang-up, does nothing."""

    async def hang_up(self) -> None:
        """The call is done; after a hang-up, does nothing."""


class Centres(Protocol):
    """The centres that are live, and earlier versions that calls still use."""

    def find_by_number(self, dnis: str) -> Centre | None: ...

    def find_version(self, centre: str, version: str) -> Centre | None: ...

    def any_languages(self) -> tuple[str, ...]:
        """Languages of the first centre, for callers of a number that no centre has."""


class Emergencies(Protocol):
    """What operators ordered for whole centres."""

    def find_emergency(self, centre: str) -> Emergency | None:
        """The newest order, the same object as long as nothing changed; it may be over. Never raises."""


class Lookup(Protocol):
    """Other systems that a flow asks."""

    async def fetch(self, question: Fetch) -> Fetched:
        """The answer within `within_s` seconds an attempt, whatever the other side does. Never raises."""


class Vault(Protocol):
    """Authenticated encryption that ends: a token opens until the key of its centre and day is destroyed."""

    def seal(self, text: str, centre: str = "") -> str:
        """`centre`: whose caller this is about; empty when the number dialled belongs to none."""

    def unseal(self, token: str) -> str:
        """Raises DestroyedError when it is past its time, OperatorError when it is of another key or was altered."""

    def key_of(self, text: str) -> str:
        """A keyed hash (hex): equal texts give equal keys."""


class Wire(Protocol):
    """Commits as text that may leave the process; a simulation, whose commits stay where they are, has its own."""

    def to_journal(self, number: int, notes: Sequence[Note], centre: str) -> str: ...

    def to_token(self, state: CallState) -> str: ...

    def from_token(self, token: str) -> CallState:
        """Raises OperatorError for a token of another key, ValueError for one of another release."""


class Clock(Protocol):
    """The business clock: aware, may be shifted for trials."""

    def now(self) -> datetime: ...
