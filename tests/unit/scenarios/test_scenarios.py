"""Scenarios as run: green when the call is as it must be, red with the reason when it is not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from ivr.domain.coverage import Edge, edges, edges_taken
from ivr.domain.moves import move_from_text
from ivr.domain.scenario import Expectation, Scenario
from ivr.testing.centres import CLOSED_AT, OPEN_AT, small_centre
from ivr.testing.scenarios import Verdict, fits, run

CENTRE = small_centre()


def verdict(
    *does: str,
    at: datetime = OPEN_AT,
    agents: str = "free",
    hang_up_at: str | None = None,
    must_not: Expectation | None = None,
    **must: Any,
) -> Verdict:
    scenario = Scenario(
        name="it", file="f.yaml", line=1, dial="120", at=at, caller="0212345678", agents=agents, hang_up_at=hang_up_at,
        moves=tuple(move_from_text(text) for text in does),
        must=Expectation(**must), must_not=must_not or Expectation(),
    )  # fmt: skip
    return run(CENTRE, scenario)


MESSAGE = ("1", "900101", "1", "1", "talk:5", "1")


def test_green() -> None:
    found = verdict(
        *MESSAGE,
        at=CLOSED_AT,
        path=("greet", "language", "line_open", "closed", "...", "bye"),
        hear=("greeting", "choose_language@en", "ask_message", "goodbye@ko"),
        outcome=("message_saved",),
        message={"language": "ko", "data.birth": "900101", "data.number": "0212345678"},
        callback={"due": "2026-11-24 09:00", "number": "0212345678"},
        notes=({"k": "message", "take": "1", "state": "kept"},),
        must_not=Expectation(path=("main",), hear=("greeting@en",), outcome=("abandoned",), queue=("pension",)),
    )
    assert found.failures == ()


@pytest.mark.parametrize(
    ("must", "says"),
    [
        ({"path": ("greet", "language", "...", "main")}, "the path differs"),
        ({"hear": ("goodbye", "greeting")}, "must hear greeting"),
        ({"hear": ("greeting@en",)}, "must hear greeting@en"),
        ({"outcome": ("answered", "abandoned")}, "the outcome is message_saved, but must be answered or abandoned"),
        ({"queue": ("pension",)}, "queues are none"),
        ({"message": {"data.birth": "900102"}}, "the message must have data.birth: 900102, but has data.birth: 900101"),
        ({"callback": {"due": "2026-11-24 09:01"}}, "the call back must have due: 2026-11-24 09:01"),
        ({"notes": ({"k": "message", "take": "2"},)}, "no journal note with k: message, take: 2"),
        ({"must_not": Expectation(path=("birth",))}, "must not come to birth"),
        ({"must_not": Expectation(hear=("ask_message",))}, "must not hear ask_message"),
        ({"must_not": Expectation(outcome=("message_saved",))}, "the outcome must not be message_saved"),
        ({"must_not": Expectation(message={})}, "there must be no message"),
        ({"must_not": Expectation(callback={"due": "2026-11-24 09:00"})}, "there must be no call back with due"),
        ({"must_not": Expectation(notes=({"k": "end"},))}, "there must be no journal note with k: end"),
    ],
)
def test_red(must: dict[str, Any], says: str) -> None:
    (failure,) = verdict(*MESSAGE, at=CLOSED_AT, **must).failures
    assert failure.startswith(says)


def test_the_difference_of_paths_is_shown_node_by_node() -> None:
    (failure,) = verdict("1", "9", "hangup", path=("greet", "language", "line_open", "closed", "...", "main")).failures
    assert failure.splitlines()[1:] == ["  greet", "  language", "  line_open", "- closed", "  notice", "  main"]


def test_missing_records() -> None:
    found = verdict("1", "1", agents="none", message={}, callback={})
    assert found.failures == (
        "there must be a message, but there is none",
        "there must be a call back, but there is none",
    )


@pytest.mark.parametrize(
    ("does", "agents", "says"),
    [
        (("1", "talk:5"), "free", "move 2, talk:5, does not fit: main asks for keys"),
        (("1", "12"), "free", "move 2, 12, does not fit: main takes 1 key(s) there"),
        (("1", "0", "5", "5", "5", "5"), "none", "the call was over in bye with moves left that nobody asked for: 5"),
        (("1", "say:pension"), "free", "move 2, say:pension, does not fit: main takes these words: none"),
        (("1", "0", "queue:TIMEOUT", "1"), "free", "the call was over in bye with moves left that nobody asked for: 1"),
    ],
)
def test_a_script_that_does_not_fit_is_refused(does: tuple[str, ...], agents: str, says: str) -> None:
    (failure,) = verdict(*does, agents=agents, outcome=("answered",)).failures
    assert failure.startswith(says)


def test_a_caller_who_never_comes_where_they_were_to_hang_up() -> None:
    (failure,) = verdict("1", "1", hang_up_at="birth").failures
    assert failure.startswith("the caller never came to birth; the way was greet, language")


@pytest.mark.parametrize(
    ("agents", "does", "outcome", "last"),
    [
        ("free", ("1", "1", "1"), "answered", "bye"),  # the flow goes on after the talk: a survey
        ("none", ("1", "1", "hangup"), "abandoned", "offer"),
        ("busy", ("1", "1", "silence", "hangup"), "abandoned", "offer"),
        ("busy", ("1", "1", "1"), "callback_queued", "bye"),  # a key in the queue
        ("busy", ("1", "1", "queue:HANGUP"), "abandoned", "pension_queue"),
        ("free", ("1", "0"), "answered", "general_queue"),
    ],
)
def test_how_waits_end(agents: str, does: tuple[str, ...], outcome: str, last: str) -> None:
    found = verdict(*does, agents=agents, outcome=(outcome,), path=("...", last))
    assert found.failures == ()


def test_hanging_up_keeps_what_was_said_and_nothing_else() -> None:
    said = verdict("1", "900101", "1", "1", "talk:5", "hangup", at=CLOSED_AT, outcome=("message_saved",), message={})
    assert said.failures == ()
    silent = verdict("1", "900101", "1", "1", at=CLOSED_AT, hang_up_at="message", outcome=("abandoned",))
    assert silent.failures == ()


@pytest.mark.parametrize(
    ("wanted", "path", "fit"),
    [
        (("a", "b"), ("a", "b"), True),
        (("a",), ("a", "b"), False),
        (("...", "b"), ("a", "b"), True),
        (("...",), (), True),
        (("a", "...", "b", "...", "c"), ("a", "x", "b", "b", "c"), True),
        (("a", "...", "a"), ("a",), False),
        (("...", "b"), ("b", "a"), False),
    ],
)
def test_paths_with_gaps(wanted: tuple[str, ...], path: tuple[str, ...], fit: bool) -> None:
    assert fits(wanted, path) == fit


def test_coverage_tells_branches_from_tries() -> None:
    call = verdict("1", "8", "silence", "9", "0", "queue:TIMEOUT").call
    assert call is not None
    taken = edges_taken(CENTRE.flow, call.notes)
    assert taken == [
        Edge("greet", "next"),
        Edge("language", "1"),
        Edge("line_open", "open"),
        Edge("notice", "next"),
        Edge("main", "9"),
        Edge("main", "0"),
        Edge("connecting", "next"),
        Edge("general_queue", "timeout"),
    ]
    failed = verdict("1", "8", "8", "8").call
    assert failed is not None
    assert Edge("main", "on_failure") in edges_taken(CENTRE.flow, failed.notes)


def test_every_branch_of_a_flow_is_counted_but_those_that_cannot_be_taken() -> None:
    found = edges(CENTRE)
    assert {Edge("main", key) for key in ("1", "3", "9", "0", "on_failure")} <= found
    assert {Edge("pension_queue", label) for label in ("1", "no_agents", "timeout", "after")} <= found
    assert Edge("which_number", "otherwise") in found
