"""How long callers wait for us between two actions. Without asyncio: the local AGI has no event loop to load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from ivr.domain.durations import Durations


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
