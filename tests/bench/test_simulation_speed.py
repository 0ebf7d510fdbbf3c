"""Simulated calls a second on one core, beside the same calls as the live engine writes them (baseline `sealed`)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

from ivr.adapters.vault import KeyVault
from ivr.cli.folders import get_centre, get_centres, load_catalogues
from ivr.dialplan.scenarios import load_scenarios
from ivr.domain.centre import Centre
from ivr.domain.scenario import Scenario
from ivr.engine.at_once import run_to_end
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.settings import CHECKOUT
from ivr.testing.caller import FakeLine, place_call
from ivr.testing.scenarios import script_of
from ivr.testing.simulation import SimulatedCall, simulate
from ivr.testing.worlds import FixedCentres, ManualClock

TARGET = 5000
"""Calls a second on one core of the project's machine; printed, because other machines differ."""
ROUNDS = 5


@pytest.fixture(scope="module")
def centre() -> Centre:
    return get_centre(get_centres(CHECKOUT / "dialplans", load_catalogues()), "120")


@pytest.fixture(scope="module")
def mix(centre: Centre) -> list[Scenario]:
    """Every shipped scenario once: long and short calls, in both languages."""
    scenarios, problems = load_scenarios(CHECKOUT / "dialplans" / "120", centre)
    assert not problems
    return list(scenarios)


def rate(calls: int, play: Callable[[], None]) -> float:
    """Calls a CPU second, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        play()
        best = min(best, time.process_time() - began)
    return calls / best


def test_simulated_calls_a_second(centre: Centre, mix: list[Scenario], capsys: pytest.CaptureFixture[str]) -> None:
    vault = KeyVault(bytes(32))

    def simulated() -> None:
        for scenario in mix:
            simulate(centre, script_of(scenario))

    def sealed() -> None:
        for scenario in mix:
            line = _SealedLine(list(scenario.moves), agents=scenario.agents, hang_up_at=scenario.hang_up_at)
            engine = Engine(centres=FixedCentres((centre,)), vault=vault, clock=ManualClock(scenario.at))
            run_to_end(place_call(engine, line, Arrival(call="c", dnis=scenario.dial, caller=scenario.caller)))

    fast, slow = rate(len(mix), simulated), rate(len(mix), sealed)
    with capsys.disabled():
        sys.stdout.write(
            f"\nsimulate: {fast:,.0f} calls/s on one core (target {TARGET:,}); baseline `sealed` {slow:,.0f}\n"
        )
    assert fast > 1.5 * slow
    assert fast > TARGET / 4, "far from the target on any machine"


class _SealedLine(SimulatedCall):
    """A simulated call whose commits are sealed as on a live line."""

    async def commit(self, journal: str, state: str) -> None:
        await FakeLine.commit(self, journal, state)
