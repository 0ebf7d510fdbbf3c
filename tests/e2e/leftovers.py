"""What may not be left after a module's calls: the same looks before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import psutil
from records import Records
from system import RunningSystem

from ivr.adapters.runtime.workers import INGEST
from ivr.testing.waiting import eventually


@dataclass(frozen=True, slots=True)
class Baseline:
    """The system at rest."""

    system: RunningSystem
    placed: int
    calls: int
    descriptors: int

    @classmethod
    async def take(cls, system: RunningSystem) -> Self:
        await _quiet(system)
        async with Records.open(system) as records:
            return cls(system, system.placed, await _calls(records), _descriptors(system))

    async def compare(self) -> None:
        """Fails when something is left."""
        await _quiet(self.system)
        async with Records.open(self.system) as records:
            placed = self.system.placed - self.placed

            async def ended() -> int:
                return await _ended_calls(records) - self.calls

            await eventually(ended, lambda count: count >= placed)
            assert await _calls(records) - self.calls == placed, "calls in Postgres are not the calls placed by SIPp"
            assert await records.rows("SELECT id FROM ivr.calls WHERE ended_at IS NULL") == []
            assert await records.rows("SELECT line FROM ivr.torn") == []
            faults = "SELECT id, faults FROM ivr.calls WHERE cardinality(faults) > 0"
            assert await records.rows(faults) == []

        async def descriptors() -> int:
            return _descriptors(self.system)

        await eventually(descriptors, lambda count: count <= self.descriptors)
        # Its children are system parts, not callers: nobody of ours may still be calling.
        assert [child for child in psutil.Process().children(recursive=True) if _name(child) == "sipp"] == []


async def _quiet(system: RunningSystem) -> None:
    """No channel is up."""
    await eventually(system.asterisk.count_channels, lambda count: count == 0, within_s=30)


async def _calls(records: Records) -> int:
    return int((await records.rows("SELECT count(*) FROM ivr.calls WHERE kind = 'inbound'"))[0]["count"])


async def _ended_calls(records: Records) -> int:
    query = "SELECT count(*) FROM ivr.calls WHERE kind = 'inbound' AND outcome IS NOT NULL"
    return int((await records.rows(query))[0]["count"])


def _descriptors(system: RunningSystem) -> int:
    """Open in the controllers and ingest, but for its database connections, which come and go by themselves."""
    port = system.installation.settings.postgres_port
    total = 0
    for process in (system.find_worker(name) for name in (*system.controller_names, INGEST)):
        assert process is not None
        connections = process.net_connections("tcp")
        total += process.num_fds() - len([each for each in connections if each.raddr and each.raddr.port == port])
    return total


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""
