"""Histograms of our own waits."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.vault import KeyVault
from ivr.domain.durations import Durations, added, durations_from_json
from ivr.engine.loop_lag import PROBE_S, LoopLag
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.engine.turns import Turns
from ivr.testing.caller import FakeLine, LeavesQueue, Press
from ivr.testing.centres import OPEN_AT, small_centre
from ivr.testing.virtual_time import run_in_virtual_time
from ivr.testing.worlds import FixedCentres, ManualClock


def filled(*seconds: float) -> Durations:
    durations = Durations()
    for each in seconds:
        durations.add(each)
    return durations


@given(st.lists(st.floats(0.00002, 59), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_is_right_to_a_tenth(seconds: list[float], share: float) -> None:
    durations = filled(*seconds)
    ordered = sorted(seconds)
    place = next(place for place in range(len(ordered)) if place + 1 >= share * len(ordered))
    assert ordered[place] * 0.999 <= durations.quantile(share) <= ordered[place] * 1.11


def test_nothing_seen_is_no_time_and_what_is_beyond_the_last_bucket_counts() -> None:
    assert Durations().quantile(0.99) == 0.0
    assert filled(0.0, 10_000.0).quantile(1.0) > 59
    assert filled(10_000.0).longest_s == 10_000.0


@given(st.lists(st.lists(st.floats(0, 100), max_size=9), max_size=4))
def test_the_figures_of_several_processes_add_up(parts: list[list[float]]) -> None:
    read = [durations_from_json(json.loads(json.dumps(filled(*part).to_json()))) for part in parts]
    together = filled(*(each for part in parts for each in part))
    assert added(read).counts == together.counts
    assert added(read).longest_s == pytest.approx(together.longest_s, abs=1e-5)


@pytest.mark.parametrize("figures", [{}, {"counts": 1, "longest_ms": 2}, {"counts": {"x": 1}, "longest_ms": 2}])
def test_other_figures_are_refused(figures: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no durations|invalid literal"):
        durations_from_json(figures)


def test_the_lag_of_a_loop_that_is_held_up_is_seen() -> None:
    async def held_up() -> LoopLag:
        lag = LoopLag()
        probing = asyncio.create_task(lag.run())
        loop = asyncio.get_running_loop()
        await asyncio.sleep(PROBE_S * 10.5)
        assert lag.seen.longest_s == pytest.approx(0.0)
        loop._jumping.elapsed_s += 0.4  # type: ignore[attr-defined]  # as if something had blocked it
        await asyncio.sleep(PROBE_S * 2)
        probing.cancel()
        return lag

    lag = run_in_virtual_time(held_up())
    assert lag.seen.longest_s == pytest.approx(0.4, abs=PROBE_S)
    assert lag.seen.count > 10


async def test_a_call_leaves_a_turn_for_each_node_that_was_answered() -> None:
    ticks = iter(range(1000))
    centre = small_centre()
    engine = Engine(
        centres=FixedCentres((centre,)),
        vault=KeyVault(bytes(32)),
        clock=ManualClock(OPEN_AT),
        turns=Turns(clock=lambda: float(next(ticks))),
    )
    line = FakeLine(moves=[Press("1"), Press("1"), LeavesQueue("ANSWERED")])
    await engine.run(line, Arrival(call="n1-1.0", dnis=centre.numbers[0]))
    assert engine.turns.seen
    assert all(name.startswith(f"{centre.id}/") for name in engine.turns.seen)
    assert {durations.longest_s for durations in engine.turns.seen.values()} == {1.0}
