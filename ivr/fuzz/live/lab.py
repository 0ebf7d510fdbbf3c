"""A system of the fuzz's own: the shipped centre, in var/fuzz and on free ports."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ivr.adapters.clock import set_offset
from ivr.adapters.runtime.toolchain import get_sipp
from ivr.bootstrap import Installation
from ivr.fuzz.live.run import LiveTally, run_live
from ivr.settings import load_settings
from ivr.testing.sipp import Sipp


def open_lab() -> Installation:
    """Not started yet. As root, becomes the unprivileged user."""
    var = load_settings().var / "fuzz"
    installation = Installation(load_settings(var=var, ports="free", database_url=None, qualify_s=0))
    installation.become_owner()
    return installation


async def run_in_lab(installation: Installation, messages: int, seed: int, say: Callable[[str], None]) -> LiveTally:
    """Starts the system, does it all, stops it. Raises IvrError when it does not start."""
    zone = installation.centres[0].calendars["centre"].timezone
    set_offset(installation.layout.clock, datetime(2026, 11, 23, 10, tzinfo=zone))
    ports = installation.settings.listening
    with tempfile.TemporaryDirectory(prefix="ivr-fuzz-sipp-") as work:
        sipp = Sipp(
            command=get_sipp(installation.settings.cache),
            server=f"{ports.bind}:{ports.sip}",
            work=Path(work),
            user=(os.getuid(), os.getgid()),
            address=ports.bind,
        )
        async with installation.system(say):
            return await run_live(installation, sipp, messages, seed, say)
