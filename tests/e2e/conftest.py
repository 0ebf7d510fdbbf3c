"""One running system for the whole run; after each module nothing of its calls may be left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from leftovers import Baseline
from records import Records
from system import RunningSystem, running_system


@pytest.fixture(scope="session")
def system() -> Iterator[RunningSystem]:
    with running_system() as started:
        yield started


@pytest.fixture
async def records(system: RunningSystem) -> AsyncIterator[Records]:
    async with Records.open(system) as opened:
        yield opened


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left(system: RunningSystem) -> Iterator[None]:
    """Calls counted by SIPp are the calls in Postgres; no channel, process or descriptor stays behind."""
    before = asyncio.run(Baseline.take(system))
    yield
    asyncio.run(before.compare())
