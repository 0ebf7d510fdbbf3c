"""What the caller hears, and what the journal says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.domain.actions import OwnRecording, Sound
from ivr.domain.flow import Playback, Prompt, Say
from ivr.domain.hearing import labels, message_file, sounds, spoken, talk_file
from ivr.domain.state import CallState
from ivr.domain.values import Personal
from ivr.testing.centres import small_centre

CENTRE = small_centre()
STATE = CallState(
    call="n1-1.0",
    centre="small",
    version="v1",
    dnis="120",
    started="2026-11-23T01:00:00+00:00",
    language="en",
    node="main",
    variables={"birth": Personal("900101"), "count": "7"},
    commits=4,
    take=2,
)


def test_a_prompt_is_in_the_callers_language_unless_it_names_one() -> None:
    assert sounds(STATE, (Prompt("a"), Prompt("a", "ko"))) == (Sound("a", "en"), Sound("a", "ko"))
    assert labels(STATE, (Prompt("a"), Prompt("a", "ko"))) == ("a", "a@ko")


def test_a_personal_value_is_marked_and_only_named_by_its_kind() -> None:
    said = (Say("date", "birth"),)
    assert all(isinstance(sound, Sound) and sound.personal for sound in sounds(STATE, said))
    assert labels(STATE, said) == ("<date>",)


def test_other_values_are_told() -> None:
    assert sounds(STATE, (Say("number", "count"),)) == (Sound("number/7", "en", False),)
    assert labels(STATE, (Say("number", "count"),)) == ("number:7",)


def test_a_value_that_is_not_there_is_not_spoken() -> None:
    assert sounds(STATE, (Say("number", "gone"),)) == ()
    assert labels(STATE, (Say("number", "gone"),)) == ("<number>",)


def test_the_callers_recording() -> None:
    assert sounds(STATE, (Playback(),)) == (OwnRecording("small/2026-11-23/n1-1.0-2.wav"),)
    assert labels(STATE, (Playback(),)) == ("<recording>",)


def test_files_are_named_by_call_take_and_commit() -> None:
    assert message_file(STATE, 3) == "small/2026-11-23/n1-1.0-3.wav"
    assert talk_file(STATE) != talk_file(replace(STATE, commits=5))


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"node": "main"}, "main_menu"),
        ({"node": "main", "lead": (Prompt("not_understood"),)}, "not_understood"),
        ({"node": "birth"}, "ask_birth_date"),
        ({"node": "birth", "phase": "confirm"}, "birth_date_is"),
        ({"node": "message"}, "ask_message"),
        ({"node": "message", "phase": "review"}, "message_review_before"),
        ({"node": "bye"}, "goodbye"),
        ({"node": "main", "breaking_off": "fault"}, "apology"),
    ],
)
def test_spoken_in_each_place(changes: dict[str, str], first: str) -> None:
    assert spoken(CENTRE, replace(STATE, **changes))[0] == Prompt(first)  # type: ignore[arg-type]


def test_nothing_is_spoken_of_its_own_in_a_queue() -> None:
    assert spoken(CENTRE, replace(STATE, node="pension_queue")) == ()
