"""The kill test: callers call all the time, the parts are struck as planned, then the three books are compared."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

from ivr.adapters.db.pool import open_pool
from ivr.adapters.journal.tail import JournalTail
from ivr.bootstrap import Installation
from ivr.chaos.absences import absences, read_passages
from ivr.chaos.books import JournalBook, PostgresBook
from ivr.chaos.callers import crowd, habits
from ivr.chaos.lab import Lab, open_stage
from ivr.chaos.load import Load
from ivr.chaos.plan import ASTERISK, CONTROLLER, Plan, Strike
from ivr.chaos.report import Report
from ivr.chaos.striker import Striker
from ivr.chaos.verdict import compare
from ivr.errors import PeerError

Say = Callable[[str], None]
WARM_UP_S = 3.0
TELL_EVERY_S = 15.0
SETTLE_S = 60.0
"""After the last caller was gone, everything must be ended in the record within this."""
OVERTIME = 3.0
"""How much longer than planned the strikes may take before the run is given up."""


async def run_chaos(installation: Installation, plan: Plan, *, seed: int, rate: float, say: Say) -> Report:
    """Raises PeerError when the system or SIPp does not come up or comes back."""
    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C does: whatever runs for us is ended before we are.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(open_stage(installation, say))
        pool = await stack.enter_async_context(open_pool(installation.dsn, max_size=1))
        journal = JournalBook(JournalTail(installation.layout.journal), installation.fallback_messages.complete)
        postgres = PostgresBook(pool)
        striker = Striker(layout=installation.layout, asterisk=installation.asterisk)
        stack.push_async_callback(striker.release)
        voice = installation.prompts.path("en", "greeting")
        load = Load(sipp=lab.sipp, callers=crowd(seed, habits(voice)), rate=rate, key_of=installation.vault.key_of)
        trial = _Trial(lab=lab, load=load, striker=striker, journal=journal, say=say)
        began = time.monotonic()
        await trial.run(plan)
        seconds = time.monotonic() - began
        say("the last caller is gone: waiting for the record")
        waited_s = await _settle(journal, postgres)
        await striker.release()
        kills = [at for strike, at in striker.done if strike.target == ASTERISK]
        calls = journal.calls()
        verdict = compare(load.placed, calls, await postgres.calls(), asterisk_kills=kills)
        ends = [at for strike, at in striker.done if strike.target == CONTROLLER and strike.how != "term"]
        passages = read_passages(sorted(installation.layout.log.glob(f"{CONTROLLER}*.log")))
        away_s = tuple(absences(ends, passages, recording={call.id for call in calls if call.messages}))
        return Report(
            seed=seed,
            strikes=tuple(strike for strike, _ in striker.done),
            planned=len(plan.main) + len(plan.asterisk),
            verdict=verdict,
            seconds=seconds,
            outlived=striker.outlived,
            asked_rate=rate,
            rate=_rate_of([caller.at for caller in load.placed]),
            settled_s=waited_s,
            retransmissions=load.retransmissions,
            torn=(journal.torn, await postgres.count_torn()),
            away_s=away_s,
            sipp_errors=tuple(load.errors),
        )


@dataclass(slots=True, kw_only=True)
class _Trial:
    """The part of a run in which callers call."""

    lab: Lab
    load: Load
    striker: Striker
    journal: JournalBook
    say: Say

    async def run(self, plan: Plan) -> None:
        phones = asyncio.create_task(self.lab.keep_registered())
        progress = asyncio.create_task(self._tell(len(plan.main) + len(plan.asterisk)))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.load.run())
                await asyncio.sleep(WARM_UP_S)
                for series in (plan.main, plan.asterisk):
                    await self._strike_all(series)
                self.load.stop()
        except ExceptionGroup as failed:
            peers, others = failed.split(PeerError)
            if peers is None or others is not None:
                raise
            raise PeerError("; ".join(str(error) for error in peers.exceptions)) from failed
        finally:
            for task in (phones, progress):
                task.cancel()
            await asyncio.gather(phones, progress, return_exceptions=True)

    async def _strike_all(self, series: Sequence[Strike]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        limit_s = series[-1].at_s * OVERTIME + SETTLE_S
        try:
            async with asyncio.timeout(limit_s):
                for strike in series:
                    await asyncio.sleep(began + strike.at_s - loop.time())
                    self.lab.require_supervisor()
                    await self.striker.strike(strike)
        except TimeoutError:
            raise PeerError(f"the strikes took longer than {limit_s:.0f} s: parts come back too late") from None

    async def _tell(self, planned: int) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self.journal.read()
            self.say(
                f"{time.monotonic() - began:5.0f} s: {len(self.striker.done)} of {planned} kills, "
                f"{self.load.count_begun} calls, {self.journal.count_live()} in progress"
            )


async def _settle(journal: JournalBook, postgres: PostgresBook) -> float:
    """Waits until Postgres has every call ended, at most SETTLE_S; how long that took."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLE_S:
        journal.read()
        with contextlib.suppress(PeerError):
            if not journal.count_live():
                stored = await postgres.calls()
                if sum(call.ended_at is not None for call in stored) == len(stored) == len(journal.calls()):
                    break
        await asyncio.sleep(1.0)
    return time.monotonic() - began


def _rate_of(times: Sequence[datetime]) -> float:
    """Calls a second from the first to the last."""
    if len(times) < 2:
        return 0.0
    took = (max(times) - min(times)).total_seconds()
    return (len(times) - 1) / took if took else 0.0
