"""The shipped line 120: right with its real prompts, and every way through it leads where it should."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.dialplan.compiler import load_centres
from ivr.dialplan.problem import report
from ivr.domain.act import action
from ivr.domain.actions import Ask, CallerHungUp, Event, Heard, Keyed, Leave, QueueLeft, Record, Recorded, Speak, Wait
from ivr.domain.centre import Centre
from ivr.domain.flow import End, Enqueue, Menu, Message, targets
from ivr.domain.step import advance, start
from ivr.domain.values import Personal

REPO = Path(__file__).parents[3]
SEOUL = ZoneInfo("Asia/Seoul")
MONDAY_10 = datetime(2026, 11, 23, 10, tzinfo=SEOUL)
MONDAY_20 = datetime(2026, 11, 23, 20, tzinfo=SEOUL)
CALLER = Personal("01012345678")


@pytest.fixture(scope="module")
def centre() -> Centre:
    known = {language: load_catalogue(REPO / "prompts", language).keys() for language in ("ko", "en")}
    loaded = load_centres(REPO / "dialplans", known)
    assert report(loaded.problems) == ""
    return loaded.centres["120"]


class Call:
    """A call through the flow, driven by words: keys, `-` (no key), `talk`, `silence`, or `queue:HOW`."""

    def __init__(self, centre: Centre, at: datetime, moves: str, caller: Personal | None = CALLER) -> None:
        step = start(centre, call="n1-1.0", dnis="120", caller=caller, at=at)
        self.notes = list(step.notes)
        self.state = step.state
        self.left = moves.split()
        while not self.state.ended:
            event = self._event(centre)
            step = advance(centre, self.state, event, at)
            self.notes += step.notes
            self.state = step.state

    def _event(self, centre: Centre) -> Event:
        match action(centre, self.state):
            case Speak() | Leave():
                return Heard()
            case _ if not self.left:
                return CallerHungUp()
            case Ask(max_digits=most):
                keys = self.left.pop(0)
                assert len(keys.rstrip("#")) <= most, f"{keys} at {self.state.node}"
                return Keyed("") if keys == "-" else Keyed(keys.rstrip("#"), terminated=True)
            case Record():
                return Recorded({"talk": 12.0, "silence": 0.0}[self.left.pop(0)])
            case Wait():
                kind, how, *key = self.left.pop(0).split(":")
                assert kind == "queue", self.state.node
                return QueueLeft(how, *key)
        raise AssertionError(self.state)

    @property
    def path(self) -> list[str]:
        return [str(note["node"]) for note in self.notes if note["k"] == "step"]

    def fields_of(self, kind: str) -> list[dict[str, object]]:
        return [dict(note) for note in self.notes if note["k"] == kind]


def opened(data: object) -> object:
    """What a note keeps sealed."""
    assert isinstance(data, Personal)
    return json.loads(data.text)


DATA = "900101 1 1 talk 1"
"""Birth date, right, my own number, the question, keep it."""


@pytest.mark.parametrize(
    ("keys", "category", "queue"),
    [
        ("1 1 1", "pension", "pension"),
        ("1 1 2", "pension", "pension"),
        ("1 1 3", "pension", "pension"),
        ("2 1 0", "pension", "pension"),
        ("1 2 1", "work_injury", "injury"),
        ("2 2 2", "work_injury", "injury"),
        ("1 2 0", "work_injury", "injury"),
        ("1 3 1", "health", "health"),
        ("2 3 2", "health", "health"),
        ("1 3 3", "health", "health"),
        ("1 3 0", "health", "health"),
        ("2 0", "general", "general"),
        ("1 9 1 9 2 9 3 9 9 0", "general", "general"),
        ("- - - - - -", None, "general"),  # a caller who cannot press keys reaches a person
        ("1 8 7 #", None, "general"),
        ("1 1 - 8 -", "pension", "pension"),
        ("1 2 - 8 -", "work_injury", "injury"),
        ("1 3 - 8 -", "health", "health"),
    ],
)
def test_in_working_hours_every_choice_reaches_its_queue(
    centre: Centre, keys: str, category: str | None, queue: str
) -> None:
    call = Call(centre, MONDAY_10, f"{keys} queue:DONE")
    (waited,) = call.fields_of("queue")
    assert waited["queue"] == queue
    assert bool(waited["talk_file"]) is (queue in ("pension", "injury"))
    assert call.state.category == category
    assert call.state.language == ("en" if keys.startswith("2") else "ko")
    assert "recording_notice" in call.path
    assert call.fields_of("end") == [{"k": "end", "outcome": None, "reason": "served"}]


@pytest.mark.parametrize("menu", ["1", "2", "3"])
@pytest.mark.parametrize("way", ["queue:JOINEMPTY 1", "queue:TIMEOUT 2 queue:TIMEOUT 1"])
def test_nobody_answers_and_a_message_is_left(centre: Centre, menu: str, way: str) -> None:
    call = Call(centre, MONDAY_10, f"1 {menu} 1 {way} {DATA}")
    assert [note["state"] for note in call.fields_of("message")] == ["recording", "kept"]
    assert call.fields_of("message")[-1]["category"] == call.state.category
    (callback,) = call.fields_of("callback")
    assert (callback["origin"], callback["due"]) == ("message", "2026-11-23T10:00:00+09:00")
    assert call.path[-1] == "goodbye"


@pytest.mark.parametrize("way", ["queue:KEY:1", "queue:LEAVEEMPTY 3", "queue:TIMEOUT 3"])
@pytest.mark.parametrize("menu", ["1 1", "2 1", "3 1", "0"])
def test_a_caller_who_will_not_wait_is_called_back(centre: Centre, menu: str, way: str) -> None:
    call = Call(centre, MONDAY_10, f"1 {menu} {way} 1")
    (callback,) = call.fields_of("callback")
    assert callback["origin"] == "queue"
    assert callback["number"] == CALLER
    assert call.path[-2:] == ["callback_confirmed", "goodbye"]
    assert call.fields_of("message") == []


def test_a_caller_without_a_number_types_it_for_the_callback(centre: Centre) -> None:
    call = Call(centre, MONDAY_10, "2 0 queue:KEY:1 0212345678# 2 01098765432# 1", caller=None)
    (callback,) = call.fields_of("callback")
    assert callback["number"] == Personal("01098765432")
    assert "callback_from_queue/number_unknown" in call.path


def test_after_hours_the_question_is_kept_and_called_back_next_morning(centre: Centre) -> None:
    call = Call(centre, MONDAY_20, f"1 9 2 {DATA}")
    (callback,) = call.fields_of("callback")
    assert callback["due"] == "2026-11-24T09:00:00+09:00"
    assert callback["category"] == "work_injury"
    kept = call.fields_of("message")[-1]
    assert kept["state"] == "kept"
    assert opened(kept["data"]) == {"birth_date": "900101", "number": CALLER.text}
    assert call.state.variables["opens_at"] == "2026-11-24T09:00:00+09:00"
    assert call.path[-1] == "goodbye"


@pytest.mark.parametrize(
    ("key", "category"), [("1", "pension"), ("2", "work_injury"), ("3", "health"), ("0", "general")]
)
def test_after_hours_categories(centre: Centre, key: str, category: str) -> None:
    assert Call(centre, MONDAY_20, f"2 {key} {DATA}").fields_of("callback")[0]["category"] == category


def test_after_hours_another_number_wrong_dates_and_a_second_take(centre: Centre) -> None:
    call = Call(centre, MONDAY_20, "2 1 991332 900101 2 900102 1 2 060123# 01098765432# 1 talk 2 talk 1")
    assert [note["state"] for note in call.fields_of("message")] == ["recording", "discarded", "recording", "kept"]
    assert opened(call.fields_of("message")[-1]["data"]) == {"birth_date": "900102", "number": "01098765432"}


def test_after_hours_cancelled(centre: Centre) -> None:
    call = Call(centre, MONDAY_20, "1 1 900101 1 1 talk 3")
    assert [note["state"] for note in call.fields_of("message")] == ["recording", "discarded"]
    assert call.fields_of("callback") == []
    assert call.path[-2:] == ["message_cancelled", "goodbye"]


@pytest.mark.parametrize("at", [MONDAY_10, MONDAY_20], ids=["open", "closed"])
def test_a_caller_who_presses_nothing_comes_to_an_end(centre: Centre, at: datetime) -> None:
    call = Call(centre, at, "- " * 40 if at == MONDAY_20 else "- - - - - - queue:TIMEOUT - - -")
    assert call.path[-2:] == ["too_many_tries", "goodbye"]


def menus(centre: Centre) -> Iterator[Menu]:
    return (node for node in centre.flow.nodes.values() if isinstance(node, Menu))


def test_wrong_keys_and_silence_are_answered_in_every_menu(centre: Centre) -> None:
    assert all(menu.retry.on_invalid and menu.retry.on_silence for menu in menus(centre))


def test_queues_tiers_and_messages_are_as_promised(centre: Centre) -> None:
    assert set(centre.queues) == {"pension", "injury", "health", "general"}
    for queue in centre.queues:
        tiers = {agent.queues[queue] for agent in centre.agents.values() if queue in agent.queues}
        assert tiers == {1, 2}, queue
    assert {name for name, queue in centre.queues.items() if queue.record_talk} == {"pension", "injury"}
    nodes = centre.flow.nodes.values()
    assert {node.queue for node in nodes if isinstance(node, Enqueue)} == set(centre.queues)
    assert all("1" in node.keys for node in nodes if isinstance(node, Enqueue))
    assert [node.max_s for node in nodes if isinstance(node, Message)] == [120]
    assert [node.id for node in nodes if isinstance(node, End)] == ["goodbye"]


DATA_UNKNOWN = "900101 1 0212345678# 1 talk 1"
WALKS = [
    *(
        (MONDAY_10, f"{language} {menu} queue:DONE")
        for language in "12"
        for menu in ("1 1", "1 2", "1 3", "1 0", "2 1", "2 2", "2 0", "3 1", "3 2", "3 3", "3 0", "0")
    ),
    *((MONDAY_10, f"1 {menu} 9 0 queue:DONE") for menu in "1239"),
    *((MONDAY_10, f"- - - {menu} - - queue:JOINEMPTY - - -") for menu in ("1 -", "2 -", "3 -", "-")),
    *(
        (MONDAY_10, f"1 {menu} queue:{way}")
        for menu in ("1 1", "2 1", "3 1", "0")
        for way in ("KEY:1 1", "JOINEMPTY 3 1")
    ),
    *(
        (MONDAY_10, f"1 {menu} queue:TIMEOUT {way}")
        for menu in ("1 1", "2 1", "3 1", "0")
        for way in ("2 queue:TIMEOUT - - -", "3 2 0212345678# 1", f"1 {DATA}")
    ),
    (MONDAY_10, f"1 - - - queue:JOINEMPTY 1 1 {DATA}"),
    (MONDAY_10, "1 0 queue:KEY:1 - - -"),
    (MONDAY_10, "1 0 queue:KEY:1 2 - - -"),
    *((MONDAY_20, f"1 9 {key} {DATA}") for key in "1230"),
    (MONDAY_20, "1 - - -"),
    (MONDAY_20, "1 1 - - -"),
    (MONDAY_20, "1 1 900101 1 - - -"),
    (MONDAY_20, "1 1 900101 1 2 - - -"),
    (MONDAY_20, "1 1 900101 1 2 0212345678# 1 talk 3"),
    (MONDAY_20, "1 1 900101 1 1 silence silence silence"),
]
"""Calls that together take every way there is."""


def test_every_way_of_the_flow_is_taken(centre: Centre) -> None:
    """A new target in the shipped flow wants a call in WALKS that goes there."""
    calls = [Call(centre, at, moves) for at, moves in WALKS]
    calls += [Call(centre, MONDAY_20, f"1 1 {DATA_UNKNOWN}", caller=None)]
    calls += [Call(centre, MONDAY_10, "1 0 queue:KEY:1 0212345678# 1", caller=None)]
    taken = {(note["node"], note["to"]) for call in calls for note in call.fields_of("step")}
    there = {(name, target) for name, node in centre.flow.nodes.items() for target in targets(node).values()}
    assert there - taken == set()
