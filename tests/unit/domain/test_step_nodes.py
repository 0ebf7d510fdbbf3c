"""What each kind of node makes of each event: one call at a time, through `action` and `advance` alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ivr.domain.act import action
from ivr.domain.actions import (
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
from ivr.domain.centre import Centre, Limits
from ivr.domain.flow import Choose, Collect, Enqueue, Menu, Play, Prompt
from ivr.domain.state import CallState
from ivr.domain.step import Step, advance, break_off, start
from ivr.domain.values import Personal
from ivr.testing.centres import CLOSED_AT, OPEN_AT, small_centre, with_nodes

CENTRE = small_centre()
CALLER = Personal("01012345678")


def begin(at: datetime = OPEN_AT, caller: Personal | None = CALLER, centre: Centre = CENTRE) -> CallState:
    return start(centre, call="n1-1.0", dnis="120", caller=caller, at=at).state


def at_node(node: str, **changes: Any) -> CallState:
    """A call that came to `node` some commits ago."""
    return replace(begin(), node=node, lead=(), commits=5, **changes)


def step(state: CallState, *events: Event, at: datetime = OPEN_AT, centre: Centre = CENTRE) -> Step:
    result = Step(state, ())
    for event in events:
        result = advance(centre, result.state, event, at)
    return result


def note(result: Step, kind: str) -> dict[str, Any]:
    found = [dict(note) for note in result.notes if note["k"] == kind]
    assert len(found) == 1, f"{len(found)} notes of kind {kind}"
    return found[0]


def results(result: Step) -> list[tuple[Any, Any, Any]]:
    return [(note["node"], note["result"], note["to"]) for note in result.notes if note["k"] == "step"]


def keys(sounds: tuple[Any, ...]) -> list[str]:
    return [sound.key if isinstance(sound, Sound) else "<recording>" for sound in sounds]


class TestStart:
    def test_journals_the_caller_sealed_and_indexed(self) -> None:
        entered = note(start(CENTRE, call="c", dnis="120", caller=CALLER, at=OPEN_AT), "enter")
        assert entered["caller"] == CALLER
        assert entered["caller_key"].text == CALLER.text
        assert (entered["centre"], entered["version"], entered["dnis"]) == ("small", "v1", "120")

    def test_without_a_number_there_is_nothing_to_index(self) -> None:
        entered = note(start(CENTRE, call="c", dnis="120", caller=None, at=OPEN_AT), "enter")
        assert entered["caller"] is None
        assert entered["caller_key"] is None

    def test_what_passes_through_is_owed_as_lead(self) -> None:
        asked = action(CENTRE, begin())
        assert isinstance(asked, Ask)
        assert keys(asked.sounds) == ["greeting", "choose_language", "choose_language"]
        assert [sound.language for sound in asked.sounds if isinstance(sound, Sound)] == ["ko", "ko", "en"]


class TestMenu:
    def test_a_match_sets_language_and_goes_on(self) -> None:
        result = step(begin(), Keyed("2", terminated=True))
        assert (result.state.node, result.state.language) == ("notice", "en")
        assert ("language", "match", "line_open") in results(result)

    def test_a_match_sets_the_category(self) -> None:
        assert step(at_node("main"), Keyed("1", terminated=True)).state.category == "pension"

    def test_a_wrong_key_is_told_and_asked_again(self) -> None:
        result = step(at_node("main"), Keyed("7", terminated=True))
        assert (result.state.node, result.state.tries) == ("main", 1)
        assert keys(action(CENTRE, result.state).sounds) == ["not_understood", "main_menu"]  # type: ignore[union-attr]
        assert note(result, "step")["got"] == "7"

    def test_silence_is_told_and_asked_again(self) -> None:
        result = step(at_node("main"), Keyed(""))
        assert (result.state.node, result.state.tries) == ("main", 1)
        assert keys(action(CENTRE, result.state).sounds) == ["nothing_heard", "main_menu"]  # type: ignore[union-attr]
        assert note(result, "step")["result"] == "no_input"

    def test_a_bare_hash_is_a_key_not_silence(self) -> None:
        assert note(step(at_node("main"), Keyed("", terminated=True)), "step")["result"] == "no_match"

    @pytest.mark.parametrize(
        "events",
        [
            (Keyed("7"), Keyed("8"), Keyed("7")),
            (Keyed(""), Keyed(""), Keyed("")),
            (Keyed("7"), Keyed(""), Keyed("7")),
        ],
    )
    def test_wrong_keys_and_silences_count_together(self, events: tuple[Keyed, ...]) -> None:
        before = step(at_node("main"), *events[:2])
        assert before.state.node == "main"
        assert step(before.state, events[2]).state.node == "general_queue"

    def test_a_match_forgets_the_failures(self) -> None:
        assert step(at_node("main"), Keyed("7"), Keyed("9")).state.tries == 0

    def test_a_choice_assigns_and_copies(self) -> None:
        rated = step(at_node("survey"), Keyed("1"))
        assert rated.state.variables["rating"] == "good"
        copied = step(at_node("own_number"), Keyed("1"))
        assert copied.state.variables["number"] == CALLER


class TestPlay:
    def test_a_notice_is_not_interruptible(self) -> None:
        assert action(CENTRE, at_node("notice")) == Speak(
            sounds=(Sound("recording_notice", "ko"),), interruptible=False
        )

    def test_heard_goes_on(self) -> None:
        assert step(at_node("notice"), Heard()).state.node == "main"

    def test_a_stale_event_does_not_skip_a_notice(self) -> None:
        result = step(at_node("notice"), QueueLeft("TIMEOUT"))
        assert result.state.node == "notice"
        assert results(result) == [("notice", "again", "notice")]


class TestHours:
    def test_open(self) -> None:
        assert ("line_open", "open", "notice") in results(step(begin(), Keyed("1")))

    def test_closed_tells_when_it_opens(self) -> None:
        result = step(begin(CLOSED_AT), Keyed("1"), at=CLOSED_AT)
        assert result.state.node == "birth"
        assert result.state.variables["opens_at"] == "2026-11-24T09:00:00+09:00"
        assert ("line_open", "closed:closed", "closed") in results(result)


class TestChoose:
    def test_by_a_collected_value(self) -> None:
        result = step(at_node("member"), Keyed("0000"))
        assert result.state.node == "barred"
        assert ("by_member", "0000", "barred") in results(result)

    def test_otherwise(self) -> None:
        assert step(at_node("member"), Keyed("1234")).state.node == "main"

    @pytest.mark.parametrize(("caller", "node"), [(CALLER, "own_number"), (None, "number")])
    def test_by_caller(self, caller: Personal | None, node: str) -> None:
        variables = {"caller": caller} if caller else {}
        state = at_node("birth", phase="confirm", variables={**variables, "birth": Personal("900101")})
        assert step(state, Keyed("1")).state.node == node

    @pytest.mark.parametrize(
        ("on", "changes", "case"),
        [("language", {"language": "en"}, "en"), ("category", {"category": "pension"}, "pension")],
    )
    def test_by_language_and_category(self, on: str, changes: dict[str, Any], case: str) -> None:
        chosen = Choose(id="fork", on=on, cases={case: "barred"}, otherwise="bye")
        centre = with_nodes(CENTRE, chosen, Play(id="notice", prompts=(), next="fork", interruptible=False))
        assert step(at_node("notice", **changes), Heard(), centre=centre).state.node == "barred"
        assert step(at_node("notice"), Heard(), centre=centre).state.node == "bye"

    def test_a_personal_value_is_not_journalled(self) -> None:
        state = at_node("birth", phase="confirm", variables={"birth": Personal("900101")})
        result = step(state, Keyed("1"))
        assert ("by_birth", "otherwise", "which_number") in results(result)


class TestCollect:
    def test_asks_for_all_digits(self) -> None:
        asked = action(CENTRE, at_node("birth"))
        assert isinstance(asked, Ask)
        assert asked.max_digits == 6

    def test_a_right_value_is_read_back(self) -> None:
        result = step(at_node("birth"), Keyed("900101", terminated=True))
        assert (result.state.phase, result.state.variables["birth"]) == ("confirm", Personal("900101"))
        asked = action(CENTRE, result.state)
        assert isinstance(asked, Ask)
        assert asked.max_digits == 1
        spoken = [sound for sound in asked.sounds if isinstance(sound, Sound) and sound.personal]
        assert spoken
        assert keys(asked.sounds)[0] == "birth_date_is"

    @pytest.mark.parametrize("digits", ["901301", "90010", "9001011", "9001*1", "270101"])
    def test_a_wrong_value_is_asked_again(self, digits: str) -> None:
        # 27-01-01 is a day of 1927: the check takes either century.
        right = digits == "270101"
        assert (step(at_node("birth"), Keyed(digits)).state.phase == "confirm") is right

    def test_the_digits_are_personal_even_when_they_are_wrong(self) -> None:
        assert note(step(at_node("birth"), Keyed("901301")), "step")["got"] == Personal("901301")

    def test_read_back_accepted(self) -> None:
        state = step(at_node("birth"), Keyed("900101")).state
        assert step(state, Keyed("1")).state.node == "own_number"

    def test_read_back_refused_asks_again(self) -> None:
        result = step(at_node("birth"), Keyed("900101"), Keyed("2"))
        assert (result.state.node, result.state.phase, result.state.tries) == ("birth", "", 0)

    def test_read_back_with_another_key_is_repeated(self) -> None:
        result = step(at_node("birth"), Keyed("900101"), Keyed("5"))
        assert (result.state.phase, result.state.tries) == ("confirm", 1)
        assert keys(action(CENTRE, result.state).sounds)[:2] == ["not_understood", "birth_date_is"]  # type: ignore[union-attr]

    def test_read_back_given_up(self) -> None:
        assert step(at_node("birth"), Keyed("900101"), Keyed(""), Keyed(""), Keyed("")).state.node == "bye"

    def test_without_read_back_it_goes_on(self) -> None:
        assert step(at_node("member"), Keyed("1234")).state.variables["member"] == "1234"

    def test_given_up(self) -> None:
        assert step(at_node("birth"), *[Keyed("1")] * 3).state.node == "bye"

    def test_a_bare_hash_is_no_digits(self) -> None:
        result = step(at_node("birth"), Keyed("", terminated=True))
        assert (note(result, "step")["result"], note(result, "step")["got"]) == ("no_input", None)


class TestQueue:
    def test_waits_with_a_label_for_the_agent(self) -> None:
        waits = action(CENTRE, at_node("pension_queue", category="pension", language="en"))
        assert waits == Wait(
            queue="small-pension",
            timeout_s=60,
            label="[en] Pension",
            language="en",
            talk_file="small/2026-11-23/n1-1.0-talk5.wav",
            comes_back=True,
            keys=("1",),
        )

    def test_the_file_that_is_announced_is_the_file_that_is_written(self) -> None:
        result = step(at_node("main"), Keyed("1"))
        waits = action(CENTRE, result.state)
        assert isinstance(waits, Wait)
        assert note(result, "queue")["talk_file"] == waits.talk_file

    def test_a_lead_is_spoken_before_the_wait_and_then_announced(self) -> None:
        result = step(at_node("main"), Keyed("0"))
        assert isinstance(action(CENTRE, result.state), Speak)
        assert not [note for note in result.notes if note["k"] == "queue"]
        waiting = step(result.state, Heard())
        assert isinstance(action(CENTRE, waiting.state), Wait)
        assert note(waiting, "queue") == {"k": "queue", "queue": "general", "talk_file": None}

    def test_with_a_lead_the_announced_file_is_the_written_one_too(self) -> None:
        centre = with_nodes(CENTRE, Play(id="connecting", prompts=(Prompt("connecting"),), next="pension_queue"))
        waiting = step(at_node("main"), Keyed("0"), Heard(), centre=centre)
        waits = action(centre, waiting.state)
        assert isinstance(waits, Wait)
        assert note(waiting, "queue")["talk_file"] == waits.talk_file

    @pytest.mark.parametrize(
        ("left", "node"),
        [
            (QueueLeft("TIMEOUT"), "offer"),
            (QueueLeft("JOINEMPTY"), "offer"),
            (QueueLeft("LEAVEEMPTY"), "offer"),
            (QueueLeft("JOINUNAVAIL"), "offer"),
            (QueueLeft("LEAVEUNAVAIL"), "offer"),
            (QueueLeft("FULL"), "offer"),
            (QueueLeft("KEY", "1"), "bye"),
            (QueueLeft("KEY", "5"), "offer"),
            (QueueLeft("DONE"), "survey"),
            (QueueLeft("CONTINUE"), "survey"),
            (QueueLeft("A WORD OF A LATER RELEASE"), "offer"),
        ],
    )
    def test_leaving(self, left: QueueLeft, node: str) -> None:
        assert step(at_node("pension_queue"), left).state.node == node

    def test_no_agents_and_timeout_are_told_apart(self) -> None:
        assert step(at_node("general_queue"), QueueLeft("JOINEMPTY")).state.node == "offer"
        assert step(at_node("general_queue"), QueueLeft("TIMEOUT")).state.node == "bye"

    def test_served_without_an_after_ends_the_call(self) -> None:
        result = step(at_node("general_queue"), QueueLeft("DONE"))
        assert result.state.ended
        assert note(result, "end") == {"k": "end", "outcome": None, "reason": "served"}

    def test_a_stale_event_leaves_the_caller_waiting(self) -> None:
        assert step(at_node("general_queue"), Keyed("1")).state.node == "general_queue"


class TestMessage:
    def arrived(self) -> Step:
        return step(at_node("own_number"), Keyed("1"))

    def test_is_journalled_before_it_is_recorded(self) -> None:
        result = self.arrived()
        noted = note(result, "message")
        assert (noted["state"], noted["take"]) == ("recording", 1)
        record = action(CENTRE, result.state)
        assert isinstance(record, Record)
        assert (record.file, record.max_s, record.silence_s, record.language) == (noted["file"], 120, 5, "ko")

    def test_review_plays_it_back(self) -> None:
        asked = action(CENTRE, step(self.arrived().state, Recorded(4.0)).state)
        assert isinstance(asked, Ask)
        assert keys(asked.sounds) == ["message_review_before", "<recording>", "message_review_menu"]
        assert OwnRecording("small/2026-11-23/n1-1.0-1.wav") in asked.sounds

    def test_keep(self) -> None:
        result = step(self.arrived().state, Recorded(4.0), Keyed("1"))
        assert note(result, "message")["state"] == "kept"
        assert note(result, "callback")["number"] == CALLER
        assert result.state.node == "bye"

    def test_again_discards_and_begins_a_new_take(self) -> None:
        result = step(self.arrived().state, Recorded(4.0), Keyed("2"))
        noted = [(note["state"], note["take"]) for note in result.notes if note["k"] == "message"]
        assert noted == [("discarded", 1), ("recording", 2)]
        record = action(CENTRE, result.state)
        assert isinstance(record, Record)
        assert record.file.endswith("n1-1.0-2.wav")

    def test_cancel_discards(self) -> None:
        result = step(self.arrived().state, Recorded(4.0), Keyed("3"))
        assert (note(result, "message")["state"], result.state.node) == ("discarded", "cancelled")

    @pytest.mark.parametrize("event", [Keyed("9"), Keyed("")])
    def test_what_was_said_is_kept_when_no_right_key_comes(self, event: Keyed) -> None:
        result = step(self.arrived().state, Recorded(4.0), event, event)
        assert result.state.phase == "review"
        result = step(result.state, event)
        assert (note(result, "message")["state"], result.state.node) == ("kept", "bye")

    def test_a_click_is_no_message(self) -> None:
        result = step(self.arrived().state, Recorded(0.4))
        noted = [(note["state"], note["take"]) for note in result.notes if note["k"] == "message"]
        assert noted == [("discarded", 1), ("recording", 2)]
        assert keys(action(CENTRE, result.state).sounds)[0] == "nothing_heard"  # type: ignore[union-attr]

    def test_saying_nothing_too_often_leads_on(self) -> None:
        result = step(self.arrived().state, *[Recorded(0.0)] * 3)
        assert result.state.node == "bye"
        assert [note["state"] for note in result.notes if note["k"] == "message"] == ["discarded"]

    @pytest.mark.parametrize("said", [(), (Recorded(4.0),)])
    def test_a_hang_up_discards_nothing(self, said: tuple[Recorded, ...]) -> None:
        result = step(self.arrived().state, *said, CallerHungUp())
        assert not [note for note in result.notes if note["k"] == "message"]
        assert note(result, "end")["outcome"] is None


class TestCallback:
    def test_with_a_number(self) -> None:
        noted = note(step(at_node("pension_queue"), QueueLeft("KEY", "1")), "callback")
        assert (noted["origin"], noted["number"], noted["due"]) == ("queue", CALLER, "2026-11-23T10:00:00+09:00")

    def test_without_a_number_there_is_none(self) -> None:
        result = step(at_node("pension_queue", variables={}), QueueLeft("KEY", "1"))
        assert not [note for note in result.notes if note["k"] == "callback"]
        assert ("call_me", "no_number", "promise") in results(result)

    def test_is_due_when_the_line_opens(self) -> None:
        state = at_node("message", take=1, variables={"number": CALLER}, started=CLOSED_AT.isoformat())
        result = step(state, Recorded(3.0), Keyed("1"), at=CLOSED_AT)
        assert note(result, "callback")["due"] == "2026-11-24T09:00:00+09:00"
        assert result.state.variables["callback_due"] == "2026-11-24T09:00:00+09:00"
        assert note(result, "callback")["origin"] == "message"


class TestEnd:
    @pytest.mark.parametrize(("node", "outcome"), [("bye", "self_served"), ("barred", "blocked")])
    @pytest.mark.parametrize("event", [Heard(), CallerHungUp()])
    def test_outcome(self, node: str, outcome: str, event: Event) -> None:
        result = step(at_node(node), event)
        assert result.state.ended
        assert note(result, "end") == {"k": "end", "outcome": outcome, "reason": "finished"}

    def test_leaves_after_the_goodbye(self) -> None:
        assert action(CENTRE, at_node("bye")) == Leave(sounds=(Sound("goodbye", "ko"),))

    def test_a_stale_event_does_not_cut_the_goodbye(self) -> None:
        assert not step(at_node("bye"), Keyed("1")).state.ended


BLOCKING = ["language", "notice", "main", "member", "pension_queue", "general_queue", "survey", "offer", "birth"]
BLOCKING += ["own_number", "number", "message"]


@pytest.mark.parametrize("node", BLOCKING)
def test_a_hang_up_ends_the_call_in_every_node(node: str) -> None:
    phases = {"birth": ["", "confirm"], "number": ["", "confirm"], "message": ["", "review"]}.get(node, [""])
    for phase in phases:
        result = step(at_node(node, phase=phase, take=1), CallerHungUp())
        assert result.state.ended
        assert note(result, "end") == {"k": "end", "outcome": None, "reason": "hung_up"}
        assert note(result, "step")["result"] == "hung_up"


class TestLimits:
    def test_steps(self) -> None:
        centre = small_centre(limits=Limits(steps=7))
        result = step(at_node("main"), Keyed("9"), Keyed("9"), centre=centre)
        assert result.state.breaking_off is None
        result = step(result.state, Keyed("9"), centre=centre)
        assert result.state.breaking_off == "limit"

    def test_minutes(self) -> None:
        late = OPEN_AT + timedelta(minutes=60)
        assert step(at_node("main"), Keyed("9"), at=late - timedelta(seconds=1)).state.breaking_off is None
        assert step(at_node("main"), Keyed("9"), at=late).state.breaking_off == "limit"

    def test_minutes_in_a_queue_or_with_an_agent_do_not_count(self) -> None:
        back = OPEN_AT + timedelta(hours=3)
        returned = step(at_node("main"), QueueLeft("TIMEOUT"), at=back).state
        assert returned.breaking_off is None
        assert step(returned, Keyed("9"), at=back + timedelta(minutes=59)).state.breaking_off is None
        assert step(returned, Keyed("9"), at=back + timedelta(minutes=60)).state.breaking_off == "limit"

    def test_apologises_then_ends_as_failed(self) -> None:
        state = step(at_node("main"), Keyed("9"), at=OPEN_AT + timedelta(hours=2)).state
        assert action(CENTRE, state) == Leave(sounds=(Sound("apology", "ko"),))
        ended = step(state, Heard())
        assert note(ended, "end") == {"k": "end", "outcome": "failed", "reason": "limit"}

    def test_a_goodbye_is_no_failure_however_late(self) -> None:
        result = step(at_node("bye"), Heard(), at=OPEN_AT + timedelta(hours=2))
        assert note(result, "end")["outcome"] == "self_served"

    def test_stale_answers_at_the_goodbye_have_an_end(self) -> None:
        assert step(at_node("bye"), Keyed("1")).state.breaking_off is None
        assert step(at_node("bye"), Keyed("1"), at=OPEN_AT + timedelta(hours=2)).state.breaking_off == "limit"

    def test_a_loop_that_needs_no_caller_is_broken(self) -> None:
        centre = with_nodes(
            CENTRE,
            Play(id="notice", prompts=(), next="there", interruptible=False),
            Play(id="there", prompts=(Prompt("greeting"),), next="back"),
            Play(id="back", prompts=(), next="there"),
        )
        result = step(at_node("notice"), Heard(), centre=centre)
        assert result.state.breaking_off == "loop"
        assert action(centre, result.state) == Leave(sounds=(Sound("apology", "ko"),))


class TestBreakOff:
    def test_a_fault_apologises(self) -> None:
        result = break_off(CENTRE, at_node("main"), "fault", OPEN_AT)
        assert result.state.breaking_off == "fault"
        assert note(step(result.state, Heard()), "end")["reason"] == "fault"

    def test_a_hang_up_during_the_apology_is_still_our_failure(self) -> None:
        state = break_off(CENTRE, at_node("main"), "fault", OPEN_AT).state
        result = step(state, CallerHungUp())
        assert note(result, "end") == {"k": "end", "outcome": "failed", "reason": "fault"}


class TestAction:
    def test_a_node_that_does_not_block_is_a_fault(self) -> None:
        with pytest.raises(AssertionError, match="does not block"):
            action(CENTRE, at_node("line_open"))

    def test_an_unknown_node_is_a_fault(self) -> None:
        with pytest.raises(KeyError):
            action(CENTRE, at_node("nowhere"))

    def test_the_small_centre_has_every_kind_of_node(self) -> None:
        kinds = {type(node) for node in CENTRE.flow.nodes.values()}
        assert {Choose, Collect, Enqueue, Menu, Play} < kinds
        assert len(kinds) == 9
