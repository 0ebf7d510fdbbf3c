"""Reading prompt texts: what is kept as written, and the line that each mistake earns."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.adapters.prompts.catalogue import QUEUE_KEYS, load_catalogue
from ivr.domain import saying
from ivr.errors import AuthorError

SHIPPED = Path(__file__).parents[3] / "prompts"
GRAMMAR_FOLDERS = ("number/", "hour/", "minute/", "count/")
"""Keys that a language has or has not, as its grammar needs; all others exist in every language."""


def test_scalars_stay_text_and_nesting_becomes_a_path(tmp_path: Path) -> None:
    (tmp_path / "en.yaml").write_text(
        "digits: {0: zero, hundred: 0100}\nopens: 12:30\nanswer: no\nlong: >-\n  one\n  two\n"
    )
    catalogue = load_catalogue(tmp_path, "en")
    assert catalogue.texts == {
        "digits/0": "zero",
        "digits/hundred": "0100",
        "opens": "12:30",
        "answer": "no",
        "long": "one two",
    }
    assert catalogue.where("opens") == f"{tmp_path}/en.yaml:2:8"


@pytest.mark.parametrize(
    ("content", "complaints"),
    [
        (b"a: one\nb: two\na: three\n", ["3:4: the key 'a' is here a second time (first in line 1)."]),
        (b"a: {b: one}\na/b: two\n", ["2:1: a key is made of"]),
        (b"a: {b: one}\nA: x\n..: y\n", ["2:1: a key is made of", "3:1: a key is made of"]),
        (
            b"a: [one, two]\nb:\nc: {}\n",
            ["1:4: 'a' is not a text.", "2:3: 'b' has no text.", "3:4: 'c' is not a text."],
        ),
        (b"a: We say: hello\n", ["1:10: not YAML:"]),
        (b"a: [tone 1000 Hz\n", ["2:1: not YAML:"]),
        (b"a: one\nb: \xff\n", ["2:1: not UTF-8"]),
        (b"a: one\nb: \x07\n", ["2:1: a control character"]),
        (b"", ["1:1: no prompts here."]),
        (b"- one\n", ["1:1: no prompts here."]),
        (b"a: &x {b: *x}\n", ["1:4: nested too deep"]),
        (b"{a: " * 3000, ["1:1: nested too deep"]),
        (b"#" * 1_000_001, ["1:1: larger than"]),
    ],
)
def test_mistakes_are_told_all_at_once_with_their_place(tmp_path: Path, content: bytes, complaints: list[str]) -> None:
    (tmp_path / "en.yaml").write_bytes(content)
    with pytest.raises(AuthorError) as refused:
        load_catalogue(tmp_path, "en")
    lines = str(refused.value).splitlines()
    assert len(lines) == len(complaints)
    for line, complaint in zip(lines, complaints, strict=True):
        assert f"{tmp_path}/en.yaml:{complaint}" in line


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuthorError, match=r"fr\.yaml:1:1: no such file"):
        load_catalogue(tmp_path, "fr")


@pytest.mark.parametrize("language", saying.LANGUAGES)
def test_shipped_catalogue_has_all_that_values_and_queues_need(language: str) -> None:
    keys = load_catalogue(SHIPPED, language).texts.keys()
    assert (saying.keys(language) | QUEUE_KEYS) <= keys


def test_shipped_languages_have_the_same_prompts() -> None:
    korean, english = (
        {key for key in load_catalogue(SHIPPED, language).texts if not key.startswith(GRAMMAR_FOLDERS)}
        for language in ("ko", "en")
    )
    assert korean - english == {"year"}
    assert english - korean == {"at"}


def test_shipped_korean_is_korean() -> None:
    texts = load_catalogue(SHIPPED, "ko").texts
    assert [key for key, text in texts.items() if text.isascii() and not text.startswith("[")] == []
    assert [key for key, text in load_catalogue(SHIPPED, "en").texts.items() if not text.isascii()] == []
