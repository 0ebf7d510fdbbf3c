"""The verdicts of a soak, with leaks that were planted."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from test_report import one_round

from ivr.bench.calls import OURS
from ivr.bench.soak import Process, SoakReport
from ivr.bench.trend import Sample, Verdict, descriptors, given_back, memory, slope
from ivr.domain.durations import Durations

MIB = 2**20
MINUTES = 30


def run_of(uss: Callable[[float], float], fds: Callable[[float, int], float] = lambda _, __: 40) -> list[Sample]:
    """Thirty minutes, sampled every 15 s, with calls that go up and down."""
    chance = random.Random(1)
    samples = []
    for place in range(MINUTES * 4):
        at_s, calls = place * 15.0, 100 + chance.randint(-30, 30)
        used = int(uss(at_s / 60) * MIB + chance.gauss(0, MIB / 2))
        samples.append(
            Sample(at_s=at_s, rss=used + 20 * MIB, uss=used, descriptors=round(fds(at_s / 60, calls)), calls=calls)
        )
    return samples


def test_noise_and_a_warm_up_are_flat() -> None:
    assert memory(run_of(lambda _: 90)).holds
    assert memory(run_of(lambda minute: 60 + min(minute, 5) * 6)).holds
    assert memory(run_of(lambda minute: 90 - minute)).holds


def test_callers_who_are_only_coming_are_no_leak() -> None:
    """A minute of load: memory grows with the callers until the first of them leaves."""
    samples = [
        Sample(at_s=at_s, rss=0, uss=int((40 + min(at_s, 30) * 0.5) * MIB), descriptors=20, calls=int(min(at_s, 30)))
        for at_s in range(0, 62, 2)
    ]
    assert memory(samples).holds


@pytest.mark.parametrize("mib_a_minute", [0.3, 1.0, 10.0])
def test_a_planted_leak_of_memory_is_found(mib_a_minute: float) -> None:
    verdict = memory(run_of(lambda minute: 90 + minute * mib_a_minute))
    assert not verdict.holds
    assert verdict.words.endswith("grows")


def test_descriptors_may_follow_calls_but_not_time() -> None:
    assert descriptors(run_of(lambda _: 90, lambda _, calls: 30 + 1.0 * calls)).holds
    leak = descriptors(run_of(lambda _: 90, lambda minute, calls: 30 + 1.0 * calls + minute))
    assert not leak.holds
    assert leak.words.endswith("leaks")


def test_descriptors_of_calls_are_given_back() -> None:
    assert given_back(40, 44).holds
    assert not given_back(40, 90).holds


@pytest.mark.parametrize("verdict", [memory, descriptors])
def test_too_few_samples_show_nothing(verdict: Callable[[Sequence[Sample]], Verdict]) -> None:
    assert not verdict(run_of(lambda _: 90)[:2]).holds
    assert not verdict([]).holds


def test_a_slope_needs_two_places() -> None:
    assert slope([1.0, 1.0], [1.0, 5.0]) == 0.0
    assert slope([0.0, 2.0], [1.0, 5.0]) == pytest.approx(2.0)


def process(name: str = "controller-1", lag_s: float | None = 0.002, **verdicts: Verdict) -> Process:
    lag = None
    if lag_s is not None:
        lag = Durations()
        lag.add(lag_s)
    good = Verdict(True, "good")
    fields = {"memory": good, "descriptors": good, "given_back": good} | verdicts
    return Process(name=name, rss=(1, 1), lag=lag, **fields)


def report(*processes: Process, left: Sequence[str] = (), failed: int = 0) -> SoakReport:
    return SoakReport(whole=one_round(OURS, failed=failed), minutes=1, processes=processes, left=left)


def test_a_soak_without_a_fault_misses_nothing() -> None:
    good = report(process(), process("asterisk", None))
    assert good.misses() == []
    assert good.table()[1][-1] == "-"


def test_each_fault_is_a_line() -> None:
    grows = Verdict(False, "90 MiB: grows")
    assert report(process(memory=grows)).misses() == ["controller-1: memory: 90 MiB: grows"]
    assert "lags by 30.0 ms" in report(process(lag_s=0.03)).misses()[0]
    assert report(process(), left=["1 channels are left"]).misses() == ["1 channels are left"]
    assert report(process(), failed=2).misses() == ["2 of 50 calls failed"]
    assert report(process(lag_s=None)).misses() == ["no process told its event-loop lag"]
