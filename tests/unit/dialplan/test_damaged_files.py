"""Files damaged in any one place: always problems or a centre, never a traceback."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.dialplan.compiler import load_centre
from ivr.dialplan.loader import parse
from ivr.dialplan.problem import TEXTS
from ivr.domain import saying

pytestmark = pytest.mark.slow

REPO = Path(__file__).parents[3]
FILES = {name: (REPO / "dialplans" / "120" / name).read_bytes() for name in ("centre.yaml", "flow.yaml")}
KNOWN_PROMPTS = {language: saying.keys(language) for language in ("ko", "en")}


def _data(name: str) -> object:
    document, _ = parse(FILES[name], name)
    assert document is not None
    return document.data


def _paths(data: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(found for key, value in inner for found in _paths(value, (*path, key)))]


WORDS = st.one_of(
    st.sampled_from(["", "x", "-", ",", "*", "$", "$x", "{", "%s", "a@b", "\u0130", "²"]),
    st.sampled_from(["1", "0", "-1", "99999999999999999999", "30s", "1.5s", "0s", "yes"]),
    st.sampled_from(["2026-02-30", "09:00-18:00", "25:00-26:00", "mon-"]),
    st.sampled_from(["centre", "caller", "ko", "greeting", "goodbye"]),
)
JUNK = st.recursive(
    WORDS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2), max_leaves=4
)


@pytest.mark.parametrize("name", sorted(FILES))
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_part_replaced_or_renamed(name: str, data: st.DataObject) -> None:
    tree = _data(name)
    path = data.draw(st.sampled_from(_paths(tree)[1:]))
    holder: object = tree
    for part in path[:-1]:
        holder = holder[part]  # type: ignore[index]  # the path was found in this very tree
    assert isinstance(holder, dict | list)
    if isinstance(holder, dict) and data.draw(st.booleans()):
        holder[data.draw(WORDS)] = holder.pop(path[-1])  # type: ignore[arg-type]
    else:
        holder[path[-1]] = data.draw(JUNK)  # type: ignore[index, call-overload]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "120"
        place.mkdir()
        for other, raw in FILES.items():
            written = yaml.dump(tree, Dumper=yaml.CSafeDumper, allow_unicode=True).encode() if other == name else raw
            (place / other).write_bytes(written)
        loaded = load_centre(place, KNOWN_PROMPTS)
    for problem in loaded.problems:
        assert problem.line >= 1
        assert all(problem.line_in(language) for language in TEXTS)
