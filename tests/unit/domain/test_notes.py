"""Notes carry the fields that docs/architecture.md lists, and nothing personal in clear."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ivr.domain import notes
from ivr.domain.values import BlindIndex, Personal

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"
NUMBER = Personal("01098765432")

ALL: dict[str, Mapping[str, Any]] = {
    "enter": notes.enter(centre="c", version="v", dnis="120", at="t", language="ko", caller=NUMBER),
    "step": notes.step(
        node="n", kind="menu", phase="", heard=["a"], result="match", got="1", to="m", language="ko", category=None
    ),
    "resume": notes.resume(node="n"),
    "message": notes.message(
        take=1, file="f", state="kept", language="ko", category=None, data={"birth": Personal("900101"), "plan": "b"}
    ),
    "callback": notes.callback(origin="queue", due="t", number=NUMBER, language="ko", category=None, data={}),
    "queue": notes.queue(queue="q", talk_file=None),
    "end": notes.end(outcome=None, reason="hung_up"),
    "agent": notes.agent(agent="1001", action="login", queues=["q"]),
}


@pytest.mark.parametrize("kind", ALL)
def test_fields_are_those_of_the_contract(kind: str) -> None:
    row = re.search(rf"^\| `{kind}` \|(.*)\|$", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None
    # Explanations in parentheses and after a colon are not fields.
    text = re.sub(r"\([^)]*\)", "", row[1]).split(" : ")[0]
    assert set(re.findall(r"`(\w+)`", text)) <= ALL[kind].keys()
    assert ALL[kind].keys() - {"k"} <= set(re.findall(r"`(\w+)`", row[1]))


def test_customer_data_is_one_personal_object() -> None:
    data = ALL["message"]["data"]
    assert isinstance(data, Personal)
    assert data.text == '{"birth": "900101", "plan": "b"}'
    assert ALL["callback"]["data"] is None


def test_a_number_goes_out_sealed_and_as_an_index_only() -> None:
    assert ALL["callback"]["number"] == NUMBER
    assert ALL["callback"]["number_key"] == BlindIndex(NUMBER.text)
    assert NUMBER.text not in repr(ALL)
