"""One call from its events: over what a real Asterisk wrote, and over everything that could come instead."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.adapters.journal.lines import parse
from ivr.domain.commits import decode_commit
from ivr.domain.events import PAYLOAD_LIMIT, JournalEvent, PayloadJoiner, payload_parts
from ivr.domain.ledger import OUTCOMES, Measured, derive, recordings_of
from ivr.domain.legs import TRANSITIONS, LegState, next_state
from ivr.domain.records import CallRecord

DATA = Path(__file__).parents[1] / "data" / "journals"
START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CALL = "n1-1.1"
TRUNK = "PJSIP/trunk-00000001"


def measure(_: str) -> Measured | None:
    return Measured(seconds=4.0, sha256="ab" * 32)


def nothing(_: str) -> Measured | None:
    return None


def recorded(name: str) -> list[JournalEvent]:
    events = [parse(line) for line in (DATA / f"{name}.csv").read_bytes().splitlines()]
    return [event for event in events if isinstance(event, JournalEvent)]


def event(kind: str, at_s: float, *, channel: str = TRUNK, unique_id: str = CALL, **extra: Any) -> JournalEvent:
    text = json.dumps(extra) if extra else ""
    return JournalEvent(
        type=kind,
        user_type=kind if kind.startswith("IVR") else "",
        at=START + timedelta(seconds=at_s),
        channel=channel,
        unique_id=unique_id,
        call=CALL,
        exten="120",
        extra_text=text,
        extra=extra,
    )


def payload(number: int, *notes: dict[str, Any]) -> str:
    text = json.dumps({"q": number, "n": notes}, ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def said(number: int, *notes: dict[str, Any], at_s: float = 1) -> JournalEvent:
    return event("IVR", at_s, extra=payload(number, *notes))


def whole(*events: JournalEvent, by: str = TRUNK) -> list[JournalEvent]:
    """A caller who comes, `events`, and the end by hang-up of channel `by`."""
    return [
        event("CHAN_START", 0),
        *events,
        event("HANGUP", 60, hangupcause=16, hangupsource=by),
        event("CHAN_END", 60),
        event("LINKEDID_END", 60),
    ]


MESSAGE = {"k": "message", "take": 1, "file": "120/m.wav", "state": "recording"}
CALLBACK = {
    "k": "callback", "origin": "queue", "due": "2026-11-24T09:00:00+09:00", "number": "s1.k.N", "number_key": "nn"
}  # fmt: skip


def end(outcome: str | None) -> dict[str, Any]:
    return {"k": "end", "outcome": outcome, "reason": "done"}


# --- what Asterisk wrote --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "outcome", "ended_by", "legs"),
    [
        ("abandoned", "abandoned", "caller", [("caller", None, "caller")]),
        ("abandoned_while_ringing", "abandoned", "caller", [("caller", None, "caller"), ("agent", "a1", "system")]),
        ("agent_login", None, "system", [("agent", "a1", "system")]),
        ("answered_agent_hangs_up", "answered", "agent", [("caller", None, "agent"), ("agent", "a1", "agent")]),
        ("answered_caller_hangs_up", "answered", "caller", [("caller", None, "caller"), ("agent", "a1", "caller")]),
        ("blocked", "blocked", "system", [("caller", None, "system")]),
        (
            "declined_then_second",
            "answered",
            "agent",
            [("caller", None, "agent"), ("agent", "a1", "agent"), ("agent", "a2", "agent")],
        ),
        ("long_commit", "self_served", "system", [("caller", None, "system")]),
        ("message_hangup", "message_saved", "caller", [("caller", None, "caller")]),
        ("message_kept", "message_saved", "system", [("caller", None, "system")]),
        (
            "no_answer_then_second",
            "answered",
            "agent",
            [("caller", None, "agent"), ("agent", "a1", "system"), ("agent", "a2", "agent")],
        ),
        ("queue_timeout", "failed", "system", [("caller", None, "system"), ("agent", "a1", "system")]),
        ("self_served", "self_served", "system", [("caller", None, "system")]),
        (
            "transferred_to_tier2",
            "answered",
            "agent",
            [("caller", None, "agent"), ("agent", "a1", "agent"), ("transfer", "a2", "agent")],
        ),
    ],
)
def test_a_recorded_call(
    name: str, outcome: str | None, ended_by: str, legs: list[tuple[str, str | None, str]]
) -> None:
    record = derive(recorded(name), measure)
    assert record.outcome == outcome
    assert record.ended_by == ended_by
    assert [(leg.kind, leg.agent, leg.ended_by) for leg in record.legs] == legs
    assert record.ended_at is not None
    assert record.faults == ()
    assert all(leg.state is LegState.ENDED for leg in record.legs)


def test_the_first_agent_answered_not_the_ringing_one() -> None:
    record = derive(recorded("no_answer_then_second"), measure)
    caller, silent, second = record.legs
    assert (silent.answered_at, silent.talk_s) == (None, 0.0)
    assert record.answered_at is not None
    assert second.answered_at is not None
    assert timedelta() <= record.answered_at - second.answered_at < timedelta(seconds=0.1)
    assert second.talk_s == pytest.approx(2.0, abs=0.1)
    assert caller.talk_s == pytest.approx(2.0, abs=0.1)


def test_a_declining_phone_says_so() -> None:
    assert [leg.hangup_cause for leg in derive(recorded("declined_then_second"), measure).legs] == [26, 17, 26]


def test_a_transfer_stays_one_call_and_talk_adds_up() -> None:
    caller, first, second = derive(recorded("transferred_to_tier2"), measure).legs
    assert caller.talk_s == pytest.approx(first.talk_s + second.talk_s, abs=0.1)


def test_a_commit_in_parts_is_joined() -> None:
    record = derive(recorded("long_commit"), measure)
    assert len(record.steps[1].heard) == 60
    assert record.end_reason == "done"


def test_the_record_of_a_kept_message() -> None:
    record = derive(recorded("message_kept"), measure)
    assert (record.centre, record.dnis, record.language, record.category) == ("120", "120", "ko", "pension")
    [message] = record.messages
    assert (message.state, message.seconds, message.sha256, message.data) == ("kept", 4.0, "ab" * 32, "s1.k1.BBBB")
    [callback] = record.callbacks
    assert (callback.due, callback.number) == (datetime(2026, 11, 24, 0, 0, tzinfo=UTC), "s1.k1.CCCC")
    assert [(step.seq, step.idx, step.node, step.got) for step in record.steps] == [
        (0, 1, "greeting", None),
        (1, 0, "menu", "9"),
    ]
    assert recordings_of(record) == ("120/2026-11-23/m-1.wav",)


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in DATA.glob("*.csv") if path.stem != "two_callers_one_agent")
)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_repeated_lines_change_nothing(name: str, data: st.DataObject) -> None:
    events = recorded(name)
    repeats = data.draw(st.lists(st.integers(0, len(events) - 1), max_size=10))
    doubled = list(events)
    for number in repeats:
        doubled.insert(data.draw(st.integers(doubled.index(events[number]) + 1, len(doubled))), events[number])
    assert derive(doubled, measure) == derive(events, measure)


@pytest.mark.parametrize("name", ["transferred_to_tier2", "message_kept", "abandoned_while_ringing"])
def test_every_beginning_of_a_call_is_a_live_call(name: str) -> None:
    events = recorded(name)
    for count in range(1, len(events)):
        record = derive(events[:count], measure)
        assert (record.ended_at, record.outcome) == (None, None)


# --- one outcome ----------------------------------------------------------------------------------------------------


def outcome_of(record: CallRecord) -> str | None:
    return record.outcome


@pytest.mark.parametrize(
    ("notes", "by", "measured", "expected"),
    [
        ([MESSAGE, CALLBACK, end("self_served")], TRUNK, measure, "message_saved"),
        ([MESSAGE, CALLBACK, end("self_served")], TRUNK, nothing, "callback_queued"),
        ([CALLBACK, end("blocked")], TRUNK, measure, "callback_queued"),
        ([end("self_served")], TRUNK, measure, "self_served"),
        ([end("blocked")], "dialplan/builtin", measure, "blocked"),
        ([end("failed")], TRUNK, measure, "failed"),
        ([end("answered")], TRUNK, measure, "abandoned"),
        ([end(None)], TRUNK, measure, "abandoned"),
        ([], TRUNK, measure, "abandoned"),
        ([], "dialplan/builtin", measure, "failed"),
        ([], "", measure, "failed"),
        ([MESSAGE], TRUNK, nothing, "abandoned"),
        ([MESSAGE, {**MESSAGE, "state": "discarded"}], TRUNK, measure, "abandoned"),
        ([MESSAGE, {**MESSAGE, "state": "discarded"}, {**MESSAGE, "take": 2}], TRUNK, measure, "message_saved"),
    ],
)
def test_precedence_of_outcomes(notes: list[dict[str, Any]], by: str, measured: Any, expected: str) -> None:
    assert derive(whole(said(0, *notes), by=by), measured).outcome == expected


def test_a_message_of_no_seconds_is_none() -> None:
    record = derive(whole(said(0, MESSAGE)), lambda _: Measured(seconds=0.0, sha256="ab" * 32))
    assert [message.state for message in record.messages] == ["empty"]
    assert record.outcome == "abandoned"


def test_an_agent_answer_outranks_a_message_left_before() -> None:
    phone = {"channel": "PJSIP/kim-00000002", "unique_id": "n1-1.2"}
    talk = [
        said(0, MESSAGE),
        event("CHAN_START", 5, **phone),
        event("BRIDGE_ENTER", 9, bridge_id="b", **phone),
        event("BRIDGE_ENTER", 9, bridge_id="b"),
    ]
    assert derive(whole(*talk), measure).outcome == "answered"
    other_bridge = [*talk[:-1], event("BRIDGE_ENTER", 9, bridge_id="c")]
    assert derive(whole(*other_bridge), measure).outcome == "message_saved"


SURVEY = {"k": "survey", "node": "satisfied", "metric": "csat", "lowest": 1, "highest": 5, "score": 4, "of": "agent"}


def test_a_score_is_that_of_the_agent_who_talked_last_before_it() -> None:
    events = [said(0, {"k": "queue", "queue": "pension"})]
    for number, (name, start) in enumerate((("kim", 5), ("lee", 20), ("park", 40)), start=2):
        phone = {"channel": f"PJSIP/{name}-0000000{number}", "unique_id": f"n1-1.{number}"}
        events += [event("CHAN_START", start, **phone), event("ANSWER", start + 1, **phone)]
        if name != "lee":  # who rings, or answers and meets nobody, did not talk
            events += [event("BRIDGE_ENTER", start + 2, bridge_id="b", **phone)]
            events += [event("BRIDGE_EXIT", start + 9, bridge_id="b", **phone)]
        if name == "lee":
            events += [said(3, SURVEY, {**SURVEY, "metric": "nps", "highest": 10, "of": None}, at_s=30)]
    record = derive(whole(*events, said(4, SURVEY, at_s=55)), measure)
    assert [(one.agent, one.of_agent, one.score, one.queue) for one in record.surveys] == [
        ("kim", True, 4, "pension"),
        ("kim", False, 4, "pension"),
        ("park", True, 4, "pension"),
    ]
    assert record.faults == ()


def test_who_answers_outside_is_nobody_of_ours() -> None:
    office = {"channel": "PJSIP/outbound-00000002", "unique_id": "n1-1.2"}
    talk = [event("CHAN_START", 5, **office), event("ANSWER", 8, **office)]
    talk += [event("BRIDGE_ENTER", 9, bridge_id="b", **who) for who in ({}, office)]
    record = derive(whole(*talk, said(3, SURVEY, at_s=30)), measure)
    assert [(leg.kind, leg.agent) for leg in record.legs] == [("caller", None), ("transfer", None)]
    assert record.outcome == "answered"
    assert record.surveys[0].agent is None


def test_a_score_without_an_agent() -> None:
    (survey,) = derive(whole(said(0, SURVEY)), measure).surveys
    assert (survey.agent, survey.queue, survey.seq, survey.idx) == (None, None, 0, 0)


def test_a_repeated_commit_replaces_the_earlier() -> None:
    first = said(3, {"k": "step", "node": "a", "kind": "menu"}, {"k": "step", "node": "b", "kind": "menu"})
    again = said(3, {"k": "step", "node": "c", "kind": "menu"}, at_s=2)
    assert [step.node for step in derive(whole(first, again), measure).steps] == ["c"]


def test_commits_are_in_the_order_of_their_numbers() -> None:
    late = said(2, {"k": "step", "node": "second", "kind": "menu", "language": "en"})
    early = said(1, {"k": "step", "node": "first", "kind": "menu", "language": "ko"}, at_s=2)
    record = derive(whole(late, early), measure)
    assert [step.node for step in record.steps] == ["first", "second"]
    assert record.language == "en"


def test_a_message_by_the_dialplan_alone_counts() -> None:
    note = json.dumps({"file": "_fallback/2026-11-23/x-1.wav", "dnis": "120", "caller": "AbC+/=="})
    fallback = event("IVRFALLBACK", 3, extra=base64.b64encode(note.encode()).decode())
    record = derive(whole(fallback), measure)
    assert record.outcome == "message_saved"
    assert record.messages[0].data == "f1.AbC+/=="
    assert [step.result for step in record.steps] == ["no_controller"]


def test_a_call_that_was_one_too_many_is_blocked() -> None:
    note = json.dumps({"centre": "120", "dnis": "120"})
    refused = event("IVROVERLOAD", 3, extra=base64.b64encode(note.encode()).decode())
    record = derive(whole(refused), measure)
    assert (record.outcome, record.end_reason, record.centre, record.dnis) == ("blocked", "overload", "120", "120")
    assert record.faults == ()


def test_a_customer_who_is_called_back() -> None:
    phone = {"channel": "PJSIP/kim-00000001", "unique_id": CALL}
    trunk = {"channel": "PJSIP/trunk-00000002", "unique_id": "n1-1.2"}
    events = [event("CHAN_START", 0, **phone), event("CHAN_START", 1, **trunk), event("LINKEDID_END", 2, **phone)]
    record = derive(events, measure)
    assert (record.kind, record.outcome) == ("outbound", None)
    assert [leg.kind for leg in record.legs] == ["agent", "callback"]


# --- nothing stops it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "note",
    [
        {"k": "unheard_of"},
        {},
        {"k": "step"},
        {"k": "step", "node": ["x"], "kind": "menu"},
        {"k": "step", "node": "x", "kind": "menu", "heard": "greeting"},
        {"k": "message", "take": "1", "file": "x", "state": "kept"},
        {"k": "message", "take": 1, "file": "x", "state": "eaten"},
        {"k": "callback"},
        {**CALLBACK, "due": "tomorrow"},
        {**CALLBACK, "due": "2026-11-24T09:00:00"},
        {"k": "enter", "at": "01012345678"},
        {"k": "enter", "dnis": ["120"]},
        {"k": "end", "outcome": {}},
        {"k": "queue"},
        {"k": "agent", "agent": "kim"},
        {"k": "survey"},
        {**SURVEY, "score": 6},
        {**SURVEY, "score": "4"},
        {**SURVEY, "metric": "joy"},
    ],
)
def test_a_note_that_makes_no_sense_is_a_fault_and_no_more(note: dict[str, Any]) -> None:
    record = derive(whole(said(0, note, {"k": "step", "node": "a", "kind": "menu"})), measure)
    assert len(record.faults) == 1
    assert "01012345678" not in record.faults[0]
    assert [step.node for step in record.steps] == ["a"]
    assert record.outcome in ("abandoned", "callback_queued")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
notes = st.dictionaries(
    st.sampled_from(
        [
            "k",
            "node",
            "kind",
            "metric",
            "score",
            "take",
            "file",
            "state",
            "due",
            "at",
            "queue",
            "agent",
            "action",
            "outcome",
            "dnis",
        ]
    ),
    st.sampled_from(["step", "message", "callback", "enter", "queue", "end", "agent", "survey", "csat", "kept"])
    | json_values,
)
kinds = st.sampled_from(
    ["CHAN_START", "ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", "HANGUP", "CHAN_END", "BLINDTRANSFER", "LINKEDID_END", "X"]
)


@st.composite
def any_event(draw: st.DrawFn) -> JournalEvent:
    at_s = draw(st.integers(-5, 50))
    if draw(st.booleans()):
        text = draw(st.text(max_size=30) | st.lists(notes, max_size=3).map(lambda drawn: payload(0, *drawn)))
        return event("IVR", at_s, extra=text)
    number = draw(st.integers(1, 3))
    channel = draw(st.sampled_from([TRUNK, "PJSIP/kim-00000002", "Local/x@y-1;1", ""]))
    extra: dict[str, Any] = draw(
        st.just({}) | st.fixed_dictionaries({"bridge_id": json_values, "hangupcause": json_values})
    )
    return event(draw(kinds), at_s, channel=channel, unique_id=f"n1-1.{number}", **extra)


@given(events=st.lists(any_event(), min_size=1, max_size=25))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_there_is_one_record(events: list[JournalEvent]) -> None:
    record = derive(events, measure)
    if record.kind == "inbound" and record.ended_at is not None:
        assert record.outcome in OUTCOMES
    else:
        assert record.outcome is None
    assert all(leg.talk_s >= 0 for leg in record.legs)
    assert len({leg.id for leg in record.legs}) == len(record.legs)


# --- the life of a leg ----------------------------------------------------------------------------------------------

EVENT_TYPES = sorted({kind for row in TRANSITIONS.values() for kind in row} | {"APP_START", "IVR", "BLINDTRANSFER"})


@pytest.mark.parametrize("state", LegState)
@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_the_whole_table_of_a_leg(state: LegState, kind: str) -> None:
    after = next_state(state, kind)
    if state is LegState.ENDED or kind in ("HANGUP", "CHAN_END", "LINKEDID_END", "NODE_START"):
        assert after is LegState.ENDED
    elif kind == "BRIDGE_ENTER":
        assert after is LegState.TALKING
    elif kind == "BRIDGE_EXIT":
        assert after is (state if state is LegState.OFFERED else LegState.UP)
    elif kind == "ANSWER":
        assert after is (LegState.TALKING if state is LegState.TALKING else LegState.UP)
    elif kind == "CHAN_START":
        assert after is (LegState.OFFERED if state is LegState.ABSENT else state)
    else:
        assert after is state


# --- payloads in parts ----------------------------------------------------------------------------------------------


@given(text=st.text(alphabet="abcXYZ019-_", min_size=1, max_size=5000), data=st.data())
@settings(deadline=None)
def test_payload_parts_join_in_any_order_and_repetition(text: str, data: st.DataObject) -> None:
    parts = payload_parts(text)
    assert all(len(part) <= PAYLOAD_LIMIT + 20 for part in parts)
    order = data.draw(st.permutations(parts))
    joiner = PayloadJoiner()
    results = [joiner.feed("c", part) for part in [*order[:-1], *order[:-1], order[-1]]]
    assert results[-1] == text
    assert results[: len(order) - 1] == [None] * (len(order) - 1)


def test_parts_that_do_not_fit_are_refused() -> None:
    first, second = payload_parts("a" * (PAYLOAD_LIMIT + 1))
    joiner = PayloadJoiner()
    assert joiner.feed("c", first) is None
    with pytest.raises(ValueError, match="do not fit"):
        joiner.feed("c", second[:-1] + "b")


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%%%",
        "AAAA",
        base64_of("[1]"),
        base64_of('{"q":0,"n":["x"]}'),
        base64_of('{"q":0,"n":[{"k":"\\ud800"}]}'),
        base64_of('{"q":0,"n":[{"k":"\\u0000"}]}'),
        base64_of('{"q":true,"n":[]}'),
        payload(-1),
        payload(10**7),
    ],
)
def test_what_is_no_commit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_commit(text)
