"""How long we take: the event loop to come back to what is due, and a call from an answer to the next action."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from ivr.domain.durations import Durations

PROBE_S = 0.05
"""Pause of the probe: twenty looks a second cost nothing that can be measured."""


@dataclass(slots=True)
class LoopLag:
    """Asks the event loop to wake it every `PROBE_S` and notes how much later that was: what every call waits too."""

    seen: Durations = field(default_factory=Durations)

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + PROBE_S
            await asyncio.sleep(PROBE_S)
            self.seen.add(max(0.0, clock() - due))


@dataclass(slots=True)
class Turns:
    """By node: from the event that ended its action until the next action begins, commit included."""

    clock: Callable[[], float] = perf_counter
    """Seconds, from any beginning."""
    seen: dict[str, Durations] = field(default_factory=dict)

    def begin(self) -> Turn:
        """For one call."""
        return Turn(self)

    def to_json(self) -> dict[str, object]:
        return {node: durations.to_json() for node, durations in sorted(self.seen.items())}


class Turn:
    """The stop watch of one call."""

    __slots__ = ("_node", "_since", "_turns")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._node = ""
        self._since = 0.0

    def heard(self, node: str) -> None:
        """The caller did something at `node`, or the time for it is over: from now on we are waited for."""
        self._node, self._since = node, self._turns.clock()

    def acts(self) -> None:
        """The next action begins."""
        if self._node:
            self._turns.seen.setdefault(self._node, Durations()).add(self._turns.clock() - self._since)
            self._node = ""
