"""Reading a round from the journal, and that both ways are the same call."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

import pytest

from ivr.adapters.journal.tail import JournalTail
from ivr.adapters.vault import KeyVault
from ivr.bench import lab
from ivr.bench.alone import measure_engine, simulate
from ivr.bench.cpu import busy_share, read_meter, used
from ivr.bench.round import at_once, read_journal, records_of
from ivr.bootstrap import Installation
from ivr.cli import run
from ivr.domain.centre import Centre
from ivr.engine.session import Engine
from ivr.settings import load_settings
from ivr.testing.caller import LeavesQueue, Press
from ivr.testing.timeline import plan
from ivr.testing.worlds import FixedCentres, ManualClock

JOURNALS = Path(__file__).parents[1] / "data" / "journals"


@pytest.fixture
def centre() -> Centre:
    return Installation(load_settings()).centres[0]


@pytest.fixture
def at(centre: Centre) -> datetime:
    return datetime(2026, 11, 23, 10, tzinfo=centre.calendars["centre"].timezone)


def test_calls_of_a_number_are_read_from_the_journal_once() -> None:
    journal = JournalTail(JOURNALS / "two_callers_one_agent.csv")
    events = read_journal(journal)
    records = records_of(events, "1206")
    assert len(records) == 2
    assert [record.entered_at for record in records] == sorted(record.entered_at for record in records)
    assert at_once(records) == 2
    assert records_of(events, "120") == []
    assert read_journal(journal) == []


def test_processor_time_of_this_very_process_grows_and_of_none_is_nothing() -> None:
    before = read_meter({"own": [os.getpid()], "gone": [2**22 + 1]})
    deadline = before["own"] + 0.05
    while read_meter({"own": [os.getpid()]})["own"] < deadline:
        sum(range(10_000))
    spent = used(before, read_meter({"own": [os.getpid()], "gone": [2**22 + 1]}))
    assert spent["own"] > 0.04
    assert spent["gone"] == 0.0
    assert busy_share((10.0, 20.0), (13.0, 24.0)) == 0.75
    assert busy_share((10.0, 20.0), (10.0, 20.0)) == 0.0


def test_the_baseline_plays_the_prompts_of_the_shipped_flow(centre: Centre, at: datetime) -> None:
    moves = (Press("1"), Press("1"), Press("1"), LeavesQueue("ANSWERED"))
    way = plan(centre, moves, at=at, seconds=lambda _, __: 5.0, caller=None)
    heard = [key for note in way.notes if note["k"] == "step" for key in note["heard"]]  # type: ignore[union-attr]
    text = (Path(lab.__file__).parent / "baseline.conf").read_text(encoding="utf-8")
    played = re.findall(r"/(ko|en|\$\{CHANNEL\(language\)\})/(\w+)", text)
    assert [f"{key}@{where}" if key.startswith("choose") else key for where, key in played] == heard


def test_the_bench_centre_is_the_shipped_one_but_for_its_agents(tmp_path: Path, centre: Centre) -> None:
    settings = load_settings(dialplans=tmp_path)
    lab._write_centre(load_settings(), tmp_path / "120", 12)
    bench = Installation(settings).centres[0]
    assert bench.flow == centre.flow
    assert bench.calendars["centre"].week == centre.calendars["centre"].week
    assert len(bench.agents) == 12
    assert all(agent.queues.get(lab.QUEUE) == 1 for agent in bench.agents.values())
    assert bench.queues[lab.QUEUE].wrap_up_s == 0


async def test_the_engine_alone_comes_to_the_queue_and_its_yardstick_awaits_as_often(
    centre: Centre, at: datetime
) -> None:
    engine = Engine(centres=FixedCentres((centre,)), vault=KeyVault(bytes(32)), clock=ManualClock(at))
    line = await simulate(engine, "120")
    assert line.waiting is not None
    assert line.waiting.queue == "120-pension"
    alone = await measure_engine(centre, at, calls=3)
    assert alone.yardstick == f"{line.awaits} empty awaits"
    assert alone.yardstick_per_second > alone.per_second > 0


@pytest.mark.parametrize("rates", ["", "x", "5,5", "10,5", "0", "-1", "500"])
def test_wrong_rates_are_told_in_a_line(rates: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--rates", rates]) == 2
    assert capsys.readouterr().err.startswith("ivr bench: --rates ")
