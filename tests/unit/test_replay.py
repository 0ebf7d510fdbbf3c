"""Calls made up by chance, run again: on their own dialplan all ends the same, on another what differs is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.adapters.vault import KeyVault
from ivr.dialplan.compiler import load_centre
from ivr.domain.centre import Centre
from ivr.domain.flow import Choice, Menu
from ivr.domain.records import CallRecord
from ivr.domain.state import CallState
from ivr.domain.values import text_of
from ivr.replay import ReplayedCall, Replayer
from ivr.testing.centres import small_centre, with_nodes
from ivr.testing.history import random_calls

ROOT = Path(__file__).resolve().parents[2]
VAULT = KeyVault(bytes(range(32)))
SINCE = datetime(2026, 11, 20, tzinfo=UTC)


def shipped() -> Centre:
    known = {language: load_catalogue(ROOT / "prompts", language).keys() for language in ("ko", "en")}
    return load_centre(ROOT / "dialplans" / "120", known).need_all()["120"]


def history(centre: Centre, count: int, seed: int = 1) -> list[CallRecord]:
    until = SINCE + timedelta(days=10)
    return list(random_calls(centre, count, since=SINCE, until=until, vault=VAULT, seed=seed))


@pytest.mark.parametrize("centre", [small_centre(), shipped()], ids=["small", "shipped"])
def test_against_its_own_dialplan_every_call_ends_as_it_did(centre: Centre) -> None:
    replayer = Replayer({centre.id: centre}, VAULT)
    different = [verdict for record in history(centre, 400) if (verdict := replayer.replay(record)).kind != "same"]
    assert different == []


def test_the_made_up_calls_are_of_every_kind() -> None:
    """Else the test above would show little."""
    calls = history(shipped(), 400)
    assert {"message_saved", "abandoned", "self_served", "answered", "callback_queued"} == {c.outcome for c in calls}
    steps = [step for call in calls for step in call.steps]
    assert {step.result for step in steps} >= {
        "match",
        "no_match",
        "no_input",
        "hung_up",
        "timeout",
        "no_agents",
        "key",
    }
    assert any((step.got or "").startswith("s1.") for step in steps)


def kinds_of(candidate: Centre) -> dict[str, int]:
    """Kinds of verdicts of calls to the small centre against a candidate."""
    replayer = Replayer({candidate.id: candidate}, VAULT)
    return dict(Counter(replayer.replay(record).kind for record in history(small_centre(), 300)))


def test_another_outcome_is_told_with_the_place_where_the_ways_part() -> None:
    before = small_centre()
    menu = before.flow.nodes["main"]
    assert isinstance(menu, Menu)
    to_bye = replace(menu, choices={**menu.choices, "1": Choice(next="bye", category="pension")})
    replayer = Replayer({before.id: with_nodes(before, to_bye)}, VAULT)
    calls = [call for call in history(before, 300) if any(s.node == "main" and s.got == "1" for s in call.steps)]
    verdicts = [replayer.replay(call) for call in calls]
    assert len(verdicts) > 10
    # Some had rated their agent, so they were served then too: for them it is the queue that differs.
    assert {verdict.kind for verdict in verdicts} == {"outcome", "queue"}
    assert {verdict.why for verdict in verdicts} == {"after main: bye instead of pension_queue"}
    assert {verdict.now.outcome for verdict in verdicts if verdict.now is not None} == {"self_served"}


def test_a_node_with_another_name_answers_for_the_old_one() -> None:
    before = small_centre()
    renamed = with_nodes(before, replace(before.flow.nodes["member"], id="membership"))
    menu = renamed.flow.nodes["main"]
    assert isinstance(menu, Menu)
    renamed = with_nodes(renamed, replace(menu, choices={**menu.choices, "3": Choice(next="membership")}))
    nodes = {name: node for name, node in renamed.flow.nodes.items() if name != "member"}
    assert kinds_of(replace(renamed, flow=replace(renamed.flow, nodes=nodes))).keys() == {"same", "path"}


def test_what_a_caller_was_never_asked_is_not_answered_for_them() -> None:
    before = small_centre()
    new = replace(before.flow.nodes["member"], id="new_question", next="main")
    kinds = kinds_of(with_nodes(before, new, replace(before.flow.nodes["notice"], next="new_question")))
    assert kinds["unknowable"] > 0
    assert kinds.keys() == {"same", "unknowable"}


def test_a_number_that_nobody_answers_any_more_is_blocked() -> None:
    assert kinds_of(replace(small_centre(), numbers=("999",))) == {"outcome": 300}


def test_hours_are_those_of_the_call() -> None:
    """A line that is never open: whoever called in working hours would take another way, nobody else."""
    before = small_centre()
    closed = replace(before.calendars["centre"], week={})
    replayer = Replayer({before.id: replace(before, calendars={"centre": closed})}, VAULT)
    for call in history(before, 300):
        came_in = any(step.node == "line_open" and step.result == "open" for step in call.steps)
        assert (replayer.replay(call).kind != "same") == came_in


def test_no_personal_value_of_a_caller_reaches_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine is given is listened to: neither a caller's number nor what they typed is among it."""
    seen: list[str] = []
    original = ReplayedCall.to_token

    def listening(self: ReplayedCall, state: CallState) -> str:
        seen.extend(text_of(value) for value in state.variables.values())
        return original(self, state)

    monkeypatch.setattr(ReplayedCall, "to_token", listening)
    replayer = Replayer({"120": shipped()}, VAULT)
    calls = history(shipped(), 100)
    assert {replayer.replay(call).kind for call in calls} == {"same"}
    personal = {VAULT.unseal(call.caller) for call in calls if call.caller}
    personal |= {VAULT.unseal(s.got) for call in calls for s in call.steps if s.got and s.got.startswith("s1.")}
    assert len(personal) > 100
    assert len(seen) > 100
    assert not personal & set(seen)
