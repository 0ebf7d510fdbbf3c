"""The whole bench, in its order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ivr.bench.alone import measure_engine, measure_ingest
from ivr.bench.calls import open_stage, working_hours
from ivr.bench.report import Report
from ivr.bench.search import Bounds, search
from ivr.bootstrap import Installation


async def run_bench(
    installation: Installation, rates: Sequence[float] | Bounds, seconds: float, say: Callable[[str], None]
) -> Report:
    """Starts the system, plays the rounds, measures parts alone, stops. Raises what those raise.

    `rates` are those to be played, or the bounds of a search for the highest that is held.
    """
    layout = installation.layout
    rounds = []
    async with open_stage(installation, say) as stage:
        is_search = isinstance(rates, Bounds)
        played = (
            search(lambda way, rate: stage.play(way, rate, seconds), rates.first, rates.most)
            if isinstance(rates, Bounds)
            else stage.rounds(rates, seconds)
        )
        async for one in played:
            words = "held" if one.is_held else "not held"
            say(f"{one.way} at {one.asked_rate:g} calls/s: {words}, {one.system_cpu * 1000:.0f} ms a call")
            rounds.append(one)
        say("parts alone")
        ingest = await measure_ingest(installation.dsn, layout.journal, layout.recordings)
    engine = await measure_engine(installation.centres[0], working_hours(installation))
    return Report(rounds=rounds, alone=(engine, ingest), is_search=is_search)
