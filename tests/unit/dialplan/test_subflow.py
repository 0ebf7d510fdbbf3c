"""Sub-flows in place of their calls: which nodes there are, where they lead, and where mistakes in them are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.dialplan.compiler import load_centre
from ivr.dialplan.problem import report
from ivr.domain.flow import Collect, Flow, Menu, Play, Prompt, targets

BASE = Path(__file__).parents[2] / "data" / "wrong" / "_base"
KNOWN_PROMPTS = {language: frozenset({"hello", "bye", "pin", "card", "wrong", "main"}) for language in ("ko", "en")}
HEAD = "start: hello\napology: bye\ndefaults: {on_failure: bye}\nnodes:\n  bye: {end: bye}\n"
ASK = """
flows:
  ask:
    parameters: [what, digits, wrong]
    exits: [next, none]
    start: question
    nodes:
      question:
        collect: <what>
        digits: <digits>
        into: my_<what>
        on_invalid: <wrong>
        next: <next>
        on_failure: sorry
      sorry: {play: wrong, next: <none>}
"""


def load(tmp_path: Path, nodes: str) -> tuple[Flow | None, str]:
    folder = tmp_path / "120"
    folder.mkdir()
    centre = (BASE / "centre.yaml").read_text(encoding="utf-8").replace("legal_basis: {number: consent}\n", "")
    (folder / "centre.yaml").write_text(centre, encoding="utf-8")
    (folder / "flow.yaml").write_text(HEAD + nodes, encoding="utf-8")
    loaded = load_centre(folder, KNOWN_PROMPTS)
    centre = loaded.centres.get("120")
    return None if centre is None else centre.flow, report(loaded.problems).replace(f"{folder}/", "")


def good(tmp_path: Path, nodes: str) -> Flow:
    flow, problems = load(tmp_path, nodes)
    assert problems == ""
    assert flow is not None
    return flow


TWO_CALLS = """
  hello: {flow: ask, with: {what: card, digits: 8-11, wrong: [wrong, hello]}, next: pin, none: bye}
  pin: {flow: ask, with: {what: pin, digits: 4, wrong: []}, next: bye, none: hello}
"""


def test_each_call_becomes_nodes_of_its_own(tmp_path: Path) -> None:
    flow = good(tmp_path, TWO_CALLS + ASK)
    assert flow.start == "hello/question"
    assert list(flow.nodes) == ["bye", "hello/question", "hello/sorry", "pin/question", "pin/sorry"]
    card, pin = flow.nodes["hello/question"], flow.nodes["pin/question"]
    assert isinstance(card, Collect)
    assert isinstance(pin, Collect)
    assert (card.prompts, card.min_digits, card.max_digits, card.into) == ((Prompt("card"),), 8, 11, "my_card")
    assert card.retry.on_invalid == (Prompt("wrong"), Prompt("hello"))
    assert (pin.min_digits, pin.into, pin.retry.on_invalid) == (4, "my_pin", ())


def test_names_lead_within_the_sub_flow_and_exits_out_of_it(tmp_path: Path) -> None:
    flow = good(tmp_path, TWO_CALLS + ASK)
    assert targets(flow.nodes["hello/question"]) == {"next": "pin/question", "on_failure": "hello/sorry"}
    assert targets(flow.nodes["hello/sorry"]) == {"next": "bye"}
    assert targets(flow.nodes["pin/sorry"]) == {"next": "hello/question"}


def test_defaults_lead_to_nodes_of_the_flow_itself(tmp_path: Path) -> None:
    flow = good(
        tmp_path,
        """
  hello: {flow: choose, next: bye}
flows:
  choose:
    exits: [next]
    start: menu
    nodes:
      menu: {menu: main, choices: {1: <next>, 2: {next: bye}}}
      bye: {play: bye, next: <next>}
