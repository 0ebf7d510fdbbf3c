"""What callers have to bear: keys that mean one thing, few menus on end, nothing that takes too long."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.dialplan.compiler import Loaded, load_centres
from ivr.dialplan.ease import menu_depths
from ivr.dialplan.problem import report
from ivr.domain import saying
from ivr.domain.act import action
from ivr.domain.actions import Ask, Heard, Keyed
from ivr.domain.centre import Centre
from ivr.domain.flow import Choice, Collect, Hours, Menu, Node, Play, Retry
from ivr.domain.step import advance, start

BASE = Path(__file__).parents[2] / "data" / "wrong" / "_base"
PROMPTS = frozenset(
    ("apology", "ask_message", "ask_number", "bye", "hello", "main", "review", "silence", "will_call", "wrong_key")
)
KNOWN_PROMPTS = {language: PROMPTS | saying.keys(language) for language in ("ko", "en")}
MONDAY_10 = datetime(2026, 11, 23, 10, tzinfo=ZoneInfo("Asia/Seoul"))


def problems(tmp_path: Path, written: str, instead: str, *, file: str = "flow.yaml", slow: str = "") -> str:
    """What is told of the base centre with one text in the place of another; the prompt `slow` plays 70 s in Korean."""
    load = _load(tmp_path, {(file, written): instead}, slow)
    return report(load.problems).replace(f"{tmp_path}/", "")


def _load(tmp_path: Path, changes: dict[tuple[str, str], str], slow: str = "") -> Loaded:
    folder = tmp_path / "120"
    folder.mkdir()
    for name in ("centre.yaml", "flow.yaml"):
        text = (BASE / name).read_text(encoding="utf-8")
        for (file, written), instead in changes.items():
            if file == name:
                assert written in text
                text = text.replace(written, instead)
        (folder / name).write_text(text, encoding="utf-8")
    return load_centres(tmp_path, KNOWN_PROMPTS, lambda language, key: 70.0 if (language, key) == ("ko", slow) else 8.0)


@pytest.fixture
def wide(tmp_path: Path) -> Centre:
    """A centre whose main menu has keys of two digits beside one of a single digit."""
    keys = "      10: {category: pension, next: agent}\n      11: ask_number\n      2: bye\n"
    found = _load(tmp_path, {("flow.yaml", "      1: {category: pension, next: agent}\n"): keys})
    return found.need_all()["120"]


@pytest.mark.parametrize(
    ("pressed", "node"),
    [(Keyed("10", terminated=True), "agent"), (Keyed("11", terminated=True), "ask_number"), (Keyed("2"), "bye")],
)
def test_menus_take_keys_of_several_digits(wide: Centre, pressed: Keyed, node: str) -> None:
    state = start(wide, call="c", dnis="120", caller=None, at=MONDAY_10).state
    while not isinstance(asked := action(wide, state), Ask):
        state = advance(wide, state, Heard(), MONDAY_10).state
    assert asked.max_digits == 2
    assert advance(wide, state, pressed, MONDAY_10).state.node == node


def test_a_key_of_one_digit_waits_for_no_second(tmp_path: Path) -> None:
    centre = _load(tmp_path, {}).need_all()["120"]
    state = start(centre, call="c", dnis="120", caller=None, at=MONDAY_10).state
    while not isinstance(asked := action(centre, state), Ask):
        state = advance(centre, state, Heard(), MONDAY_10).state
    assert asked.max_digits == 1


@pytest.mark.parametrize(("key", "ambiguous"), [("10", True), ("1234", True), ("20", False), ("01", False)])
def test_a_key_may_not_begin_with_another(tmp_path: Path, key: str, ambiguous: bool) -> None:
    told = problems(tmp_path, '      "*": main\n', f"      {key}: main\n")
    assert ("is the beginning of" in told) is ambiguous, told


def test_what_takes_too_long_to_listen_to(tmp_path: Path) -> None:
    told = problems(tmp_path, "menu: main", "menu: [hello, main]", slow="main")
    assert told.startswith("120/flow.yaml:13:11: this takes 78 s to listen to (ko). Say it in less than 60 s"), told
    assert told.count("\n") == 1


def test_the_limit_of_a_centre(tmp_path: Path) -> None:
    told = problems(tmp_path, "retention:", "limits: {prompt: 7s}\nretention:", file="centre.yaml")
    assert "120/flow.yaml:6:11: this takes 8 s to listen to (ko). Say it in less than 7 s" in told


def test_a_prompt_in_one_language_counts_in_that_one(tmp_path: Path) -> None:
    assert problems(tmp_path, "menu: main", "menu: [main@en, main@ko]", slow="main").count("78 s") == 1


RETRY = Retry(on_failure="bye")


def _menu(name: str, *to: str) -> Menu:
    choices = {str(key): Choice(next=target) for key, target in enumerate(to)}
    return Menu(id=name, prompts=(), choices=choices, retry=Retry(on_failure=to[0]))


def test_menus_are_counted_on_the_shortest_way_and_anew_after_typing() -> None:
    nodes: tuple[Node, ...] = (
        _menu("first", "open", "first"),
        Hours(id="open", calendar="centre", open="second", closed="say"),
        Play(id="say", prompts=(), next="second"),
        _menu("second", "third", "first", "type"),
        _menu("third", "fourth"),
        Collect(
            id="type",
            prompts=(),
            min_digits=1,
            max_digits=1,
            check=None,
            personal=False,
            read_back=(),
            into="x",
            next="after",
            retry=Retry(on_failure="after"),
        ),
        _menu("after", "fourth"),
        _menu("fourth", "first"),
    )
    depths = menu_depths({node.id: node for node in nodes}, "first")
    assert depths == {"first": 1, "second": 2, "third": 3, "after": 1, "fourth": 2}


def test_resident_numbers_need_a_statute(tmp_path: Path) -> None:
    flow = ("flow.yaml", "    digits: 8-11\n    check: phone\n")
    thirteen = {flow: "    digits: 13\n"}
    asked = ("centre.yaml", "{number: consent}")
    for case, (basis, told) in enumerate(
        {
            "{number: consent}": "may only be asked where a statute names it",
            "{number: {reason: consent}}": "may only be asked where a statute names it",
            "{number: {statute: National Pension Act art. 1}}": "",
        }.items()
    ):
        place = tmp_path / str(case)
        place.mkdir()
        found = report(_load(place, {**thirteen, asked: basis}).problems)
        assert (told in found) if told else found == "", found


def test_a_resident_number_is_personal(tmp_path: Path) -> None:
    changes = {
        ("flow.yaml", "    digits: 8-11\n    check: phone\n    personal: yes\n    into: number\n"): (
            "    digits: 13\n    into: resident\n    read_back: []\n"
        ),
        ("flow.yaml", "    data: [number]\n"): "",
        ("flow.yaml", "    callback: number\n"): "    callback: resident\n",
        ("centre.yaml", "{number: consent}"): "{resident: {statute: some act}}",
    }
    assert "'resident' is personal data" in report(_load(tmp_path, changes).problems)
