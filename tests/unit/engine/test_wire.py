"""State and notes as text: round trips, and tokens of other releases."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain import notes
from ivr.domain.flow import Playback, Prompt, Say
from ivr.domain.state import CallState
from ivr.domain.values import BlindIndex, Personal
from ivr.engine.wire import notes_to_journal, state_from_token, state_to_token
from ivr.errors import OperatorError

from .calls import VAULT

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.one_of(TEXT, st.builds(Personal, TEXT))
SPOKEN = st.one_of(st.builds(Prompt, TEXT, st.none() | TEXT), st.builds(Say, TEXT, TEXT), st.just(Playback()))
STATES = st.builds(
    CallState,
    call=TEXT,
    centre=TEXT,
    version=TEXT,
    dnis=TEXT,
    started=TEXT,
    language=TEXT,
    node=TEXT,
    phase=TEXT,
    tries=st.integers(0, 9),
    lead=st.lists(SPOKEN, max_size=4).map(tuple),
    category=st.none() | TEXT,
    variables=st.dictionaries(TEXT, VALUES, max_size=4),
    commits=st.integers(0, 300),
    take=st.integers(0, 9),
    breaking_off=st.none() | TEXT,
    ended=st.booleans(),
)


@given(STATES)
def test_any_state_survives(state: CallState) -> None:
    assert state_from_token(state_to_token(state, VAULT), VAULT) == state


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"lead": [], "variables": {}},
        {"lead": [["song", "a"]], "variables": {}},
        {"lead": [], "variables": []},
        [],
        7,
    ],
)
def test_a_state_of_another_release_is_refused(fields: Any) -> None:
    with pytest.raises(ValueError, match="another release"):
        state_from_token(VAULT.seal(json.dumps(fields)), VAULT)


def test_a_field_of_a_later_release_is_refused() -> None:
    state = CallState(call="c", centre="s", version="v", dnis="1", started="t", language="ko", node="n")
    fields = json.loads(VAULT.unseal(state_to_token(state, VAULT)))
    with pytest.raises(ValueError, match="another release"):
        state_from_token(VAULT.seal(json.dumps({**fields, "later": 1})), VAULT)


def test_a_token_of_another_key_is_the_operators_matter() -> None:
    with pytest.raises(OperatorError):
        state_from_token("s1.00000000.AAAA", VAULT)


def test_the_journal_seals_what_is_personal_and_leaves_out_what_is_empty() -> None:
    payload = notes_to_journal(
        7, (notes.queue(queue="q", talk_file=None), {"k": "x", "n": Personal("1"), "i": BlindIndex("1"), "z": 0}), VAULT
    )
    assert not set(payload) & set('+/=," ')
    entry = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert entry["q"] == 7
    [queue, other] = entry["n"]
    assert queue == {"k": "queue", "queue": "q"}
    assert VAULT.unseal(other["n"]) == "1"
    assert other["i"] == VAULT.key_of("1")
    assert other["z"] == 0
