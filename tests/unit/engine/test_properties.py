"""What holds for every call, whatever the caller does: found by hypothesis over legal and stale events."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.act import action
from ivr.domain.actions import (
    Action,
    Ask,
    CallerHungUp,
    Event,
    Heard,
    Keyed,
    Leave,
    OwnRecording,
    QueueLeft,
    Record,
    Recorded,
    Sound,
    Speak,
    Wait,
)
from ivr.domain.centre import Limits
from ivr.domain.notes import Note
from ivr.domain.state import CallState
from ivr.domain.step import advance, start
from ivr.domain.values import Personal
from ivr.engine.wire import notes_to_journal, state_from_token, state_to_token
from ivr.testing.centres import CLOSED_AT, OPEN_AT, small_centre

from .calls import VAULT

CENTRE = small_centre(limits=Limits(steps=40, minutes=60))
PLANTED = ("01098765432", "900101", "0212345678")
"""A caller's number, a birth date and another number."""

KEYS = st.sampled_from(["", "0", "1", "2", "3", "9", "*", "1234", "0000", *PLANTED[1:]])
KEYED = st.builds(Keyed, KEYS, st.booleans())
RECORDED = st.builds(Recorded, st.sampled_from([0.0, 0.4, 0.5, 4.0, 120.0]))
LEFT = st.sampled_from([QueueLeft(how) for how in ("TIMEOUT", "JOINEMPTY", "DONE", "ODD")] + [QueueLeft("KEY", "1")])
ANY: st.SearchStrategy[Event] = st.one_of(KEYED, RECORDED, LEFT, st.just(Heard()))
LATER = st.sampled_from([0, 1, 30, 600])


def answers(todo: Action) -> st.SearchStrategy[Event]:
    """Events that can come of an action; now and then one that cannot, as after a resume."""
    match todo:
        case Ask():
            fitting: st.SearchStrategy[Event] = KEYED
        case Record():
            fitting = RECORDED
        case Wait():
            fitting = LEFT
        case Speak() | Leave():
            fitting = st.just(Heard())
    return st.one_of(*[fitting] * 8, ANY)


Passage = tuple[CallState, tuple[Note, ...]]


def run(data: st.DataObject, *, at: datetime) -> Iterator[Passage]:
    """Each state of a call that goes on to its end, with the notes that led there."""
    caller = data.draw(st.sampled_from([Personal(PLANTED[0]), None]))
    step = start(CENTRE, call="n1-1.0", dnis="120", caller=caller, at=at)
    yield step.state, step.notes
    while not step.state.ended:
        at += timedelta(seconds=data.draw(LATER))
        gone = data.draw(st.integers(0, 30)) == 0
        event = CallerHungUp() if gone else data.draw(answers(action(CENTRE, step.state)))
        step = advance(CENTRE, step.state, event, at)
        yield step.state, step.notes


CALLS = given(st.data(), st.sampled_from([OPEN_AT, CLOSED_AT]))


@settings(max_examples=60)
@CALLS
def test_every_call_ends_within_the_limits_with_one_end(data: st.DataObject, at: datetime) -> None:
    passages = list(run(data, at=at))
    # After the last step allowed there is the break-off, and what is said of it.
    assert len(passages) <= CENTRE.limits.steps + 3
    ends = [note for _, notes in passages for note in notes if note["k"] == "end"]
    assert len(ends) == 1
    assert ends[0]["outcome"] in (None, "self_served", "blocked", "failed")


@settings(max_examples=60)
@CALLS
def test_every_state_waits_for_one_action_that_depends_on_it_alone(data: st.DataObject, at: datetime) -> None:
    for state, _ in run(data, at=at):
        if not state.ended:
            todo = action(CENTRE, state)
            again = state_from_token(state_to_token(state, VAULT), VAULT)
            assert action(CENTRE, again) == todo
            assert isinstance(todo, Ask | Leave | Record | Speak | Wait)


@settings(max_examples=60)
@CALLS
def test_a_state_survives_the_wire_and_fits_an_agi_command(data: st.DataObject, at: datetime) -> None:
    for state, _ in run(data, at=at):
        token = state_to_token(state, VAULT)
        assert state_from_token(token, VAULT) == state
        assert not set(token) & set(" ,\"'\\\n")
        assert len(token) < 4000  # what 22.10.1 was seen to take in one SET VARIABLE


@settings(max_examples=60)
@CALLS
def test_commits_are_numbered_in_order(data: st.DataObject, at: datetime) -> None:
    numbers = [state.commits for state, _ in run(data, at=at)]
    assert numbers == list(range(1, len(numbers) + 1))


def _paths_and_keys(todo: Action) -> list[str]:
    """What a command may name: everything but personal sounds."""
    sounds = () if isinstance(todo, Wait) else todo.sounds
    return [
        sound.file if isinstance(sound, OwnRecording) else sound.key
        for sound in sounds
        if isinstance(sound, OwnRecording) or not sound.personal
    ]


@settings(max_examples=60)
@CALLS
def test_nothing_personal_leaves_in_clear(data: st.DataObject, at: datetime) -> None:
    for state, notes in run(data, at=at):
        payload = notes_to_journal(state.commits - 1, notes, VAULT)
        journal = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
        outside = [journal, state_to_token(state, VAULT), repr(state), repr(notes)]
        if not state.ended:
            todo = action(CENTRE, state)
            outside += _paths_and_keys(todo)
            if isinstance(todo, Wait):
                outside.append(repr(todo))
        # Digits typed where nothing personal is asked for are the caller's affair: only those in personal places count.
        personal = {value.text for value in state.variables.values() if isinstance(value, Personal)}
        public = {str(note.get("got")) for note in notes if isinstance(note.get("got"), str)}
        for text in personal - public:
            assert not any(text in place for place in outside)


@settings(max_examples=60)
@CALLS
def test_what_was_said_is_never_discarded_by_a_hang_up(data: st.DataObject, at: datetime) -> None:
    states: dict[int, str] = {}
    for state, notes in run(data, at=at):
        for note in notes:
            if note["k"] == "message":
                take = note["take"]
                assert isinstance(take, int)
                assert states.get(take) in (None, "recording"), "a take is decided once"
                states[take] = str(note["state"])
        if state.ended and notes and any(note.get("result") == "hung_up" for note in notes):
            assert not any(note["k"] == "message" for note in notes)
    assert list(states) == list(range(1, len(states) + 1))


@settings(max_examples=60)
@CALLS
def test_a_personal_sound_is_marked(data: st.DataObject, at: datetime) -> None:
    for state, _ in run(data, at=at):
        if state.phase == "confirm" and state.breaking_off is None:
            todo = action(CENTRE, state)
            assert isinstance(todo, Ask)
            assert any(isinstance(sound, Sound) and sound.personal for sound in todo.sounds)
