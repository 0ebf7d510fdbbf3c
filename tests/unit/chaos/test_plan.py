"""The plan of a kill test follows from its seed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from ivr.chaos.plan import ASTERISK, FREEZE_S, HANG_S, WEIGHTS, make_plan

EVERY_S = 2.0
PLAN = make_plan(seed=1, kills=1000, every_s=EVERY_S)


def test_the_same_seed_gives_the_same_plan_and_another_another() -> None:
    assert make_plan(seed=1, kills=1000, every_s=EVERY_S) == PLAN
    assert make_plan(seed=2, kills=1000, every_s=EVERY_S) != PLAN


def test_it_has_as_many_kills_as_asked_numbered_in_order() -> None:
    strikes = [*PLAN.main, *PLAN.asterisk]
    assert [strike.number for strike in strikes] == list(range(1, 1001))
    assert len(PLAN.asterisk) == 40


def test_asterisk_dies_in_its_own_series_only() -> None:
    assert {strike.target for strike in PLAN.asterisk} == {ASTERISK}
    assert ASTERISK not in {strike.target for strike in PLAN.main}


def test_every_way_of_dying_comes_about_as_often_as_its_weight_says() -> None:
    counts = Counter((strike.target, strike.how) for strike in PLAN.main)
    total = sum(WEIGHTS.values())
    assert counts.keys() == WEIGHTS.keys()
    for way, weight in WEIGHTS.items():
        expected = len(PLAN.main) * weight / total
        assert expected / 2 < counts[way] < expected * 2


def test_strikes_come_one_after_the_other_about_as_fast_as_asked() -> None:
    times = [strike.at_s for strike in PLAN.main]
    assert all(0.4 * EVERY_S <= later - earlier <= 1.6 * EVERY_S for earlier, later in pairwise(times))
    assert times[-1] / len(times) == pytest.approx(EVERY_S, rel=0.1)


def test_whatever_is_stopped_is_not_stopped_for_ever() -> None:
    least, most = FREEZE_S
    for strike in PLAN.main:
        if strike.how == "freeze":
            assert least <= strike.hold_s <= most
        else:
            assert strike.hold_s == (HANG_S if strike.how == "hang" else 0)


def test_a_single_kill_is_no_plan() -> None:
    with pytest.raises(ValueError, match="at least two"):
        make_plan(seed=1, kills=1, every_s=1)
