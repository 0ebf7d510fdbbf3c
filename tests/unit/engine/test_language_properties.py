"""What holds for every call through the centre of every kind of node, whatever callers and other systems do."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.dialplan.compiler import load_centres
from ivr.domain.act import action
from ivr.domain.actions import (
    Action,
    Ask,
    CallerHungUp,
    Dial,
    DialEnded,
    Event,
    Fetch,
    Fetched,
    Heard,
    Keyed,
    QueueLeft,
    Record,
    Recorded,
    Sound,
    Speak,
    Wait,
)
from ivr.domain.centre import Centre
from ivr.domain.notes import Note
from ivr.domain.state import CallState
from ivr.domain.step import advance, start
from ivr.domain.values import Personal
from ivr.engine.wire import notes_to_journal, state_from_token, state_to_token

from .calls import VAULT

ROOT = Path(__file__).parents[3]
OPEN = datetime(2026, 11, 23, 10, 0, tzinfo=ZoneInfo("Asia/Seoul"))
CALLER, BIRTH_DATE, CARD = "01098765432", "900101", "4111111111111111"


@pytest.fixture(scope="module")
def centre() -> Centre:
    known = {language: load_catalogue(ROOT / "prompts", language).keys() for language in ("ko", "en")}
    return load_centres(ROOT / "tests" / "data" / "centres", known).need_all()["language"]


KEYED = st.builds(
    Keyed,
    st.sampled_from([*"01234567891245", "10", "12", "1234", "300", "501", "20281224", CARD, "2208162517", "", "1*"]),
    st.booleans(),
)
DOCUMENTS = st.sampled_from(
    [
        {"accounts": [{"balance": 12000}], "waiting": 3, "since": "2024-05-01"},
        {"accounts": [{"balance": -1}], "waiting": "many", "since": "soon"},
        {"person": {"birth_date": BIRTH_DATE}},
        [],
        None,
    ]
) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.dictionaries(st.sampled_from(["accounts", "balance", "waiting", "person", "0"]), inner)
        | st.lists(inner, max_size=2)
    ),
)
FETCHED = st.builds(Fetched, st.sampled_from(["found", "found", "not_found", "timeout", "error"]), DOCUMENTS)
DIALLED = st.builds(DialEnded, st.sampled_from(["ANSWERED", "BUSY", "NOANSWER", "FAILED", "ODD"]))
LEFT = st.sampled_from([QueueLeft(how) for how in ("TIMEOUT", "JOINEMPTY", "DONE", "ODD")] + [QueueLeft("KEY", "1")])
ANY: st.SearchStrategy[Event] = KEYED | FETCHED | DIALLED | LEFT | st.just(Heard()) | st.just(Recorded(3.0))


def answers(todo: Action) -> st.SearchStrategy[Event]:
    """Events that can come of an action; now and then one that cannot, as after a resume."""
    match todo:
        case Ask():
            fitting: st.SearchStrategy[Event] = KEYED
        case Record():
            fitting = st.builds(Recorded, st.sampled_from([0.0, 4.0]))
        case Wait():
            fitting = LEFT
        case Dial():
            fitting = DIALLED
        case Fetch():
            fitting = FETCHED
        case _:
            fitting = st.just(Heard())
    return st.one_of(*[fitting] * 8, ANY)


def run(centre: Centre, data: st.DataObject) -> Iterator[tuple[CallState, tuple[Note, ...]]]:
    at = OPEN
    caller = data.draw(st.sampled_from([Personal(CALLER), None]))
    call = f"n1-{data.draw(st.integers(0, 99))}.0"
    step = start(centre, call=call, dnis="1577", caller=caller, at=at)
    yield step.state, step.notes
    while not step.state.ended:
        at += timedelta(seconds=1)
        gone = data.draw(st.integers(0, 40)) == 0
        event = CallerHungUp() if gone else data.draw(answers(action(centre, step.state)))
        step = advance(centre, step.state, event, at)
        yield step.state, step.notes


@settings(max_examples=150)
@given(data=st.data())
def test_every_call_ends_once_and_every_state_has_its_action(centre: Centre, data: st.DataObject) -> None:
    ends = []
    for state, notes in run(centre, data):
        ends += [note for note in notes if note["k"] == "end"]
        if not state.ended:
            token = state_to_token(state, VAULT)
            assert state_from_token(token, VAULT) == state
            assert action(centre, state_from_token(token, VAULT)) == action(centre, state)
            assert len(token) < 4000
    assert len(ends) == 1


@settings(max_examples=150)
@given(data=st.data())
def test_nothing_personal_leaves_but_in_the_body_of_a_lookup(centre: Centre, data: st.DataObject) -> None:
    for state, notes in run(centre, data):
        payload = notes_to_journal(state.commits - 1, notes, VAULT)
        outside = [base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode(), repr(notes), repr(state)]
        if not state.ended:
            todo = action(centre, state)
            outside.append(repr(todo) if not isinstance(todo, Ask | Speak | Record) else "")
            if isinstance(todo, Fetch):
                outside.append(str(todo.query))
                assert CALLER not in todo.body.values() or todo.url.endswith("/persons")
            sounds = () if isinstance(todo, Wait | Dial | Fetch) else todo.sounds
            outside += [sound.key for sound in sounds if isinstance(sound, Sound) and not sound.personal]
        for secret in (CALLER, BIRTH_DATE):
            assert not any(secret in place for place in outside)
        asked_in_private = [note["got"] for note in notes if note.get("node") == "card"]
        assert all(got is None or isinstance(got, Personal) for got in asked_in_private)


@settings(max_examples=100)
@given(data=st.data())
def test_a_score_is_on_its_scale_and_told_once(centre: Centre, data: st.DataObject) -> None:
    told: list[object] = []
    for _, notes in run(centre, data):
        for note in notes:
            if note["k"] == "survey":
                lowest, score, highest = note["lowest"], note["score"], note["highest"]
                assert isinstance(lowest, int)
                assert isinstance(score, int)
                assert isinstance(highest, int)
                assert lowest <= score <= highest
                told.append(note["node"])
    assert len(told) == len(set(told))
