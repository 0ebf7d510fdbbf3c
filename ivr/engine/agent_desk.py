"""What an agent's phone can ask for by a service code: log in, pause, resume, log out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ivr.domain import notes
from ivr.domain.actions import Sound, Speak
from ivr.domain.centre import Agent, Centre
from ivr.engine.ports import Line, Vault
from ivr.engine.wire import notes_to_journal

CONFIRMATIONS = {
    "login": "agent_logged_in",
    "logout": "agent_logged_out",
    "pause": "agent_paused",
    "resume": "agent_resumed",
}
UNKNOWN = "agent_unknown"


class Desk(Line, Protocol):
    """An agent's channel that can change who serves a queue. Queue names are Asterisk's."""

    async def join(self, queue: str, agent: str, name: str, penalty: int) -> None: ...

    async def leave(self, queue: str, agent: str) -> None: ...

    async def pause(self, agent: str) -> None:
        """In every queue."""

    async def resume(self, agent: str) -> None: ...


@dataclass(frozen=True, slots=True)
class AgentDesk:
    """Serves the codes for the agents of all centres."""

    vault: Vault

    async def serve(self, desk: Desk, centres: Iterable[Centre], agent_id: str, action: str) -> None:
        """Does `action` (a key of CONFIRMATIONS) for the agent, journals it, says so, hangs up."""
        await desk.answer()
        found = [(centre, centre.agents[agent_id]) for centre in centres if agent_id in centre.agents]
        if not found or action not in CONFIRMATIONS:
            await desk.perform(Speak(sounds=(Sound(UNKNOWN, "ko"), Sound(UNKNOWN, "en")), interruptible=False))
            await desk.hang_up()
            return
        centre, agent = found[0]
        queues = {centre.queues[name].asterisk_name: tier for name, tier in agent.queues.items()}
        await self._change(desk, agent, queues, action)
        note = notes.agent(agent=agent.id, action=action, queues=tuple(queues))
        await desk.commit(notes_to_journal(0, (note,), self.vault), "")
        confirmation = Sound(CONFIRMATIONS[action], agent.language)
        await desk.perform(Speak(sounds=(confirmation,), interruptible=False))
        await desk.hang_up()

    async def _change(self, desk: Desk, agent: Agent, queues: dict[str, int], action: str) -> None:
        match action:
            case "login":
                for queue, tier in queues.items():
                    await desk.join(queue, agent.id, agent.name, tier - 1)
            case "logout":
                for queue in queues:
                    await desk.leave(queue, agent.id)
            case "pause":
                await desk.pause(agent.id)
            case "resume":
                await desk.resume(agent.id)
