"""The whole bench, in its order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ivr.bench.alone import measure_engine, measure_ingest
from ivr.bench.calls import open_stage, working_hours
from ivr.bench.report import Report
from ivr.bootstrap import Installation


async def run_bench(
    installation: Installation, rates: Sequence[float], seconds: float, say: Callable[[str], None]
) -> Report:
    """Starts the system, plays the rounds, measures parts alone, stops. Raises what those raise."""
    layout = installation.layout
    rounds = []
    async with open_stage(installation, say) as stage:
        async for one in stage.rounds(rates, seconds):
            words = "held" if one.is_held else "not held"
            say(f"{one.way} at {one.asked_rate:g} calls/s: {words}, {one.system_cpu * 1000:.0f} ms a call")
            rounds.append(one)
        say("parts alone")
        ingest = await measure_ingest(installation.dsn, layout.journal, layout.recordings)
    engine = await measure_engine(installation.centres[0], working_hours(installation))
    return Report(rounds=rounds, alone=(engine, ingest))
