"""A stopped Asterisk is found to be frozen; one that only has nothing to do is not."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from switchboard import switchboard

from ivr.adapters.runtime.frozen import Patience, until_frozen

QUICK = Patience(ask_every_s=0.1, answer_s=1.0, idle_s=1.5, busy_s=60.0)


async def test_stopped_is_frozen_and_running_is_not() -> None:
    async with switchboard() as system:
        process = system.server.find()
        assert process is not None
        looking = asyncio.create_task(until_frozen(process, system.server.console, QUICK))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(looking), 3)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            assert await asyncio.wait_for(looking, 30)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        ending = asyncio.create_task(until_frozen(process, system.server.console, QUICK))
        await process.stop(grace_s=5)
        assert not await asyncio.wait_for(ending, 30), "ended is not frozen"
