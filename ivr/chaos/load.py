"""Callers who call all the time: wave after wave of SIPp, each begun when the one before has placed its last call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from ivr.chaos.callers import Caller
from ivr.chaos.verdict import Placed
from ivr.testing.sipp import Sipp, SippProcess
from ivr.testing.sipp_xml import ScriptedCall

WAVE_S = 10.0


@dataclass(slots=True, kw_only=True)
class Wave:
    """Callers of one SIPp process."""

    callers: tuple[Caller, ...]
    began: datetime
    process: SippProcess


@dataclass(slots=True, kw_only=True)
class Load:
    """`rate` calls a second until `stop`; `finish` waits for the last caller and says what SIPp did."""

    sipp: Sipp
    callers: Iterator[Caller]
    rate: float
    key_of: Callable[[str], str]
    placed: list[Placed] = field(default_factory=list)
    """Of waves that are over."""
    retransmissions: int = 0
    errors: list[str] = field(default_factory=list)
    """SIPp's own words."""
    _begun: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Returns when the last caller of the last wave is gone. Raises PeerError when SIPp exceeds its limit."""
        size = max(1, round(WAVE_S * self.rate))
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            due = loop.time()
            while not self._stopping.is_set():
                callers = tuple(islice(self.callers, size))
                calls = [ScriptedCall(script=caller.habit.script, caller=caller.number) for caller in callers]
                process = await stack.enter_async_context(await self.sipp.start_calls(calls, per_second=self.rate))
                wave = Wave(callers=callers, began=datetime.now(UTC), process=process)
                self._begun += size
                group.create_task(self._take(wave))
                due += size / self.rate
                await asyncio.sleep(due - loop.time())

    def stop(self) -> None:
        """No new wave; the present one places its calls."""
        self._stopping.set()

    @property
    def count_begun(self) -> int:
        """Callers of all waves so far."""
        return self._begun

    async def _take(self, wave: Wave) -> None:
        result = await wave.process.wait()
        self.retransmissions += result.retransmissions
        if result.errors:
            self.errors.append(result.errors)
        finished = {int(place) for place in result.logged}
        # SIPp places its calls in the order of the file: those it did not come to were never sent.
        for place, caller in enumerate(wave.callers[: result.calls]):
            self.placed.append(
                Placed(
                    number=caller.number,
                    key=self.key_of(caller.number),
                    habit=caller.habit.name,
                    dial=caller.habit.script.dial,
                    at=wave.began + timedelta(seconds=place / self.rate),
                    outcomes=caller.habit.outcomes,
                    language=caller.habit.language,
                    is_finished=place in finished,
                )
            )
