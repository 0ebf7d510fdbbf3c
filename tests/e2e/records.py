"""What Postgres knows of the calls, asked from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import asyncpg
from system import RunningSystem

from ivr.testing.waiting import eventually

Step = tuple[str, str, str, str | None]
"""Node, phase, result, next node: as in `ivr.testing.timeline.Timeline.steps`."""


@dataclass(frozen=True, slots=True)
class Records:
    """Rows as dicts; calls are found by the number that called."""

    system: RunningSystem
    connection: asyncpg.Connection

    @classmethod
    @asynccontextmanager
    async def open(cls, system: RunningSystem) -> AsyncIterator[Self]:
        connection = await asyncpg.connect(system.installation.dsn)
        try:
            yield cls(system, connection)
        finally:
            await connection.close()

    async def ended_call(self, caller: str, *, within_s: float = 15.0) -> dict[str, Any]:
        """The one call of this number, once it has ended and is in the database."""
        (call,) = await self.ended_calls([caller], within_s=within_s)
        return call

    async def ended_calls(self, callers: list[str], *, within_s: float = 15.0) -> list[dict[str, Any]]:
        """One call a number, in the order of the numbers, once all have ended."""
        keys = [self.system.vault.key_of(caller) for caller in callers]

        async def ask() -> list[dict[str, Any]]:
            return await self.rows("SELECT * FROM ivr.calls WHERE caller_key = ANY($1) AND ended_at IS NOT NULL", keys)

        found = await eventually(ask, lambda rows: len(rows) == len(keys), within_s=within_s)
        by_key = {row["caller_key"]: row for row in found}
        return [by_key[key] for key in keys]

    async def live_call(self, caller: str) -> dict[str, Any]:
        """The call of this number as soon as it is in the database."""
        key = self.system.vault.key_of(caller)

        async def ask() -> list[dict[str, Any]]:
            return await self.rows("SELECT * FROM ivr.calls WHERE caller_key = $1", key)

        return (await eventually(ask))[0]

    async def steps(self, call: str) -> tuple[Step, ...]:
        """The path of a call, without the notes of other controllers that took it over."""
        rows = await self.rows("SELECT * FROM ivr.steps WHERE call = $1 AND kind <> 'resume' ORDER BY seq, idx", call)
        return tuple((row["node"], row["phase"] or "", row["result"], row["to_node"]) for row in rows)

    async def resumed_in(self, call: str) -> list[str]:
        """Nodes in which another controller took the call over."""
        rows = await self.rows("SELECT node FROM ivr.steps WHERE call = $1 AND kind = 'resume' ORDER BY seq, idx", call)
        return [row["node"] for row in rows]

    async def count_calls(self) -> int:
        """Ended calls of callers so far."""
        rows = await self.rows("SELECT count(*) FROM ivr.calls WHERE kind = 'inbound' AND ended_at IS NOT NULL")
        return int(rows[0]["count"])

    async def paths_of_withheld(self, count: int, *, ended: int) -> list[tuple[Step, ...]]:
        """Paths of the last `count` calls without a number, once `ended` calls have ended in all."""
        await eventually(self.count_calls, lambda calls: calls >= ended)
        query = "SELECT id FROM ivr.calls WHERE caller_key IS NULL AND dnis = $1 ORDER BY entered_at DESC LIMIT $2"
        calls = await self.rows(query, self.system.centre.numbers[0], count)
        return [await self.steps(call["id"]) for call in calls]

    async def legs(self, call: str, kind: str | None = None) -> list[dict[str, Any]]:
        """Channels of a call, in order; all kinds or one."""
        rows = await self.rows("SELECT * FROM ivr.legs WHERE call = $1 ORDER BY created_at, id", call)
        return [row for row in rows if kind is None or row["kind"] == kind]

    async def messages(self, call: str) -> list[dict[str, Any]]:
        return await self.rows("SELECT * FROM ivr.messages WHERE call = $1 ORDER BY take", call)

    async def callbacks(self, call: str) -> list[dict[str, Any]]:
        """What this call asked for."""
        return await self.rows("SELECT * FROM ivr.callback_requests WHERE call = $1 ORDER BY asked_at", call)

    async def talks(self, call: str) -> list[dict[str, Any]]:
        return await self.rows("SELECT * FROM ivr.recordings WHERE call = $1 ORDER BY began_at", call)

    async def agent_actions(self, agent: str) -> list[str]:
        rows = await self.rows("SELECT action FROM ivr.agent_events WHERE agent = $1 ORDER BY at", agent)
        return [row["action"] for row in rows]

    async def count_live(self, node: str) -> int:
        """Live calls whose last step led to `node`."""
        rows = await self.rows(
            """SELECT count(*) FROM ivr.calls WHERE ended_at IS NULL AND (
                 SELECT to_node FROM ivr.steps WHERE call = calls.id ORDER BY seq DESC, idx DESC LIMIT 1) = $1""",
            node,
        )
        return int(rows[0]["count"])

    async def until_rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """The rows as soon as there are any."""
        return await eventually(lambda: self.rows(query, *arguments))

    async def rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.connection.fetch(query, *arguments)]
