"""The shipped flow and the baseline, alternately on one Asterisk, at growing rates."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ivr.adapters.clock import set_offset
from ivr.adapters.db.pool import open_pool
from ivr.adapters.db.records import Query, RecordStore
from ivr.adapters.journal.tail import JournalTail
from ivr.adapters.runtime.supervisor import System
from ivr.adapters.runtime.toolchain import get_sipp
from ivr.adapters.runtime.workers import INGEST
from ivr.bench.figures import read_figures, turns_of
from ivr.bench.lab import BASELINE_NUMBER, QUEUE, SIPP_RTP, agents_of
from ivr.bench.round import Round, play
from ivr.bootstrap import Installation
from ivr.errors import PeerError
from ivr.testing.caller import LeavesQueue, Press, Talk
from ivr.testing.phones import AgentPhone
from ivr.testing.sipp import Sipp, find_free_port
from ivr.testing.sipp_xml import CallerScript
from ivr.testing.timeline import plan

OURS, BASELINE = "ours", "baseline"
TALK_S = 3.0
"""From the queue to the caller's goodbye."""
AGENT_BUSY_S = TALK_S + 2.0
"""How long one call keeps an agent, generously."""
LOGINS_AT_ONCE = 8
SETTLE_LIMIT_S = 30.0
LOOK_S = 0.25


def agents_needed(rates: Sequence[float]) -> int:
    """So many that no caller ever waits for one."""
    return max(8, round(max(rates) * AGENT_BUSY_S))


@asynccontextmanager
async def open_stage(installation: Installation, say: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Starts the system and logs every agent in. Raises PeerError when something does not come up."""
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(installation.system(say))
        pool = await stack.enter_async_context(open_pool(installation.dsn, max_size=2))
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-bench-")))
        clock, at = installation.layout.clock, working_hours(installation)
        set_offset(clock, at)
        stack.callback(set_offset, clock, None)
        sipp = _sipp(installation, work)
        say(f"{len(installation.centres[0].agents)} agents log in")
        yield Stage(
            installation=installation,
            system=system,
            store=RecordStore(pool),
            sipp=sipp,
            phone=await _log_in_agents(installation, sipp),
            journal=JournalTail(installation.layout.journal),
            script=_script(installation, at),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running system and whom it takes to call it."""

    installation: Installation
    system: System
    store: RecordStore
    sipp: Sipp
    phone: AgentPhone
    journal: JournalTail
    script: CallerScript

    async def rounds(self, rates: Sequence[float], seconds: float) -> AsyncIterator[Round]:
        """As they end: at each rate the one way and the other; a way that did not hold a rate is not tried at the next.
        Raises PeerError when the record does not get the calls."""
        failing: set[str] = set()
        for place, rate in enumerate(rates):
            ways = [way for way in (OURS, BASELINE) if way not in failing]
            # The order changes from rate to rate, so that what drifts with time favours nobody.
            for way in ways if place % 2 == 0 else reversed(ways):
                done = await self.play(way, rate, seconds)
                yield done
                if not done.is_held:
                    failing.add(way)

    async def play(self, way: str, rate: float, seconds: float) -> Round:
        """The baseline runs without any process of ours: neither AMI nor ingest is there to cost it anything."""
        since = datetime.now(UTC)
        if way == BASELINE:
            await self.system.stop_workers()
        elif not all(worker.find() for worker in self.system.workers):
            await self.system.start_workers()
        script = self.script if way == OURS else replace(self.script, dial=BASELINE_NUMBER)

        async def settle(calls: int) -> None:
            if way == OURS:
                await self._in_the_record(calls, since)

        done = await play(
            way,
            script,
            sipp=self.sipp,
            phone=self.phone,
            journal=self.journal,
            processes=self._processes(),
            rate=rate,
            seconds=seconds,
            settle=settle,
        )
        if way == OURS:
            done = replace(done, turns=turns_of(read_figures(self.installation).values()))
        if way == BASELINE:  # the record catches up between the rounds, not in the next one
            await self.system.start_workers()
            await self._in_the_record(done.calls, since)
        return done

    def _processes(self) -> dict[str, list[int]]:
        postgres = self.installation.postgres
        *controllers, ingest = self.system.workers
        found = {
            "asterisk": [self.installation.asterisk.find()],
            "controllers": [worker.find() for worker in controllers],
            "ingest": [ingest.find()],
            "postgres": [postgres.find() if postgres is not None else None],
        }
        pids = {name: [each.pid for each in processes if each is not None] for name, processes in found.items()}
        return {name: each for name, each in pids.items() if each}

    async def _in_the_record(self, calls: int, since: datetime) -> None:
        """Waits until the record has this many calls, all ended."""
        try:
            async with asyncio.timeout(SETTLE_LIMIT_S):
                query = Query(since=since, limit=calls + 1)
                while (
                    sum(call.outcome is not None for call in await self.store.list_calls(query, kind="inbound")) < calls
                ):
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            log = self.installation.layout.log_file(INGEST)
            raise PeerError(
                f"calls are missing in the record {SETTLE_LIMIT_S:.0f} s after the last: see {log}"
            ) from None


def _sipp(installation: Installation, work: Path) -> Sipp:
    ports = installation.settings.listening
    return Sipp(
        command=get_sipp(installation.settings.cache),
        server=f"{ports.bind}:{ports.sip}",
        work=work,
        user=(os.getuid(), os.getgid()),
        address=ports.bind,
        rtp_ports=SIPP_RTP,
    )


def working_hours(installation: Installation) -> datetime:
    """A Monday at ten."""
    return datetime(2026, 11, 23, 10, tzinfo=installation.centres[0].calendars["centre"].timezone)


def _script(installation: Installation, at: datetime) -> CallerScript:
    """Korean, pension, application; an agent answers; a short talk."""
    moves = (Press("1"), Press("1"), Press("1"), LeavesQueue("ANSWERED"), Talk(TALK_S))
    centre = installation.centres[0]
    return plan(centre, moves, at=at, seconds=installation.prompts.seconds, caller=None).script()


async def _log_in_agents(installation: Installation, sipp: Sipp) -> AgentPhone:
    """Every agent registers at one port and logs in; the phone there takes the calls of all."""
    port = find_free_port(sipp.address)
    secrets = installation.secrets.agents
    phones = [
        AgentPhone(sipp=sipp, user=agent, password=secrets[agent], port=port) for agent in agents_of(installation)
    ]
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def register(phone: AgentPhone) -> None:
        async with gate:
            await phone.register()

    await asyncio.gather(*(register(phone) for phone in phones))
    for phone in phones:
        # As *11 does, without the greeting that an agent hears.
        await installation.asterisk.command(
            f"queue add member PJSIP/{phone.user} to {installation.centres[0].id}-{QUEUE} penalty 0"
        )
    return phones[0]
