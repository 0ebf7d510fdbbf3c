"""A slice of `make fuzz` through the running system: wild SIP, storms of keys, nonsense at every TCP port."""

from __future__ import annotations

import os
import random

from system import OPEN, RunningSystem

from ivr.fuzz.live.looks import Look
from ivr.fuzz.live.run import run_live

MESSAGES = 300
SEED = 1 if os.environ.get("CI") else random.randrange(10**6)


async def test_nonsense_at_every_input_breaks_nothing(system: RunningSystem) -> None:
    system.set_clock(OPEN)
    before = Look.take(system.installation.layout)
    tally = await run_live(system.installation, system.sipp, MESSAGES, SEED)
    # Each call that the journal knows of is to be in the record, see `nothing_is_left`.
    system.placed += len(before.calls())
    assert tally.findings == [], f"seed {SEED}"
    assert tally.answers["sip"]["answered"] > 0
    assert tally.answers["http"]["HTTP/1.1 401"] > 0
    assert tally.sent["RTP packets"] > 500