""",
    )
    menu = flow.nodes["hello/menu"]
    assert isinstance(menu, Menu)
    assert menu.retry.on_failure == "bye"
    assert {key: choice.next for key, choice in menu.choices.items()} == {"1": "bye", "2": "hello/bye"}


def test_sub_flows_within_sub_flows(tmp_path: Path) -> None:
    flow = good(
        tmp_path,
        """
  hello: {flow: outer, with: {first: card, keys: into}, done: bye}
flows:
  outer:
    parameters: [first, keys]
    exits: [done]
    start: ask
    nodes:
      ask: {flow: inner, with: {what: <first>, <keys>: a}, next: more, done: <done>}
      more: {play: <first>, next: ask}
  inner:
    parameters: [what, into]
    exits: [next, done]
    start: question
    nodes:
      question: {collect: <what>, digits: 1, into: <into>, next: <next>, on_failure: <done>}
""",
    )
    assert set(flow.nodes) == {"bye", "hello/ask/question", "hello/more"}
    assert targets(flow.nodes["hello/ask/question"]) == {"next": "hello/more", "on_failure": "bye"}
    more = flow.nodes["hello/more"]
    assert isinstance(more, Play)
    assert (more.prompts, more.next) == ((Prompt("card"),), "hello/ask/question")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        # What the call gives is told where the call gives it, whichever node it ends up in.
        ("with: {what: crad, digits: 4, wrong: []}, next: bye, none: bye", "6:35: there is no prompt 'crad' (ko, en)"),
        ("with: {what: card, digits: x, wrong: []}, next: bye, none: bye", "6:49: 'x' is not a count of digits"),
        ("with: {what: card, digits: 4, wrong: [hello, y]}, next: bye, none: bye", "6:67: there is no prompt 'y'"),
        ("with: {what: card, digits: 4, wrong: []}, next: bye, none: bey", "6:81: there is no node 'bey'"),
        ("with: {what: card, digits: 4, wrong: []}, next: [bye], none: bye", "6:70: a single value belongs here"),
        ("with: [card], next: bye, none: bye", "6:28: `key: value` lines belong here"),
    ],
)
def test_mistakes_in_a_call_are_told_at_the_call(tmp_path: Path, call: str, told: str) -> None:
    _, problems = load(tmp_path, f"  hello: {{flow: ask, {call}}}\n" + ASK.lstrip())
    assert problems.startswith(f"flow.yaml:{told}"), problems
    assert problems.count("\n") == 1


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("collect: <what>", "colect: <what>", "15:7: the node 'question' does not say what it is"),
        ("play: wrong", "play: wrng", "22:21: there is no prompt 'wrng' (ko, en). Did you mean: wrong"),
        ("on_failure: sorry", "on_failure: srry", "21:21: there is no node 'srry'. Did you mean: sorry"),
        ("on_failure: sorry", "on_failure: bye", "21:21: there is no node 'bye'. Did you mean: question, sorry"),
        ("start: question", "start: questoin", "13:12: there is no node 'questoin'. Did you mean: question"),
    ],
)
def test_mistakes_in_a_sub_flow_are_told_there_once(tmp_path: Path, written: str, instead: str, told: str) -> None:
    head = "  hello: {flow: ask, with: {what: card, digits: 4, wrong: []}, next: bye, none: again}\n"
    head += "  again: {flow: ask, with: {what: card, digits: 4, wrong: []}, next: bye, none: bye}\n"
    _, problems = load(tmp_path, head + "#\n" + ASK.lstrip().replace(written, instead))
    assert f"flow.yaml:{told}" in problems
    assert problems.count("\n") == 1


def test_a_key_that_a_placeholder_makes_twice(tmp_path: Path) -> None:
    _, problems = load(
        tmp_path,
        """
  hello: {flow: say, with: {name: topic}, next: bye}
flows:
  say:
    parameters: [name]
    exits: [next]
    start: menu
    nodes:
      menu: {menu: main, choices: {1: {set: {topic: a, <name>: b}, next: <next>}}}
""",
    )
    assert problems.startswith("flow.yaml:7:29: 'topic' is here a second time"), problems
