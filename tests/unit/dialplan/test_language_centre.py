"""The centre of tests/data/centres/language uses every kind of node: it is right, and calls go as it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.dialplan.compiler import load_centres
from ivr.domain.actions import Fetched
from ivr.domain.centre import Centre
from ivr.domain.conditions import Share
from ivr.domain.flow import Decide, Node
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.testing.branches import World, find_ways
from ivr.testing.caller import FakeLine, moves_from_keys, place_call
from ivr.testing.lookups import FakeLookup
from ivr.testing.worlds import FixedCentres, ManualClock, PlainVault

ROOT = Path(__file__).parents[3]
SEOUL = ZoneInfo("Asia/Seoul")
OPEN = datetime(2026, 11, 23, 10, 0, tzinfo=SEOUL)
CALLER = "0101234567"
"""Falls into no share of callers from 02."""
ACCOUNTS, PERSONS = "http://127.0.0.1:8971/accounts", "http://127.0.0.1:8971/persons"
ACCOUNT = Fetched("found", {"accounts": [{"balance": 12000}], "waiting": 3, "since": "2024-05-01"})


@pytest.fixture(scope="module")
def centre() -> Centre:
    known = {language: load_catalogue(ROOT / "prompts", language).keys() for language in ("ko", "en")}
    return load_centres(ROOT / "tests" / "data" / "centres", known).need_all()["language"]


async def place(
    centre: Centre,
    *keys: str,
    at: datetime = OPEN,
    caller: str | None = CALLER,
    lookup: FakeLookup | None = None,
    call: str = "n1-1.0",
) -> FakeLine:
    engine = Engine(
        centres=FixedCentres((centre,)), vault=PlainVault(), clock=ManualClock(at), lookup=lookup or FakeLookup()
    )
    return await place_call(engine, FakeLine(moves_from_keys(keys)), Arrival(call=call, dnis="1577", caller=caller))


def path(line: FakeLine) -> list[tuple[str, str]]:
    return [(note["node"], note["result"]) for note in line.notes_of("step")]


def test_every_kind_of_node_is_used(centre: Centre) -> None:
    assert {type(node) for node in centre.flow.nodes.values()} == set(get_args(Node))


@pytest.mark.parametrize(
    ("at", "caller", "case"),
    [
        (OPEN, CALLER, "otherwise"),
        (OPEN, None, "3"),
        (OPEN.replace(hour=12, minute=30), None, "2"),
        (OPEN.replace(hour=13), None, "3"),
        (datetime(2026, 12, 25, 0, 0, tzinfo=SEOUL), CALLER, "1"),
        (datetime(2026, 12, 26, 0, 0, tzinfo=SEOUL), CALLER, "otherwise"),
    ],
)
async def test_which_case_is_taken(centre: Centre, at: datetime, caller: str | None, case: str) -> None:
    line = await place(centre, "hangup", at=at, caller=caller)
    assert ("kind_of_day", case) in path(line)


async def test_one_in_ten_callers_of_a_region_takes_part_in_a_trial(centre: Centre) -> None:
    node = centre.flow.nodes["kind_of_day"]
    assert isinstance(node, Decide)
    shares = [each for case in node.cases for each in case.conditions if isinstance(each, Share)]
    assert shares == [Share(0, 1000), Share(1000, 1050)]
    calls = [await place(centre, "hangup", caller="0212345678", call=f"n1-{number}.0") for number in range(300)]
    trial = sum(("kind_of_day", "4") in path(line) for line in calls)
    assert 15 <= trial <= 45


async def test_a_lookup_is_said(centre: Centre) -> None:
    lookup = FakeLookup({ACCOUNTS: ACCOUNT})
    line = await place(centre, "2", "1", "1234#", lookup=lookup)
    assert path(line)[-3:] == [("account", "found"), ("told", "done"), ("goodbye", "done")]
    heard = [name for name in line.heard if name.endswith("@en")]
    assert heard[-10:-6] == ["number_is@en", "number/12@en", "number/thousand@en", "won@en"]
    assert "number/3@en" in heard
    assert dict(lookup.asked[0].query) == {"member": "1234", "kind": "basic"}
    assert "12000" not in str([note for note in line.notes_of("step") if note["node"] == "account"])


@pytest.mark.parametrize(
    ("answer", "to"),
    [
        (Fetched("not_found"), "unknown_member"),
        (Fetched("timeout"), "too_slow"),
        (Fetched("error"), "out_of_order"),
        (
            replace(ACCOUNT, document={"accounts": [{"balance": "a lot"}], "waiting": 3, "since": "2024-05-01"}),
            "out_of_order",
        ),
    ],
)
async def test_every_failure_of_a_lookup_has_its_branch(centre: Centre, answer: Fetched, to: str) -> None:
    line = await place(centre, "1", "1", "1234#", lookup=FakeLookup({ACCOUNTS: answer}))
    assert (to, "done") in path(line)


async def test_a_personal_lookup_leaves_nothing_in_the_journal(centre: Centre) -> None:
    lookup = FakeLookup({PERSONS: Fetched("found", {"person": {"birth_date": "900101"}})})
    line = await place(centre, "1", "6", lookup=lookup)
    assert lookup.asked[0].body == {"number": CALLER, "language": "ko"}
    told = str([note for note in line.notes if note["k"] != "enter"])
    assert CALLER not in told
    assert "900101" not in told
    assert "month/1@ko" in line.heard


async def test_scores(centre: Centre) -> None:
    line = await place(centre, "1", "0", "queue:ANSWERED", "5", "10")
    assert [(note["metric"], note["score"], note.get("of")) for note in line.notes_of("survey")] == [
        ("csat", 5, "agent"),
        ("nps", 10, None),
    ]
    assert path(line)[-1] == ("scored", "done")


@pytest.mark.parametrize(
    ("keys", "end"),
    [
        (("2", "transfer:ANSWERED"), ("agent", "answered")),
        (("2", "transfer:BUSY"), ("goodbye", "done")),
        (("3", "transfer:FAILED"), ("goodbye", "done")),
        (("4", "queue:ANSWERED"), ("to_desk", "answered")),
        (("4", "queue:JOINEMPTY"), ("goodbye", "done")),
        (("5", "300", "20281224", "1", "4111111111111111"), ("goodbye", "done")),
        (("5", "501", "300", "20281324", "20281224", "1", "4111111111111112", "4111111111111111"), ("goodbye", "done")),
        (("8", "2208162517"), ("goodbye", "done")),
        (("7", "2208162517"), ("goodbye", "done")),
        (("0", "queue:KEY:1"), ("goodbye", "done")),
        (("0", "queue:TIMEOUT", "talk:5", "1"), ("goodbye", "done")),
    ],
)
async def test_ways_through(centre: Centre, keys: tuple[str, ...], end: tuple[str, str]) -> None:
    line = await place(centre, "1", *keys)
    assert path(line)[-1] == end
    assert line.done
    assert not line.hung_up


async def test_set_changes_the_language_of_what_follows(centre: Centre) -> None:
    line = await place(centre, "1", "7", "hangup")
    assert line.heard[-1] == "ask_number@en"
    assert line.notes_of("step")[-1]["category"] == "money"


def test_ways_are_found_to_every_node_that_a_caller_alone_can_reach(centre: Centre) -> None:
    world = World(name="open", at=OPEN, caller_known=True, queue_ends=("KEY", "TIMEOUT"))
    reached = {branch.place.node for way in find_ways(centre, world) for branch in way.branches}
    after_agents = {"satisfaction", "recommendation", "scored"}
    other_days = {"lunch_break", "no_number", "holiday_season", "trial"}
    known_elsewhere = {"told", "person_told"}
    assert reached == set(centre.flow.nodes) - after_agents - other_days - known_elsewhere
