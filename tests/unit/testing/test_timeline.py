"""When a caller must do what, worked out from a flow with prompts of two seconds each."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.testing.caller import moves_from_keys
from ivr.testing.centres import CLOSED_AT, OPEN_AT, small_centre
from ivr.testing.sipp_xml import KEY_S, AwaitBye, Bye, Keys, Pause, Voice
from ivr.testing.timeline import (
    GOODBYE_S,
    HANG_UP_S,
    OPENING_S,
    QUEUE_KEY_S,
    QUEUE_SLACK_S,
    STEP_S,
    THINK_S,
    Place,
    Timeline,
    plan,
)

PROMPT_S = 2.0


def planned(*keys: str, at: datetime = OPEN_AT, **options: Any) -> Timeline:
    return plan(
        small_centre(), moves_from_keys(keys), at=at, seconds=lambda *_: PROMPT_S, caller="0212345678", **options
    )


def test_a_key_comes_soon_after_its_question() -> None:
    first = planned("2").cues[0]
    assert (first.move, first.at) == (Keys("2"), pytest.approx(OPENING_S + THINK_S))


def test_a_key_cuts_the_prompt_so_the_next_question_begins_at_once() -> None:
    first, second = planned("9", "2").cues[:2]
    assert second.at - first.at == pytest.approx(KEY_S + STEP_S + THINK_S)


def test_a_silence_waits_the_prompt_and_the_wait_out() -> None:
    heard, wait_s = 3 * PROMPT_S, 5.0  # the greeting, then the question in two languages
    assert planned("-", "2").cues[0].at == pytest.approx(OPENING_S + heard + wait_s + STEP_S + THINK_S)


def test_moves_that_are_used_up_are_a_hang_up_in_what_comes_next() -> None:
    *_, key, bye = planned("2").cues
    assert bye.move == Bye()
    notice_s = PROMPT_S + STEP_S  # heard out: nobody can cut it
    assert bye.at - key.at == pytest.approx(KEY_S + STEP_S + notice_s + HANG_UP_S)


def test_a_hang_up_at_a_place_comes_while_the_caller_is_there() -> None:
    timeline = planned("2", "1", "1", hang_up_in=Place("notice"))
    assert timeline.last == Place("notice")
    assert timeline.steps[-1] == ("notice", "", "hung_up", None)


def test_thinking_longer_moves_what_follows() -> None:
    assert planned("2", "1", think={"main": 9.0}).cues[1].at - planned("2", "1").cues[1].at == pytest.approx(8.0)


def test_what_is_said_comes_after_the_tone_and_ends_with_a_key() -> None:
    voice, hash_key = planned("2", "900101", "1", "1", "talk:3", at=CLOSED_AT).cues[4:6]
    assert (voice.move, hash_key.move, voice.node) == (Voice(3.0), Keys("#"), "message")
    assert hash_key.at - voice.at == pytest.approx(3.0)


def test_a_key_in_the_queue_waits_for_the_announcement() -> None:
    entered, key = planned("2", "1", "queue:KEY:1").cues[1:3]
    assert key.at - entered.at == pytest.approx(KEY_S + STEP_S + QUEUE_KEY_S)


def test_after_a_long_wait_keys_allow_for_a_late_queue() -> None:
    entered, key = planned("2", "1", "queue:TIMEOUT", "1").cues[1:3]
    assert key.at - entered.at == pytest.approx(KEY_S + STEP_S + 60 + QUEUE_SLACK_S + THINK_S)


def test_a_finished_call_waits_for_the_goodbye() -> None:
    timeline = planned("2", "1", "queue:KEY:1")
    last = timeline.cues[-1].move
    assert isinstance(last, AwaitBye)
    assert last.seconds > GOODBYE_S + 2 * PROMPT_S
    assert timeline.steps[-1] == ("bye", "", "done", None)


def test_a_move_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="asks for keys"):
        planned("talk:3")


def test_script_pauses_add_up_to_the_cues() -> None:
    timeline = planned("2", "1", "queue:JOINEMPTY", "1", "900101", "1", "1", "talk:3", "1")
    now = 0.0
    starts = []
    for move in timeline.script(voice=Path("voice.ulaw")).moves:
        if not isinstance(move, Pause):
            starts.append(now)
        now += len(move.keys) * KEY_S if isinstance(move, Keys) else getattr(move, "seconds", 0.0)
    assert starts == pytest.approx([cue.at for cue in timeline.cues])
