"""The watchdog, on small real processes: what it ends, and what it leaves alone."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from ivr.testing.waiting import eventually

PROGRAM = """
import asyncio, sys, time
from ivr.adapters.runtime.heart import Heart

async def main(memory_mb, silence_s, start_s, before_s, turns):
    async with Heart(memory_mb=int(memory_mb), silence_s=float(silence_s), start_s=float(start_s)) as heart:
        time.sleep(float(before_s))
        heart.beat()
        print("works", flush=True)
        kept = []
        for _ in range(int(turns)):
            await asyncio.sleep(0.05)
            order = await asyncio.to_thread(sys.stdin.readline) if int(turns) == 1 else ""
            if order == "hang\\n":
                time.sleep(60)
            if order == "eat\\n":
                kept.append(b"x" * 200_000_000)
                await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""
WAITS, RUNS = 1, 60
"""Turns of the program: it waits for an order, or runs for three seconds by itself."""


@asynccontextmanager
async def program(
    *, turns: int, memory_mb: int = 0, silence_s: float = 0.5, start_s: float = 60.0, before_s: float = 0.0
) -> AsyncIterator[asyncio.subprocess.Process]:
    words = (memory_mb, silence_s, start_s, before_s, turns)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, *map(str, words)),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def works(process: asyncio.subprocess.Process) -> psutil.Process:
    """Its watchdog, once it works."""
    assert process.stdout is not None
    assert await process.stdout.readline() == b"works\n"
    (watchdog,) = psutil.Process(process.pid).children()
    return watchdog


async def order(process: asyncio.subprocess.Process, word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n".encode())
    await process.stdin.drain()


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str]:
    """Exit code and what was said."""
    assert process.stderr is not None
    said = await asyncio.wait_for(process.stderr.read(), 30)
    return await asyncio.wait_for(process.wait(), 30), said.decode()


async def test_a_loop_that_stands_still_ends_its_process() -> None:
    async with program(turns=WAITS) as process:
        await works(process)
        await order(process, "hang")
        code, said = await ended(process)
    assert code == -signal.SIGKILL
    assert "no beat for 0.5 s" in said


async def test_a_stopped_process_is_ended() -> None:
    async with program(turns=WAITS) as process:
        await works(process)
        process.send_signal(signal.SIGSTOP)
        assert (await ended(process))[0] == -signal.SIGKILL


async def test_one_that_eats_memory_is_ended() -> None:
    async with program(turns=WAITS, memory_mb=150, silence_s=30) as process:
        await works(process)
        await order(process, "eat")
        code, said = await ended(process)
    assert code == -signal.SIGKILL
    assert "more than 150 MB of memory" in said


async def test_one_that_works_is_left_alone_and_its_watchdog_ends_with_it() -> None:
    async with program(turns=RUNS, memory_mb=500) as process:
        watchdog = await works(process)
        assert await ended(process) == (0, "")
    assert not watchdog.is_running()


async def test_a_long_start_is_no_silence_but_has_a_limit() -> None:
    async with program(turns=1, before_s=1.5) as process:
        await works(process)
        await order(process, "go")
        assert await ended(process) == (0, "")
    async with program(turns=1, before_s=60.0, start_s=0.5) as process:
        assert (await ended(process))[0] == -signal.SIGKILL


@pytest.mark.parametrize("both", [False, True], ids=["only the watchdog", "the whole machine"])
async def test_time_in_which_the_watchdog_did_not_run_either_does_not_count(both: bool) -> None:
    async with program(turns=RUNS) as process:
        watchdog = await works(process)
        stopped = [watchdog, psutil.Process(process.pid)] if both else [watchdog]
        for each in stopped:
            each.suspend()
        await asyncio.sleep(1.5)  # three silences long
        for each in reversed(stopped):
            each.resume()
        assert await ended(process) == (0, "")


async def test_a_watchdog_that_was_killed_is_there_again() -> None:
    async with program(turns=WAITS) as process:
        first = await works(process)
        first.kill()
        parent = psutil.Process(process.pid)

        async def another() -> bool:
            running = [child for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE]
            return bool(running) and running[0].pid != first.pid

        await eventually(another)
        # It has had its first beat, or the long limit of a start would hold.
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGSTOP)
        assert (await ended(process))[0] == -signal.SIGKILL
