"""Scenarios take real time, half a minute each: they are played side by side, and each test says how its own went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

T = TypeVar("T")
Scenario = Callable[[T], Awaitable[None]]
Played = dict[str, Exception | None]
"""Name of a scenario -> what went wrong in it, if anything."""
Line = tuple[AbstractAsyncContextManager[T], Sequence[Scenario[T]]]
"""A stage, and what is played on it one after the other."""


def play(*lines: Line[T]) -> Played:
    """Plays all lines at once, each to its end whatever goes wrong in it."""
    return asyncio.run(_play_all(lines))


def names(scenarios: Sequence[Scenario[T]]) -> list[str]:
    return [scenario.__name__ for scenario in scenarios]  # type: ignore[attr-defined]  # they are functions


async def _play_all(lines: Sequence[Line[T]]) -> Played:
    went: Played = {}
    async with asyncio.TaskGroup() as group:
        for stage, scenarios in lines:
            group.create_task(_play(stage, scenarios, went))
    return went


async def _play(stage: AbstractAsyncContextManager[T], scenarios: Sequence[Scenario[T]], went: Played) -> None:
    async with stage as opened:
        for name, scenario in zip(names(scenarios), scenarios, strict=True):
            try:
                await scenario(opened)
                went[name] = None
            except Exception as error:  # told by the scenario's own test
                went[name] = error
