"""What the rounds of a bench come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.bench.alone import Alone
from ivr.bench.calls import BASELINE, OURS, agents_needed
from ivr.bench.report import HEADS, Report
from ivr.bench.round import Round


def one_round(way: str, asked: float = 5, **given: object) -> Round:
    cpu = {"asterisk": 0.110, "controllers": 0.020, "postgres": 0.005, "sipp": 0.030}
    if way == BASELINE:
        cpu = {"asterisk": 0.100, "postgres": 0.001, "sipp": 0.030}
    fields: dict[str, object] = {
        "way": way, "asked_rate": asked, "rate": asked, "calls": 50, "failed": 0, "retransmissions": 0, "at_once": 50,
        "to_agent_s": 17.3, "to_agent_p99_s": 17.4, "cpu": cpu, "machine": 0.5, "load": 1.0,
    }  # fmt: skip
    return Round(**{**fields, **given})  # type: ignore[arg-type]


def test_ratios_are_of_everything_of_ours_over_asterisk_alone_in_the_baseline() -> None:
    report = Report(rounds=[one_round(OURS), one_round(BASELINE)])
    assert report.cpu_ratio == pytest.approx(1.35)
    assert report.asterisk_ratio == pytest.approx(1.1)
    assert report.own_share == pytest.approx(25 / 110)
    assert report.rate_ratio == 1.0


def test_only_rates_that_both_held_are_compared() -> None:
    dear = {"asterisk": 9.0, "controllers": 9.0, "postgres": 9.0, "sipp": 9.0}
    report = Report(
        rounds=[
            one_round(OURS),
            one_round(BASELINE),
            one_round(BASELINE, 10),
            one_round(OURS, 10, retransmissions=1, cpu=dear),
        ]
    )
    assert report.cpu_ratio == pytest.approx(1.35)
    assert (report.highest(OURS), report.highest(BASELINE), report.rate_ratio) == (5, 10, 0.5)


@pytest.mark.parametrize("fault", [{"failed": 1}, {"retransmissions": 1}, {"rate": 4.8}])
def test_a_rate_with_any_fault_is_not_held(fault: dict[str, object]) -> None:
    assert one_round(OURS).is_held
    assert not one_round(OURS, **fault).is_held


def test_missed_targets_are_named() -> None:
    assert [miss.split(" wanted ")[1] for miss in Report(rounds=[one_round(OURS), one_round(BASELINE)]).misses()] == [
        "1.3"
    ]
    cheap = one_round(OURS, cpu={"asterisk": 0.1, "controllers": 0.01, "postgres": 0.005})
    assert Report(rounds=[cheap, one_round(BASELINE)]).misses() == []
    greedy = replace(cheap, cpu={"asterisk": 0.06, "controllers": 0.03, "postgres": 0.01})
    assert ["Asterisk does" in miss for miss in Report(rounds=[greedy, one_round(BASELINE)]).misses()] == [True]
    assert "no rate was held" in Report(rounds=[one_round(OURS)]).misses()[0]


def test_it_says_when_sipp_or_the_machine_was_the_limit() -> None:
    report = Report(rounds=[one_round(OURS, rate=3.0), one_round(BASELINE, machine=0.97)])
    assert [line.split(" at ")[0] for line in report.limits()] == ["SIPp was the limit", "the machine was full"]


def test_table_json_and_lines_show_every_round_and_part() -> None:
    alone = Alone(part="engine", yardstick="13 empty awaits", unit="calls/s", per_second=10, yardstick_per_second=50)
    report = Report(rounds=[one_round(OURS), one_round(BASELINE)], alone=[alone])
    table = report.table()
    assert [len(row) for row in table] == [len(HEADS)] * 2
    assert dict(zip(HEADS, table[1], strict=True))["controllers"] == "-"
    plain = report.as_json()
    assert (len(plain["rounds"]), plain["alone"][0]["slower"]) == (2, 5.0)
    assert any("5.0 times slower than 13 empty awaits" in line for line in report.lines())


def test_no_caller_waits_for_an_agent() -> None:
    assert agents_needed([1]) == 8
    assert agents_needed([2, 20]) == 100
