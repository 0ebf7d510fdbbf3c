"""Conditions, assignments, lookups, transfers and surveys: what each makes of each event, purely."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.act import action
from ivr.domain.actions import Ask, Dial, DialEnded, Event, Fetch, Fetched, Heard, Keyed, QueueLeft, Speak, Wait
from ivr.domain.centre import Centre
from ivr.domain.conditions import (
    WHOLE,
    CallerMatches,
    CategoryIs,
    Condition,
    During,
    LanguageIs,
    Share,
    VariableIs,
    bucket,
    fits,
)
from ivr.domain.flow import (
    Assign,
    Case,
    Collect,
    Decide,
    Destination,
    Lookup,
    Node,
    Play,
    Prompt,
    Prompts,
    Retry,
    Say,
    Survey,
    Transfer,
)
from ivr.domain.state import CallState
from ivr.domain.step import Step, advance, start
from ivr.domain.values import Personal
from ivr.testing.centres import OPEN_AT, small_centre, with_nodes

RETRY = Retry(tries=2, on_invalid=(Prompt("not_understood"),), on_silence=(Prompt("nothing_heard"),), on_failure="bye")
HELLO: Prompts = (Prompt("hello"),)
ROOM = Play(id="room", prompts=HELLO, next="bye", interruptible=False)
"""A place to arrive in."""


def centre_with(*nodes: Node) -> Centre:
    return with_nodes(small_centre(), ROOM, *nodes, start=nodes[0].id)


def begin(*nodes: Node, caller: str | None = "0212345678", at: datetime = OPEN_AT, call: str = "n1-1.0") -> Step:
    return start(centre_with(*nodes), call=call, dnis="120", caller=None if caller is None else Personal(caller), at=at)


def after(step: Step, *events: Event, nodes: tuple[Node, ...]) -> Step:
    for event in events:
        step = advance(centre_with(*nodes), step.state, event, OPEN_AT)
    return step


def steps(step: Step) -> list[tuple[Any, Any, Any]]:
    return [(note["node"], note["result"], note["to"]) for note in step.notes if note["k"] == "step"]


# --- conditions ---


@pytest.mark.parametrize(
    ("number", "patterns", "does"),
    [
        ("0212345678", ("02*",), True),
        ("03112345678", ("02*",), False),
        ("+82212345678", ("02*", "+822*"), True),
        ("01012340000", ("010????0000",), True),
        ("010123400001", ("010????0000",), False),
        ("0212345678", ("known",), True),
        ("0212345678", ("unknown",), False),
        (None, ("unknown",), True),
        (None, ("02*", "known"), False),
    ],
)
def test_patterns_of_numbers(number: str | None, patterns: tuple[str, ...], does: bool) -> None:
    assert fits(number, patterns) is does


def choose(*conditions: Condition) -> tuple[Node, ...]:
    return (Decide(id="choose", cases=(Case(conditions=conditions, next="room"),), otherwise="bye"),)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (CallerMatches(("02*",)), True),
        (CallerMatches(("unknown",)), False),
        (LanguageIs(("ko",)), True),
        (LanguageIs(("en",)), False),
        (CategoryIs(("pension",)), False),
        (VariableIs("caller", ("0212345678",)), True),
        (VariableIs("nothing", ("",)), False),
        (During(), True),
        (During(first=date(2026, 11, 23), last=date(2026, 11, 23)), True),
        (During(first=date(2026, 11, 24)), False),
        (During(last=date(2026, 11, 22)), False),
        (During(weekdays=frozenset({0})), True),
        (During(weekdays=frozenset({6})), False),
        (During(calendar="centre"), True),
        (Share(0, WHOLE), True),
        (Share(0, 0), False),
    ],
)
def test_one_condition(condition: Condition, holds: bool) -> None:
    step = begin(*choose(condition))
    assert steps(step)[0] == ("choose", "1" if holds else "otherwise", "room" if holds else "bye")


def test_all_conditions_of_a_case_must_hold() -> None:
    assert begin(*choose(LanguageIs(("ko",)), CallerMatches(("031*",)))).state.node == "bye"


def test_a_day_is_that_of_the_centre_not_of_utc() -> None:
    evening = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)  # Tuesday 00:30 in Seoul
    assert begin(*choose(During(weekdays=frozenset({1}))), at=evening).state.node == "room"
    assert begin(*choose(During(calendar="centre")), at=evening).state.node == "bye"


def test_the_journal_says_which_case_but_not_why() -> None:
    step = begin(*choose(VariableIs("caller", ("0212345678",))))
    assert "0212345678" not in repr(step.notes)


def test_shares_part_the_callers_and_stay_with_each_call() -> None:
    node = Decide(
        id="trial",
        cases=(Case(conditions=(Share(0, 3000),), next="room"), Case(conditions=(Share(3000, 5000),), next="main")),
        otherwise="bye",
    )
    where = Counter(begin(node, call=f"n1-{number}.0").state.node for number in range(2000))
    assert where["room"] / 2000 == pytest.approx(0.3, abs=0.04)
    assert where["main"] / 2000 == pytest.approx(0.2, abs=0.04)
    assert {begin(node, call="n1-7.0").state.node for _ in range(5)} == {begin(node, call="n1-7.0").state.node}


@given(st.text(), st.text())
def test_buckets_are_within_the_whole(call: str, node: str) -> None:
    assert 0 <= bucket(call, node) < WHOLE


def test_buckets_of_two_nodes_are_independent() -> None:
    calls = [f"n1-{number}.0" for number in range(2000)]
    both = sum(bucket(call, "a") < 5000 and bucket(call, "b") < 5000 for call in calls)
    assert both / 2000 == pytest.approx(0.25, abs=0.04)


# --- set ---


def test_set_copies_and_says_nothing() -> None:
    node = Assign(id="set", assign={"topic": "apply", "number": "$caller"}, next="room", category="pension")
    state = begin(node).state
    assert (state.variables["topic"], state.variables["number"]) == ("apply", Personal("0212345678"))
    assert (state.category, state.node) == ("pension", "room")


def test_prompts_before_a_change_of_language_are_heard_in_the_old_one() -> None:
    nodes = (
        Play(id="play", prompts=HELLO, next="set"),
        Assign(id="set", assign={}, next="survey", language="en"),
        survey(1, 5),
    )
    first = begin(*nodes)
    todo = action(centre_with(*nodes), first.state)
    assert isinstance(todo, Speak)
    assert [sound.language for sound in todo.sounds] == ["ko"]  # type: ignore[union-attr]
    second = after(first, Heard(), nodes=nodes)
    assert (second.state.node, second.state.language, second.state.lead) == ("survey", "en", ())


def test_prompts_before_a_change_of_what_they_say_are_heard_with_the_old_value() -> None:
    nodes = (
        Assign(id="one", assign={"n": "1"}, next="play"),
        Play(id="play", prompts=(Say("number", "n"),), next="two"),
        Assign(id="two", assign={"n": "2"}, next="room"),
    )
    first = begin(*nodes)
    assert first.state.node == "two"
    assert [sound.key for sound in action(centre_with(*nodes), first.state).sounds] == ["number/1"]  # type: ignore[union-attr]
    assert after(first, Heard(), nodes=nodes).state.variables["n"] == "2"


# --- collect ---


def collect(**changes: Any) -> Collect:
    node = Collect(
        id="collect", prompts=HELLO, min_digits=1, max_digits=3, check="number", personal=False, read_back=(),
        into="amount", next="room", retry=RETRY,
    )  # fmt: skip
    return replace(node, **changes)


@pytest.mark.parametrize(
    ("node", "keyed", "node_after"),
    [
        (collect(value_range=(1, 500)), Keyed("500", terminated=True), "room"),
        (collect(value_range=(1, 500)), Keyed("501", terminated=True), "collect"),
        (collect(value_range=(1, 500)), Keyed("0", terminated=True), "collect"),
        (collect(value_range=(1, 500)), Keyed("007", terminated=True), "room"),
        (collect(), Keyed("12", terminated=True), "room"),
        (collect(terminator=None), Keyed("12", terminated=True), "collect"),
        (collect(terminator=None), Keyed("12"), "room"),
        (collect(terminator=None), Keyed("123", terminated=True), "room"),
    ],
)
def test_what_is_right(node: Collect, keyed: Keyed, node_after: str) -> None:
    assert after(begin(node), keyed, nodes=(node,)).state.node == node_after


def test_a_hash_that_is_no_terminator_is_a_wrong_key_not_a_silence() -> None:
    node = collect(terminator=None)
    assert steps(after(begin(node), Keyed("", terminated=True), nodes=(node,)))[0][1] == "no_match"


# --- survey ---


def survey(lowest: int, highest: int) -> Survey:
    return Survey(
        id="survey", prompts=HELLO, lowest=lowest, highest=highest, metric="nps" if highest == 10 else "csat",
        of="agent", next="room", retry=replace(RETRY, on_failure="room"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scale", "keyed", "score"),
    [
        ((1, 5), Keyed("1", terminated=True), 1),
        ((1, 5), Keyed("6", terminated=True), None),
        ((1, 5), Keyed("0", terminated=True), None),
        ((0, 10), Keyed("10", terminated=True), 10),
        ((0, 10), Keyed("0"), 0),
        ((0, 10), Keyed("07", terminated=True), 7),
        ((0, 10), Keyed("11", terminated=True), None),
        ((0, 10), Keyed("1*", terminated=True), None),
        ((0, 10), Keyed(""), None),
    ],
)
def test_scores(scale: tuple[int, int], keyed: Keyed, score: int | None) -> None:
    node = survey(*scale)
    step = after(begin(node), keyed, nodes=(node,))
    assert [note["score"] for note in step.notes if note["k"] == "survey"] == ([] if score is None else [score])
    assert step.state.node == ("survey" if score is None else "room")


def test_ten_needs_two_digits_and_five_one() -> None:
    for node, digits in ((survey(0, 10), 2), (survey(1, 5), 1)):
        todo = action(centre_with(node), begin(node).state)
        assert isinstance(todo, Ask)
        assert todo.max_digits == digits


def test_who_gives_no_score_goes_on() -> None:
    node = survey(1, 5)
    step = after(begin(node), Keyed(""), Keyed("9", terminated=True), nodes=(node,))
    assert step.state.node == "room"
    assert not [note for note in step.notes if note["k"] == "survey"]


# --- lookup ---


def lookup(**changes: Any) -> Lookup:
    node = Lookup(
        id="lookup", url="http://127.0.0.1:1/x", method="GET", query={"kind": "basic", "lang": "$language", "n": "$n"},
        body={}, headers={}, secrets={}, personal=False, within_s=1.0, retries=1,
        take={"balance": "accounts.0.balance"}, found="room", not_found="main", timeout="offer", error="bye",
    )  # fmt: skip
    return replace(node, **changes)


def test_the_question_has_the_values_that_there_are() -> None:
    nodes = (Assign(id="set", assign={"n": "7"}, next="lookup"), lookup(query={"n": "$n", "k": "basic", "no": "$no"}))
    todo = action(centre_with(*nodes), begin(*nodes).state)
    assert isinstance(todo, Fetch)
    assert (todo.query, todo.body, todo.key) == ({"n": "7", "k": "basic"}, {}, "n1-1.0-1")


def test_personal_values_are_in_no_query_and_in_a_body_only_when_said() -> None:
    for node in (lookup(query={"n": "$caller"}, personal=True), lookup(body={"n": "$caller"}, query={})):
        with pytest.raises(ValueError, match="personal") as refused:
            action(centre_with(node), begin(node).state)
        assert "0212345678" not in str(refused.value)
    node = lookup(body={"n": "$caller"}, query={}, personal=True)
    todo = action(centre_with(node), begin(node).state)
    assert isinstance(todo, Fetch)
    assert todo.body == {"n": "0212345678"}
    assert "0212345678" not in repr(todo)


@pytest.mark.parametrize(
    ("event", "result", "to", "balance"),
    [
        (Fetched("found", {"accounts": [{"balance": 12000}]}), "found", "room", "12000"),
        (Fetched("found", {"accounts": [{"balance": 12000.0}]}), "found", "room", "12000"),
        (Fetched("found", {"accounts": [{"balance": " plenty "}]}), "found", "room", "plenty"),
        (Fetched("found", {"accounts": [{"balance": True}]}), "found", "room", "true"),
        (Fetched("found", {"accounts": [{"balance": None}]}), "not_found", "main", None),
        (Fetched("found", {"accounts": [{"balance": {}}]}), "not_found", "main", None),
        (Fetched("found", {"accounts": [{"balance": ""}]}), "not_found", "main", None),
        (Fetched("found", {"accounts": []}), "not_found", "main", None),
        (Fetched("found", [1]), "not_found", "main", None),
        (Fetched("found", None), "not_found", "main", None),
        (Fetched("found", {"accounts": [{"balance": "x" * 101}]}), "error", "bye", None),
        (Fetched("not_found"), "not_found", "main", None),
        (Fetched("timeout"), "timeout", "offer", None),
        (Fetched("error"), "error", "bye", None),
    ],
)
def test_answers(event: Fetched, result: str, to: str, balance: str | None) -> None:
    node = lookup(query={})
    step = after(begin(node), event, nodes=(node,))
    assert steps(step)[0] == ("lookup", result, to)
    assert step.state.variables.get("balance") == balance
    if balance is not None:
        assert balance not in repr([note for note in step.notes if note["node"] == "lookup"])


@pytest.mark.parametrize(("letters", "result"), [(50, "found"), (51, "error")])
def test_all_values_together_are_bounded_in_bytes(letters: int, result: str) -> None:
    node = lookup(query={}, take={f"v{number}": f"{number}" for number in range(10)})
    values = Fetched("found", ["x" * 100] * 9 + ["é" * letters])
    step = after(begin(node), values, nodes=(node,))
    assert steps(step)[0][1] == result


@pytest.mark.parametrize("how", ["money", "count", "date"])
def test_a_value_that_cannot_be_said_is_an_error_not_half_a_sentence(how: str) -> None:
    nodes = (lookup(query={}), Play(id="told", prompts=(Say(how, "balance"),), next="bye"))
    wrong = Fetched("found", {"accounts": [{"balance": "soon"}]})
    assert steps(after(begin(*nodes), wrong, nodes=nodes))[0][1] == "error"
    right = Fetched("found", {"accounts": [{"balance": "2026-11-24" if how == "date" else 12}]})
    assert steps(after(begin(*nodes), right, nodes=nodes))[0][1] == "found"


def test_what_a_personal_lookup_tells_is_personal() -> None:
    node = lookup(query={}, personal=True)
    step = after(begin(node), Fetched("found", {"accounts": [{"balance": 12000}]}), nodes=(node,))
    assert step.state.variables["balance"] == Personal("12000")


# --- transfer ---


def transfer(kind: str, name: str) -> Transfer:
    return Transfer(id="transfer", to=Destination(kind, name), ring_s=20, busy="main", no_answer="offer", failed="bye")


@pytest.mark.parametrize(
    ("node", "event", "result", "to"),
    [
        (transfer("agent", "1001"), DialEnded("BUSY"), "busy", "main"),
        (transfer("agent", "1001"), DialEnded("NOANSWER"), "no_answer", "offer"),
        (transfer("agent", "1001"), DialEnded("FAILED"), "failed", "bye"),
        (transfer("agent", "1001"), DialEnded("ODD"), "failed", "bye"),
        (transfer("queue", "pension"), QueueLeft("JOINEMPTY"), "busy", "main"),
        (transfer("queue", "pension"), QueueLeft("TIMEOUT"), "no_answer", "offer"),
        (transfer("queue", "pension"), QueueLeft("ODD"), "failed", "bye"),
    ],
)
def test_a_transfer_that_nobody_answers(node: Transfer, event: Event, result: str, to: str) -> None:
    assert steps(after(begin(node), event, nodes=(node,)))[0] == ("transfer", result, to)


@pytest.mark.parametrize(
    ("node", "event"),
    [(transfer("agent", "1001"), DialEnded("ANSWERED")), (transfer("queue", "pension"), QueueLeft("DONE"))],
)
def test_a_transfer_that_is_answered_is_the_end(node: Transfer, event: Event) -> None:
    step = after(begin(node), event, nodes=(node,))
    assert step.state.ended
    assert [(note["outcome"], note["reason"]) for note in step.notes if note["k"] == "end"] == [(None, "transferred")]


def test_where_a_transfer_goes() -> None:
    agent = transfer("agent", "1001")
    assert action(centre_with(agent), begin(agent).state) == Dial(
        target="small.agent.1001", ring_s=20, label="[ko]", language="ko"
    )
    queue = transfer("queue", "pension")
    first = begin(queue)
    todo = action(centre_with(queue), first.state)
    assert isinstance(todo, Wait)
    assert (todo.queue, todo.comes_back) == ("small-pension", True)
    announced = [note["talk_file"] for note in first.notes if note["k"] == "queue"]
    assert announced == [todo.talk_file]


def test_a_key_of_another_node_of_the_queue_costs_no_recording() -> None:
    node = transfer("queue", "pension")
    step = after(begin(node), QueueLeft("KEY", "1"), nodes=(node,))
    todo = action(centre_with(node), step.state)
    assert isinstance(todo, Wait)
    assert [note["talk_file"] for note in step.notes if note["k"] == "queue"] == [todo.talk_file]


@pytest.mark.parametrize("node", [transfer("agent", "1001"), lookup(query={})])
def test_what_was_said_before_is_heard_first(node: Node) -> None:
    nodes = (Play(id="play", prompts=HELLO, next=node.id), node)
    first = begin(*nodes)
    assert isinstance(action(centre_with(*nodes), first.state), Speak)
    second = after(first, Heard(), nodes=nodes)
    assert isinstance(action(centre_with(*nodes), second.state), Dial | Fetch)


def test_a_stale_event_asks_again() -> None:
    for node in (transfer("agent", "1001"), lookup(query={}), survey(1, 5)):
        state: CallState = after(
            begin(node), Keyed("1") if not isinstance(node, Survey) else Heard(), nodes=(node,)
        ).state
        assert state.node == node.id


@pytest.mark.parametrize("node", [transfer("agent", "3001"), transfer("number", "head_office")])
def test_a_stale_queue_key_at_a_transfer_to_a_phone_dials_again(node: Transfer) -> None:
    step = after(begin(node), QueueLeft("KEY", "1"), nodes=(node,))
    assert step.state.node == node.id
    assert step.state.breaking_off is None
    assert not [note for note in step.notes if note["k"] == "queue"]
