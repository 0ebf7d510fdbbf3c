"""The live picture of queues and agents: kept from what the switch tells, shown as a frozen snapshot.

Numbers on it are of this moment and for people at work; KPIs come from the record (docs/kpi-definitions.md).
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from ivr.domain.centre import Agent, Centre, Queue
from ivr.domain.presence import Device, Fact, Member, Presence, QueueState, told
from ivr.engine.centres import LiveCentres
from ivr.engine.ports import Clock


class SwitchEvents(Protocol):
    """What the telephone switch tells about queues and agents."""

    def facts(self) -> AsyncIterator[Fact]:
        """`Whole` first, then every change; `Lost` when the switch is gone, `Whole` again once it is back. Endless."""


class AgentState(StrEnum):
    """One word for what an agent's phone is doing."""

    NOT_IN_USE = "not_in_use"
    RINGING = "ringing"
    IN_USE = "in_use"
    """In a talk, or the phone is in use otherwise."""
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """An agent who is logged in to the queue."""

    agent: str
    tier: int
    state: AgentState
    paused: bool
    wrap_up_until: datetime | None
    """None when not in wrap-up."""

    @property
    def is_free(self) -> bool:
        """Would be rung for the next caller."""
        return self.state is AgentState.NOT_IN_USE and not self.paused and self.wrap_up_until is None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """One queue, by Asterisk's name."""

    queue: str
    centre: str
    waiting: int
    longest_wait_s: float
    """0 when nobody waits."""
    free: int
    """Members who would be rung for the next caller."""
    members: tuple[MemberView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """One agent of a live centre, logged in or not."""

    agent: str
    centre: str
    registered: bool
    """The phone is there."""
    logged_in: bool
    """Member of at least one queue."""
    paused: bool
    """In every queue that the agent is logged in to."""
    state: AgentState
    call: str | None
    """Id of the call that rings at or talks to the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything at the instant `as_of` (aware). Holds no caller numbers or names."""

    as_of: datetime
    is_live: bool
    """False: the switch does not tell at present, and this is the last that was known."""
    queues: tuple[QueueView, ...]
    agents: tuple[AgentView, ...]

    def find_queue(self, name: str) -> QueueView | None:
        """By Asterisk's name (`<centre>-<queue>`)."""
        return next((queue for queue in self.queues if queue.queue == name), None)

    def find_agent(self, agent: str) -> AgentView | None:
        return next((view for view in self.agents if view.agent == agent), None)

    def to_json(self) -> dict[str, Any]:
        """Plain values for json.dumps; instants in ISO 8601."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain


@dataclass(slots=True, kw_only=True)
class LiveBoard:
    """Follows the switch while `run` runs.

    `clock` is the machine's own, not the business clock: waits and wrap-up are real time even in a trial.
    """

    switch: SwitchEvents
    centres: LiveCentres
    clock: Clock
    revision: int = 0
    """Grows with every change that the switch told."""
    _presence: Presence = field(default_factory=Presence)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until cancelled."""
        async for fact in self.switch.facts():
            self._presence = told(self._presence, fact)
            self.revision += 1
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()

    @property
    def snapshot(self) -> Board:
        """As of now."""
        return board_of(self._presence, self.centres.all, self.clock.now())

    async def wait_newer(self, revision: int) -> int:
        """Returns the current revision once it is above `revision`: for pages that follow the board."""
        while self.revision <= revision:
            await self._changed.wait()
        return self.revision


def board_of(presence: Presence, centres: Iterable[Centre], as_of: datetime) -> Board:
    """The board of `centres`: what the switch has beside them is left out, what it does not tell is shown as absent."""
    live = tuple(centres)
    return Board(
        as_of=as_of,
        is_live=presence.known,
        queues=tuple(_queue_view(presence, c, queue, as_of) for c in live for queue in c.queues.values()),
        agents=tuple(_agent_view(presence, c, agent) for c in live for agent in c.agents.values()),
    )


def _queue_view(presence: Presence, centre: Centre, queue: Queue, as_of: datetime) -> QueueView:
    state = presence.queues.get(queue.asterisk_name, QueueState())
    members = tuple(
        _member_view(presence, member, queue, as_of)
        for member in sorted(state.members.values(), key=lambda member: (member.tier, member.agent))
    )
    return QueueView(
        queue=queue.asterisk_name,
        centre=centre.id,
        waiting=len(state.waiting),
        longest_wait_s=max(((as_of - since).total_seconds() for since in state.waiting.values()), default=0.0),
        free=sum(member.is_free for member in members),
        members=members,
    )


def _member_view(presence: Presence, member: Member, queue: Queue, as_of: datetime) -> MemberView:
    until = member.last_talk_ended and member.last_talk_ended + timedelta(seconds=queue.wrap_up_s)
    return MemberView(
        agent=member.agent,
        tier=member.tier,
        state=_state(presence, member.agent, member.in_call),
        paused=member.paused,
        wrap_up_until=until if until and until > as_of else None,
    )


def _agent_view(presence: Presence, centre: Centre, agent: Agent) -> AgentView:
    names = [centre.queues[name].asterisk_name for name in agent.queues]
    memberships = [
        presence.queues[name].members[agent.id]
        for name in names
        if name in presence.queues and agent.id in presence.queues[name].members
    ]
    talk = presence.talks.get(agent.id)
    return AgentView(
        agent=agent.id,
        centre=centre.id,
        registered=presence.devices.get(agent.id, Device.UNAVAILABLE) is not Device.UNAVAILABLE,
        logged_in=bool(memberships),
        paused=bool(memberships) and all(member.paused for member in memberships),
        state=_state(presence, agent.id, any(member.in_call for member in memberships)),
        call=talk.call if talk else None,
    )


def _state(presence: Presence, agent: str, in_call: bool) -> AgentState:
    device = presence.devices.get(agent, Device.UNAVAILABLE)
    if device is Device.UNAVAILABLE:
        return AgentState.UNAVAILABLE
    talk = presence.talks.get(agent)
    if talk is not None:
        return AgentState.RINGING if talk.ringing else AgentState.IN_USE
    return AgentState.IN_USE if in_call or device is Device.IN_USE else AgentState.NOT_IN_USE


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case StrEnum():
            return value.value
        case datetime():
            return value.isoformat()
        case _:
            return value
