"""Every kind of problem, each in a small wrong centre: tests/data/wrong/<kind>/<centre>/ and the exact lines expected.

A case has only the files that are wrong; `_base` lends the others. To see what a changed text does, run this with
`UPDATE=1` in the environment and read the difference in the expected files.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from ivr.dialplan import scenario_texts
from ivr.dialplan.compiler import load_centres
from ivr.dialplan.problem import TEXTS, report
from ivr.domain import saying

WRONG = Path(__file__).parents[2] / "data" / "wrong"
KINDS = sorted(folder.name for folder in WRONG.iterdir() if folder.name != "_base")
PROMPTS = frozenset(
    ("apology", "ask_message", "ask_number", "bye", "hello", "main", "review", "silence", "will_call", "wrong_key")
)
KNOWN_PROMPTS = {"ko": PROMPTS | saying.keys("ko"), "en": PROMPTS | saying.keys("en"), "fr": PROMPTS}
MADE_ELSEWHERE = {"prompt_too_long", "file_too_large", "missing_saying", "too_many_problems"}
"""Kinds that need more than files of this size: see test_compiler.py and test_loader.py."""


def centres_of(case: Path, folder: Path) -> Path:
    """A copy of the case, filled up from the base."""
    for centre in case.iterdir():
        if centre.is_dir():
            shutil.copytree(centre, folder / centre.name)
            for base in (WRONG / "_base").iterdir():
                if not list((folder / centre.name).glob(f"{base.stem}.*")):
                    shutil.copy(base, folder / centre.name)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_centre(kind: str, tmp_path: Path) -> None:
    loaded = load_centres(centres_of(WRONG / kind, tmp_path), KNOWN_PROMPTS)
    said = report(loaded.problems).replace(f"{tmp_path}/", "")
    expected = WRONG / kind / "expected.txt"
    if os.environ.get("UPDATE"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")
    assert kind in {problem.kind for problem in loaded.problems}
    wrong = {Path(problem.file.replace(f"{tmp_path}/", "")).parts[0] for problem in loaded.problems}
    assert not wrong & loaded.centres.keys()


def test_the_base_is_right(tmp_path: Path) -> None:
    shutil.copytree(WRONG / "_base", tmp_path / "120")
    loaded = load_centres(tmp_path, KNOWN_PROMPTS)
    assert report(loaded.problems) == ""
    assert list(loaded.centres) == ["120"]


def test_every_kind_has_its_wrong_centre() -> None:
    assert set(KINDS) | MADE_ELSEWHERE == set(TEXTS["en"]) - scenario_texts.TEXTS["en"].keys()


def test_both_languages_say_the_same() -> None:
    def placeholders(texts: tuple[str, str]) -> set[str]:
        return set(re.findall(r"(?<!\{)\{(\w+)\}", " ".join(texts)))

    assert TEXTS["ko"].keys() == TEXTS["en"].keys()
    for kind, english in TEXTS["en"].items():
        assert placeholders(TEXTS["ko"][kind]) == placeholders(english), kind
        assert english != TEXTS["ko"][kind]


@pytest.mark.parametrize("kind", KINDS)
def test_korean_texts_can_be_filled_in(kind: str, tmp_path: Path) -> None:
    for problem in load_centres(centres_of(WRONG / kind, tmp_path), KNOWN_PROMPTS).problems:
        assert re.search("[가-힣]", problem.line_in("ko"))
