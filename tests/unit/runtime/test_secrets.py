"""Secrets are made once, private, and never replaced."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.secrets import load_secrets
from ivr.errors import OperatorError


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(var=tmp_path / "var")
    layout.create()
    return layout


def test_they_are_made_at_the_first_start_and_stay(layout: Layout) -> None:
    first = load_secrets(layout, ["agent01"])
    second = load_secrets(layout, ["agent01", "agent02"])
    assert (first.ami, first.postgres, first.fallback_key) == (second.ami, second.postgres, second.fallback_key)
    assert second.agents["agent01"] == first.agents["agent01"]
    assert len({first.ami, first.postgres, *second.agents.values()}) == 4
    assert len(first.fallback_key) == 16
    assert len(bytes.fromhex(layout.seal_key.read_text())) == 32


def test_only_their_owner_can_read_them(layout: Layout) -> None:
    load_secrets(layout, ["agent01"])
    files = [path for path in layout.secrets.iterdir() if path.is_file()]
    assert len(files) == 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_their_text_is_not_in_a_repr(layout: Layout) -> None:
    secrets = load_secrets(layout, ["agent01"])
    assert secrets.ami not in repr(secrets)
    assert secrets.agents["agent01"] not in repr(secrets)


@pytest.mark.parametrize("name", ["seal.key", "ami.secret", "postgres.secret", "fallback.key"])
@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe", b"a b\nc" * 20])
def test_a_damaged_file_is_named_and_left_alone(layout: Layout, name: str, content: bytes) -> None:
    path = layout.secrets / name
    path.write_bytes(content)
    with pytest.raises(OperatorError, match=name):
        load_secrets(layout)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"agent01": 1}', '{"agent01": "short"}', '{"a": "with\\nnewline-long-enough"}']
)
def test_damaged_agent_passwords_are_refused(layout: Layout, content: str) -> None:
    layout.agents_file.write_text(content)
    with pytest.raises(OperatorError, match=r"agents\.json is damaged"):
        load_secrets(layout, ["agent01"])


def test_a_password_set_by_hand_is_kept(layout: Layout) -> None:
    layout.agents_file.write_text(json.dumps({"agent01": "ChosenByHand00000"}))
    assert load_secrets(layout, ["agent01"]).agents == {"agent01": "ChosenByHand00000"}
