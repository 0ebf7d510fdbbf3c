"""Scenario files: read strictly, every mistake with its place, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.dialplan.problem import TEXTS
from ivr.dialplan.scenario_texts import TEXTS as SCENARIO_TEXTS
from ivr.dialplan.scenarios import load_scenarios
from ivr.domain.moves import Press, Silence, Talk
from ivr.domain.scenario import Scenario
from ivr.testing.centres import small_centre

CENTRE = small_centre()


def load(folder: Path, text: str) -> tuple[tuple[Scenario, ...], list[str]]:
    (folder / "scenarios").mkdir(exist_ok=True)
    (folder / "scenarios" / "calls.yaml").write_text(text, encoding="utf-8")
    found, problems = load_scenarios(folder, CENTRE)
    return found, [str(problem).removeprefix(f"{folder}/scenarios/") for problem in problems]


def test_a_file_as_people_write_it(tmp_path: Path) -> None:
    found, problems = load(
        tmp_path,
        """
each: {ko: 1, en: [2]}
given: {at: 2026-11-24 10:00, agents: none, caller: withheld}
calls:
  one:
    does: [1, silence, talk:5s]
    must: {path: [greet, ..., main], hear: main_menu@ko, outcome: [answered, abandoned]}
    must_not: {message: yes, callback: {due: 2026-11-25 09:00}}
  two:
    at: 2026-11-24 20:15
    dial: 1588
    caller: "01012345678"
    agents: busy
    hang_up_at: main
    must: {queue: pension, notes: [{k: end}]}
""",
    )
    assert problems == []
    assert [scenario.name for scenario in found] == ["one (ko)", "one (en)", "two (ko)", "two (en)"]
    one, two = found[0], found[3]
    assert one.moves == (Press("1"), Press("1"), Silence(), Talk(5.0))
    assert (one.at.isoformat(), one.agents, one.caller, one.dial) == ("2026-11-24T10:00:00+09:00", "none", None, "120")
    assert (one.line, one.must.outcome, one.must_not.message) == (5, ("answered", "abandoned"), {})
    assert one.must_not.callback == {"due": "2026-11-25 09:00"}
    assert (two.at.hour, two.dial, two.caller, two.hang_up_at) == (20, "1588", "01012345678", "main")


GOOD = "calls:\n  one: {at: 2026-11-24 10:00, must: {path: main}, "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "dose: [1]}", "calls.yaml:2:51: 'dose' has no meaning here. Did you mean: does"),
        (GOOD + "does: [1, press]}", "calls.yaml:2:61: 'press' is nothing that a caller does. Write keys"),
        (GOOD + "dial: 121}", "calls.yaml:2:57: this centre does not answer 121. Did you mean: 120"),
        (GOOD + "agents: many}", "calls.yaml:2:59: 'many' is not one of the choices"),
        (GOOD + "hang_up_at: mian}", "calls.yaml:2:63: there is no node 'mian'. Did you mean: main"),
        (GOOD + "must_not: {path: mian}}", "calls.yaml:2:68: there is no node 'mian'. Did you mean: main"),
        (GOOD + "must_not: {path: ...}}", "calls.yaml:2:68: there is no node '...'"),
        (
            GOOD + "must_not: {hear: greting}}",
            "calls.yaml:2:68: nothing plays a prompt 'greting'. Did you mean: greeting",
        ),
        (GOOD + "must_not: {hear: greeting@fr}}", "calls.yaml:2:68: this centre does not speak 'fr'"),
        (GOOD + "must_not: {queue: injury}}", "calls.yaml:2:69: there is no queue 'injury'"),
        (GOOD + "must_not: {outcome: happy}}", "calls.yaml:2:71: 'happy' is not one of the choices"),
        (
            GOOD + "must_not: {callback: {due: soon}}}",
            "calls.yaml:2:78: 'soon' is not a date and time. Write the centre",
        ),
        (
            "calls:\n  one: {at: 2026-11-31 10:00, must: {path: main}}",
            "calls.yaml:2:13: '2026-11-31 10:00' is not a date",
        ),
        ("calls:\n  one: {at: 18:00, must: {path: main}}", "calls.yaml:2:13: '18:00' is not a date and time"),
        ("calls:\n  one: {must: {path: main}}", "calls.yaml:2:3: 'at' is missing"),
        ("calls:\n  one: {at: 2026-11-24 10:00}", "calls.yaml:2:3: 'one' says nothing of what must happen"),
        ("calls: {}", "calls.yaml:1:8: there is nothing here"),
        ("each: {ko: 1}", "calls.yaml:1:1: 'calls' is missing"),
        ("calls:\n  one: 1\n  one: 2", "calls.yaml:3:3: 'one' is here a second time (first in line 2)"),
        ("calls:\n\tone: 1", "calls.yaml:2:1: a tab character"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, text: str, said: str) -> None:
    _, problems = load(tmp_path, text)
    assert any(problem.startswith(said) for problem in problems), problems


def test_all_mistakes_of_all_files_at_once(tmp_path: Path) -> None:
    load(tmp_path, GOOD + "dial: 121, does: [press, 1, what]}")
    (tmp_path / "scenarios" / "more.yaml").write_text("calls: {a: {at: now}}", encoding="utf-8")
    _, problems = load_scenarios(tmp_path, CENTRE)
    assert [(Path(problem.file).name, problem.kind) for problem in problems] == [
        ("calls.yaml", "bad_move"),
        ("calls.yaml", "bad_move"),
        ("more.yaml", "bad_moment"),
    ]


def test_texts_in_both_languages() -> None:
    assert SCENARIO_TEXTS["ko"].keys() == SCENARIO_TEXTS["en"].keys()
    for kind in SCENARIO_TEXTS["ko"]:
        assert any("가" <= letter <= "힣" for letter in TEXTS["ko"][kind][0])
