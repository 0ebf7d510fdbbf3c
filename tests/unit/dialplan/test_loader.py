"""The strict YAML reader: text stays text, every part has its place, and no bytes make it crash or hang."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.dialplan.document import Document, Place
from ivr.dialplan.loader import MAX_BYTES, MAX_DEPTH, parse, read


def document(text: str) -> Document:
    found, problems = parse(text.encode(), "test.yaml")
    assert problems == []
    assert found is not None
    return found


def kinds(raw: bytes) -> list[str]:
    return [problem.kind for problem in parse(raw, "test.yaml")[1]]


def test_scalars_stay_the_text_that_was_written() -> None:
    written = (
        "closes: 18:00\nnumber: 0101234567\non: yes\nno: null\noctal: 012\nday: 2026-12-24\nempty:\nlist: [1, 1.0]\n"
    )
    assert document(written).data == {
        "closes": "18:00",
        "number": "0101234567",
        "on": "yes",
        "no": "null",
        "octal": "012",
        "day": "2026-12-24",
        "empty": "",
        "list": ["1", "1.0"],
    }


def test_keys_that_yaml_takes_for_equal_numbers_stay_apart() -> None:
    assert document("1: a\n01: b\n0x1: c\n").data == {"1": "a", "01": "b", "0x1": "c"}


def test_places_count_characters_not_bytes() -> None:
    found = document("가나: {다: [라, 마]}\n")
    assert found.keys[("가나",)] == Place(1, 1)
    assert found.keys[("가나", "다")] == Place(1, 6)
    assert found.values[("가나", "다", 1)] == Place(1, 13)


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbfa: b\n", b"a: b\r\n", b"---\na: b\n...\n", b"%YAML 1.2\n---\na: b\n"])
def test_what_editors_do_to_files(raw: bytes) -> None:
    found, problems = parse(raw, "test.yaml")
    assert problems == []
    assert found is not None
    assert found.data == {"a": "b"}


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"a: 1\na: 2\n", "duplicate_key"),
        (b"a: {b: 1, 'b': 2}\n", "duplicate_key"),
        (b"a: &x 1\nb: *x\n", "alias"),
        (b"&x a: 1\n", "alias"),
        (b"a: *x\n", "alias"),
        (b"a: !python/object:os.system x\n", "tag"),
        (b"a: ! x\n", "tag"),
        (b"? {a: b}\n: c\n", "key_not_text"),
        (b'a: "\\0"\n', "control_character"),
        (b'"\\u202a\\x1b": b\n', "control_character"),
        (b"a: \x07\n", "control_character"),
        (b"\xff\xfea\x00:\x00", "encoding"),
        (b"\n\nab\xb0\xa1", "encoding"),
        (b"", "empty_file"),
        (b"a: [1, 2\nb: 3\n", "syntax"),
        (b"a:\n  b: 1\n c: 2\n", "syntax"),
        (b"a: %b\n", "syntax"),
    ],
)
def test_refusals(raw: bytes, kind: str) -> None:
    assert kinds(raw) == [kind]


def test_place_of_a_byte_that_is_not_utf8() -> None:
    (problem,) = parse("가: b\n나나".encode() + b"\xb0", "test.yaml")[1]
    assert (problem.line, problem.column) == (2, 3)


def test_the_second_of_two_keys_is_read_too() -> None:
    assert kinds(b"a: 1\na: {b: 1, b: 2}\n") == ["duplicate_key", "duplicate_key"]


def test_size_limit(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_bytes(b"a: b\n" + b"#" * (MAX_BYTES - 5))
    assert read(file)[1] == []
    file.write_bytes(b"a: b\n" + b"#" * (MAX_BYTES - 4))
    assert [problem.kind for problem in read(file)[1]] == ["file_too_large"]


@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- "])
def test_deep_nesting_ends_at_the_limit(opening: bytes) -> None:
    assert kinds(b"a: " + opening * (MAX_DEPTH + 5) if opening != b"- " else opening * (MAX_DEPTH + 5)) == ["too_deep"]


def test_a_megabyte_of_brackets_is_refused_at_once() -> None:
    # Read to its end this takes the C parser minutes; the tree stops asking for more when it is too deep.
    assert kinds(b"a: " + b"[" * (MAX_BYTES - 3)) == ["too_deep"]


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_crash_it(raw: bytes) -> None:
    found, problems = parse(raw, "test.yaml")
    assert (found is not None) or problems
    assert all(problem.line >= 1 and problem.column >= 1 and str(problem) for problem in problems)


YAML_PIECES = st.one_of(
    st.sampled_from(["\n", "\n  ", "\n    ", "a", "가", "b: ", ": ", "- ", "{", "}", "[", "]", ",", "#"]),
    st.sampled_from(["&x ", "*x", "*:", "!t ", '"', "'", "|", ">", "? ", "<<: ", "---\n", "...\n", "%TAG ! x\n"]),
    st.sampled_from(["\\x00", "\t", "\r", "\x85", "\u2028", "@", "`"]),
)


@given(st.lists(YAML_PIECES, max_size=40).map("".join))
@settings(max_examples=500, deadline=None)
def test_no_pieces_of_yaml_crash_it(text: str) -> None:
    found, problems = parse(text.encode(), "test.yaml")
    assert (found is not None) or problems
    assert all(problem.line >= 1 and problem.column >= 1 and str(problem) for problem in problems)


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=8)
TREES = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS.filter(lambda key: key != "<<"), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(WORDS.filter(lambda key: key != "<<"), TREES, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_was_written_is_what_is_read(tree: dict[str, object]) -> None:
    quoted = yaml.safe_dump(tree, allow_unicode=True, default_style='"')
    assert document(quoted.replace("!!str ", "")).data == tree
