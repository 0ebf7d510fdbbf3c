"""The search for the limit, and when what it found is no capacity."""

from __future__ import annotations

import pytest
from test_report import one_round

from ivr.bench.calls import BASELINE, OURS
from ivr.bench.report import Report
from ivr.bench.round import Round
from ivr.bench.search import CLOSE, Capacity, next_rate, search
from ivr.domain.durations import Durations


async def found(limit: float, first: float = 4, most: float = 40, **broken: object) -> list[Round]:
    """The rounds of a search in which every rate above `limit` fails."""

    async def play(way: str, rate: float) -> Round:
        return one_round(way, rate) if rate <= limit else one_round(way, rate, **(broken or {"failed": 3}))

    return [one async for one in search(play, first, most)]


@pytest.mark.parametrize("limit", [0.7, 2.0, 4.0, 9.9, 17.3, 39.0])
async def test_the_limit_is_found_closely_from_below_for_both_ways(limit: float) -> None:
    rounds = await found(limit)
    for way in (OURS, BASELINE):
        highest = Capacity(way=way, rounds=[one for one in rounds if one.way == way]).highest
        assert highest is not None
        assert limit / CLOSE / 1.02 <= highest.asked_rate <= limit
    assert len(rounds) <= 24


async def test_the_ways_take_turns() -> None:
    assert [one.way for one in await found(9)][:4] == [OURS, BASELINE, OURS, BASELINE]


async def test_where_nothing_broke_there_is_no_capacity() -> None:
    report = Report(rounds=await found(100, first=10, most=20), is_search=True)
    assert report.capacity(OURS).cause() == "none"
    assert not report.capacity(OURS).is_known
    assert report.capacity_ratio is None
    assert "no capacity" in report.capacity(OURS).words()


@pytest.mark.parametrize("broken", [{"rate": 1.0}, {"failed": 2, "sipp_core": 0.97}])
async def test_where_sipp_was_the_limit_its_rate_is_not_called_a_capacity(broken: dict[str, object]) -> None:
    report = Report(rounds=await found(9, **broken), is_search=True)
    assert report.capacity(OURS).cause() == "generator"
    assert "SIPp was the limit" in report.capacity(OURS).words()
    assert report.capacity_ratio is None
    assert report.as_json()["capacity_ratio"] is None


@pytest.mark.parametrize(("broken", "cause"), [({"failed": 1, "machine": 0.99}, "machine"), ({"failed": 1}, "system")])
async def test_what_ended_it_is_told(broken: dict[str, object], cause: str) -> None:
    capacity = Report(rounds=await found(9, **broken), is_search=True).capacity(OURS)
    assert (capacity.cause(), capacity.is_known) == (cause, True)
    assert "1 failed" in capacity.words()


def test_prompts_that_come_late_are_not_held() -> None:
    capacity = Capacity(way=OURS, rounds=[one_round(OURS, 4), one_round(OURS, 6, to_agent_p99_s=19.0)])
    assert capacity.highest is capacity.rounds[0]
    assert "prompts late by 1.6 s" in capacity.words()


def test_no_rate_held_ends_at_the_lowest() -> None:
    assert next_rate(Capacity(way=OURS, rounds=[one_round(OURS, 0.9, failed=1)]), 4, 40) is None


async def test_a_capacity_far_below_the_baselines_is_a_miss() -> None:
    rounds = [one for one in await found(6) if one.way == OURS] + [
        one for one in await found(12) if one.way == BASELINE
    ]
    report = Report(rounds=rounds, is_search=True)
    assert report.capacity_ratio is not None
    assert report.capacity_ratio < 0.6
    assert any("capacity is" in miss for miss in report.misses())
    assert not any("capacity is" in miss for miss in Report(rounds=await found(9), is_search=True).misses())


def test_latency_by_node_and_shares_are_of_the_highest_rate_held() -> None:
    slow, quick = Durations(), Durations()
    slow.add(0.5)
    quick.add(0.002)
    report = Report(
        rounds=[
            one_round(OURS, 4, turns={"120/main": quick}),
            one_round(OURS, 8, turns={"120/main": slow}, failed=1),
            one_round(BASELINE, 4),
        ]
    )
    assert report.turns() == [("120/main", 1, "2.0", "2.0", "2.0")]
    shares = {(way, part): (cores, share) for way, part, _, cores, share in report.shares()}
    assert shares[(OURS, "asterisk")] == ("0.44", "67%")
    assert {way for way, _ in shares} == {OURS, BASELINE}
    assert report.as_json()["rounds"][0]["turns"]["120/main"]["count"] == 1
