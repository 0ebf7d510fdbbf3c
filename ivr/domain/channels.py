"""The channels of one call: who met whom, who hung up, and when the last of them was gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ivr.domain.events import NODE_START, JournalEvent
from ivr.domain.legs import LegState, next_state
from ivr.domain.records import LegRecord

TRUNK = "trunk"
"""The endpoint that callers come through; every other PJSIP endpoint but OUTBOUND is an agent."""
OUTBOUND = "outbound"
"""The endpoint of calls going out: who answers there is nobody of ours."""


@dataclass(slots=True, kw_only=True)
class _Leg:
    id: str
    channel: str
    created_at: datetime
    transferred_to: bool
    state: LegState = LegState.ABSENT
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    hangup_cause: int | None = None
    hangup_source: str | None = None
    transfers: bool = False
    talking_since: datetime | None = None
    talk: timedelta = field(default_factory=timedelta)

    def feed(self, event: JournalEvent) -> None:
        before, self.state = self.state, next_state(self.state, event.type)
        if event.type == "BLINDTRANSFER":
            self.transfers = True
        if event.type == "HANGUP" and self.hangup_source is None:
            cause = event.extra.get("hangupcause")
            self.hangup_cause = cause if isinstance(cause, int) and 0 <= cause < 1000 else None
            self.hangup_source = str(event.extra.get("hangupsource", ""))
        if self.state is before:
            return
        if self.answered_at is None and self.state in (LegState.UP, LegState.TALKING):
            self.answered_at = event.at
        if self.state is LegState.TALKING:
            self.talking_since = event.at
        elif self.talking_since is not None:
            self.talk += max(event.at - self.talking_since, timedelta())
            self.talking_since = None
        if self.state is LegState.ENDED:
            self.ended_at = event.at

    @property
    def endpoint(self) -> str | None:
        """`alice` of `PJSIP/alice-0000001f`; None for a channel that is no phone."""
        technology, _, rest = self.channel.partition("/")
        return rest.rpartition("-")[0] or None if technology == "PJSIP" else None

    @property
    def agent(self) -> str | None:
        return None if self.endpoint in (TRUNK, OUTBOUND) else self.endpoint


class Channels:
    """The channels of one call, who met whom, and when the last of them was gone."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._legs: dict[str, _Leg] = {}
        self._bridges: dict[str, set[str]] = {}
        self._transferring = False
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None

    def feed(self, event: JournalEvent) -> None:
        if event.type in ("LINKEDID_END", NODE_START):
            for one in self._legs.values():
                one.feed(event)
            self.ended_at = self.ended_at or event.at
        if event.type == NODE_START:
            return
        if event.type == "BLINDTRANSFER":
            self._transferring = True
        leg = self._legs.get(event.unique_id)
        if leg is None:
            leg = self._legs[event.unique_id] = _Leg(
                id=event.unique_id,
                channel=event.channel,
                created_at=event.at,
                transferred_to=self._transferring,
            )
        leg.feed(event)
        self._meet(leg, event)

    def _meet(self, leg: _Leg, event: JournalEvent) -> None:
        if event.type not in ("BRIDGE_ENTER", "BRIDGE_EXIT"):
            return
        present = self._bridges.setdefault(str(event.extra.get("bridge_id", "")), set())
        if event.type == "BRIDGE_EXIT":
            present.discard(leg.id)
            return
        present.add(leg.id)
        parties = {self._legs[one].endpoint == TRUNK for one in present}
        if self.answered_at is None and parties == {True, False}:
            self.answered_at = event.at

    def records(self) -> tuple[tuple[LegRecord, ...], str]:
        """The legs in the order of their creation, and the kind of the call."""
        kind = self._kind()
        return tuple(self._record(leg, kind) for leg in self._legs.values()), kind

    def _kind(self) -> str:
        first = self._legs.get(self._call_id) or next(iter(self._legs.values()), None)
        if first is None or first.endpoint == TRUNK:
            return "inbound"
        return "outbound" if any(leg.endpoint == TRUNK for leg in self._legs.values()) else "internal"

    def _record(self, leg: _Leg, call_kind: str) -> LegRecord:
        called_us = leg.id == self._call_id and call_kind != "outbound"
        return LegRecord(
            id=leg.id,
            kind=self._leg_kind(leg, call_kind),
            agent=leg.agent,
            state=leg.state,
            created_at=leg.created_at,
            ringing_at=None if called_us else leg.created_at,
            answered_at=leg.answered_at,
            ended_at=leg.ended_at,
            hangup_cause=leg.hangup_cause,
            ended_by=self._ended_by(leg),
            talk_s=round(leg.talk.total_seconds(), 6),
        )

    def _leg_kind(self, leg: _Leg, call_kind: str) -> str:
        if leg.endpoint == TRUNK:
            if call_kind == "outbound":
                return "callback"
            return "caller" if leg.id == self._call_id else "other"
        if leg.endpoint == OUTBOUND:
            return "transfer"
        if leg.agent is None:
            return "other"
        return "transfer" if leg.transferred_to else "agent"

    def _ended_by(self, leg: _Leg) -> str | None:
        if leg.ended_at is None:
            return None
        if leg.transfers:
            return "agent"
        source = next(
            (one for one in self._legs.values() if one.channel == leg.hangup_source),
            None,
        )
        if source is None:
            return "system"
        return "caller" if source.endpoint == TRUNK else "agent"
