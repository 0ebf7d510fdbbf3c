"""A rendered folder as the controller opens it, and joining files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.adapters.prompts.files import concatenate, write_whole
from ivr.adapters.prompts.store import PromptStore, Rendered, write_index
from ivr.errors import AuthorError, OperatorError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    one = Rendered(text="하나", digest="d", size=4000)
    write_index(tmp_path, {"ko": {"digits/1": one, "greeting": Rendered(text="안녕하십니까", digest="d", size=9600)}})
    return tmp_path


def test_keys_lengths_texts_and_places(folder: Path) -> None:
    store = PromptStore(folder)
    assert store.languages() == ("ko",)
    assert store.keys("ko") == {"digits/1", "greeting"}
    assert store.keys("en") == frozenset()
    assert store.seconds("ko", "greeting") == 1.2
    assert store.text("ko", "digits/1") == "하나"
    assert store.path("ko", "digits/1") == folder / "ko" / "digits" / "1.ulaw"
    assert store.sound("ko", "digits/1") == f"{folder}/ko/digits/1"


@pytest.mark.parametrize(("language", "key"), [("ko", "farewell"), ("en", "greeting")])
def test_missing_prompt_is_the_authors_to_mend(folder: Path, language: str, key: str) -> None:
    for ask in (PromptStore(folder).seconds, PromptStore(folder).path, PromptStore(folder).text):
        with pytest.raises(AuthorError, match=f"'{key}' in '{language}'"):
            ask(language, key)


def test_a_folder_never_rendered_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="render them"):
        PromptStore(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"ko": {"a": {"text": "x"}}}', '{"ko": 1}', "{"])
def test_a_damaged_index_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(OperatorError, match="damaged: delete it"):
        PromptStore(tmp_path)


def test_files_are_joined_in_order(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("b", "a", "b")]
    (tmp_path / "a").write_bytes(b"aa")
    (tmp_path / "b").write_bytes(b"b")
    concatenate(files, tmp_path / "deep" / "joined.ulaw")
    assert (tmp_path / "deep" / "joined.ulaw").read_bytes() == b"baab"


def test_joining_does_not_tell_which_digit_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as refused:
        concatenate([tmp_path / "digits" / "7.ulaw"], tmp_path / "out.ulaw")
    assert "7" not in str(refused.value).replace(str(tmp_path), "")
    assert not (tmp_path / "out.ulaw").exists()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OperatorError, match="cannot be written"):
        write_whole(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
