"""The printed reference: up to date, whole, and its examples are right."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent, indent

import pytest

from ivr.dialplan import examples
from ivr.dialplan.compiler import load_centre
from ivr.dialplan.conditions import RawDecide
from ivr.dialplan.problem import report
from ivr.dialplan.reference import reference
from ivr.dialplan.scenarios import load_scenarios
from ivr.dialplan.schema import NODE_KINDS
from ivr.dialplan.shape import keys_of
from ivr.domain import saying
from ivr.domain.centre import Centre
from ivr.domain.flow import Collect, Decide, Enqueue, Menu

DOCS = Path(__file__).parents[3] / "docs"
WORDS = frozenset(re.findall(r"[a-z_0-9]+", examples.FLOW + examples.SUBFLOW + "".join(examples.NODES.values())))
KNOWN_PROMPTS = {language: WORDS | {"ask_number"} | saying.keys(language) for language in ("ko", "en")}
NAMES = {kind: re.findall(r"\w+", text)[0] for kind, text in examples.NODES.items()}


def load(folder: Path, flow: str) -> Centre:
    folder.mkdir()
    (folder / "centre.yaml").write_text(examples.CENTRE, encoding="utf-8")
    (folder / "flow.yaml").write_text(flow, encoding="utf-8")
    loaded = load_centre(folder, KNOWN_PROMPTS)
    assert report(loaded.problems) == ""
    return loaded.centres[folder.name]


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    """All examples in one flow, each reached by a key, after a number was asked for."""
    head, _ = examples.FLOW.split("nodes:")
    _, flows = examples.SUBFLOW.split("flows:")
    keys = "".join(f"      {key}: {name}\n" for key, name in enumerate(NAMES.values(), start=10))
    begin = (
        "  greeting: {flow: ask_for, with: {what: number, digits: 8-11}, next: all, gave_up: goodbye}\n"
        f"  all:\n    menu: main_menu\n    choices:\n{keys}"
    )
    nodes = "".join(indent(dedent(text), "  ") for text in examples.NODES.values())
    return load(tmp_path / "examples", f"{head}nodes:\n{begin}{nodes}flows:{flows}")


def test_it_is_up_to_date() -> None:
    assert (DOCS / "dialplan-reference.md").read_text(encoding="utf-8") == reference(), (
        "run `ivr reference -o docs/dialplan-reference.md`"
    )


def test_every_node_has_an_example_that_compiles(centre: Centre) -> None:
    assert set(examples.NODES) == {*NODE_KINDS, "choose if"}
    assert {NAMES[kind] for kind in examples.NODES if kind != "flow"} <= set(centre.flow.nodes)
    kinds = {kind: type(centre.flow.nodes[NAMES[kind]]) for kind in ("menu", "collect", "queue", "choose if")}
    assert kinds == {"menu": Menu, "collect": Collect, "queue": Enqueue, "choose if": Decide}


def test_an_example_shows_the_kind_it_stands_under() -> None:
    for kind, text in examples.NODES.items():
        assert f"\n  {kind.partition(' ')[0]}:" in dedent(text)


def test_every_key_is_explained() -> None:
    page = reference()
    for kind, model in [*NODE_KINDS.items(), ("choose", RawDecide)]:
        section = page.split(f"\n### {kind}\n")[1].split("\n### ")[0]
        for key in keys_of(model):
            assert f"`{key.name}`" in section, (kind, key.name)
            assert key.meaning in section.replace("\\|", "|"), (kind, key.name)


USING_A_SUBFLOW = "start: start_here\napology: apology\ndefaults: {on_failure: goodbye}" + examples.SUBFLOW


@pytest.mark.parametrize("flow", [examples.FLOW, USING_A_SUBFLOW])
def test_the_examples_of_whole_files_compile(tmp_path: Path, flow: str) -> None:
    folder = tmp_path / "line"
    folder.mkdir()
    (folder / "centre.yaml").write_text(examples.CENTRE, encoding="utf-8")
    (folder / "flow.yaml").write_text(flow, encoding="utf-8")
    problems = load_centre(folder, KNOWN_PROMPTS).problems
    # A short flow does not ask for everything that the example of a centre has a legal basis for.
    assert {problem.kind for problem in problems} <= {"unused_legal_basis"}


def test_the_example_of_scenarios_is_right(tmp_path: Path, centre: Centre) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "example.yaml").write_text(examples.SCENARIOS, encoding="utf-8")
    found, problems = load_scenarios(tmp_path, centre)
    assert report(problems) == ""
    assert [scenario.name for scenario in found] == ["waits_for_an_agent"]
