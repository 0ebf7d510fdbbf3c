"""How late the event loop comes back to what is due."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

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
