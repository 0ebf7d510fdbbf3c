"""State and notes as text that may leave the process. Everything personal is sealed on the way."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ivr.domain.flow import Playback, Prompt, Say, Spoken
from ivr.domain.notes import Field, Note
from ivr.domain.state import CallState
from ivr.domain.values import BlindIndex, Personal, Value
from ivr.engine.ports import Vault


@dataclass(frozen=True, slots=True)
class SealedWire:
    """Implements `ivr.engine.ports.Wire` with a vault."""

    vault: Vault

    def to_journal(self, number: int, notes: Sequence[Note], centre: str) -> str:
        return notes_to_journal(number, notes, self.vault, centre)

    def to_token(self, state: CallState) -> str:
        return state_to_token(state, self.vault)

    def from_token(self, token: str) -> CallState:
        return state_from_token(token, self.vault)


def state_to_token(state: CallState, vault: Vault) -> str:
    """The whole state, sealed: one token without commas, quotes or spaces."""
    return vault.seal(json.dumps(_state_to_json(state), ensure_ascii=False, separators=(",", ":")), state.centre)


def state_from_token(token: str, vault: Vault) -> CallState:
    """The inverse. Raises OperatorError for a token of another key, ValueError for one of another release."""
    try:
        return _state_from_json(json.loads(vault.unseal(token)))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("the saved state of the call is of another release") from error


def notes_to_journal(number: int, notes: Sequence[Note], vault: Vault, centre: str = "") -> str:
    """One journal payload: base64url of {"q": number, "n": notes}, without padding. `centre`: whose caller it is."""
    # What a note leaves out is None or empty: a journal record holds about 700 characters.
    told = ({name: field for name, field in note.items() if field not in (None, "", ())} for note in notes)
    plain = [{name: _sealed(field, vault, centre) for name, field in note.items()} for note in told]
    text = json.dumps({"q": number, "n": plain}, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _sealed(field: Field, vault: Vault, centre: str) -> Any:
    match field:
        case Personal(text):
            return vault.seal(text, centre)
        case BlindIndex(text):
            return vault.key_of(text)
        case _:
            return field


def _state_to_json(state: CallState) -> dict[str, Any]:
    return {
        "call": state.call,
        "centre": state.centre,
        "version": state.version,
        "dnis": state.dnis,
        "started": state.started,
        "back": state.back,
        "language": state.language,
        "node": state.node,
        "phase": state.phase,
        "tries": state.tries,
        "lead": [_spoken_to_json(spoken) for spoken in state.lead],
        "category": state.category,
        "variables": {name: _value_to_json(value) for name, value in state.variables.items()},
        "commits": state.commits,
        "take": state.take,
        "breaking_off": state.breaking_off,
        "ended": state.ended,
    }


def _state_from_json(fields: dict[str, Any]) -> CallState:
    lead = tuple(_spoken_from_json(item) for item in fields.pop("lead"))
    variables = {name: _value_from_json(value) for name, value in fields.pop("variables").items()}
    return CallState(**fields, lead=lead, variables=variables)


def _value_to_json(value: Value) -> Any:
    return {"personal": value.text} if isinstance(value, Personal) else value


def _value_from_json(value: Any) -> Value:
    return Personal(value["personal"]) if isinstance(value, dict) else str(value)


def _spoken_to_json(spoken: Spoken) -> list[str | None]:
    match spoken:
        case Prompt(key, language):
            return ["prompt", key, language]
        case Say(how, what):
            return ["say", how, what]
        case Playback():
            return ["playback"]


def _spoken_from_json(item: list[Any]) -> Spoken:
    match item:
        case ["prompt", key, language]:
            return Prompt(key, language)
        case ["say", how, what]:
            return Say(how, what)
        case ["playback"]:
            return Playback()
        case _:
            raise TypeError("unknown kind of prompt")
