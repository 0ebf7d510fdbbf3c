"""Whoever keeps a part running: at once after a death, with patience after a vain start."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from ivr.adapters.runtime.supervisor import FIRST_DELAY_S, LONGEST_DELAY_S, keep
from ivr.errors import PeerError

Run = Callable[..., Any]


class Mortal:
    """A process that dies a second after each start."""

    async def wait(self) -> None:
        await asyncio.sleep(1.0)


def starts(run: Run, *, fail: int, want: int) -> list[float]:
    """Times of the first `want` starts, of which the first `fail` are in vain."""
    times: list[float] = []

    async def watched() -> None:
        enough = asyncio.Event()
        alive = True

        async def start() -> None:
            nonlocal alive
            times.append(asyncio.get_running_loop().time())
            if len(times) == want:
                enough.set()
            alive = len(times) > fail
            if not alive:
                raise PeerError("in vain")

        # A stand-in for an operating-system process: nothing else of it is looked at.
        keeper = asyncio.create_task(keep("part", lambda: Mortal() if alive else None, start, lambda _: None))  # type: ignore[arg-type,return-value]
        await enough.wait()
        keeper.cancel()

    run(watched())
    return [round(time - times[0], 3) for time in times]


def test_whoever_is_killed_again_and_again_is_started_at_once_each_time(virtual_time: Run) -> None:
    assert starts(virtual_time, fail=0, want=20) == [float(number) for number in range(20)]


def test_vain_starts_come_later_and_later_up_to_a_bound(virtual_time: Run) -> None:
    times = starts(virtual_time, fail=12, want=12)
    waits = [round(later - earlier, 3) for earlier, later in itertools.pairwise(times)]
    assert waits[:3] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S]
    assert waits[-1] == LONGEST_DELAY_S


def test_a_start_that_succeeds_ends_the_patience(virtual_time: Run) -> None:
    times = starts(virtual_time, fail=8, want=11)
    assert times[-1] - times[-2] == 1.0
