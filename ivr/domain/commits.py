"""Commits of the flow out of the journal: payloads put together, decoded, and the last word for each number."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from ivr.domain.events import FALLBACK_EVENT, OVERLOAD_EVENT, USER_EVENT, JournalEvent, PayloadJoiner

Notes = tuple[Mapping[str, Any], ...]

COMMITS_REMEMBERED = 4096
"""Decoded payloads kept: a live call is derived again with each of its events."""

FALLBACK_COMMIT = 999_999
"""Number of what the dialplan did without us: after all that we did."""
FALLBACK_TAKE = 999
FALLBACK_SCHEMES = ("f1", "f2")
"""Begin a number that the dialplan sealed by itself, with var/secrets/fallback.key; the first was not written then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What the flow wrote at one go."""

    number: int
    at: datetime
    notes: Notes


def join_commits(
    events: Sequence[JournalEvent],
) -> tuple[tuple[Commit, ...], tuple[str, ...]]:
    """The commits of one call by number, a repeated one replacing the earlier, and what could not be read."""
    joiner = PayloadJoiner()
    commits: dict[int, Commit] = {}
    faults: list[str] = []
    for event in events:
        if event.user_type not in (USER_EVENT, *BY_THE_DIALPLAN):
            continue
        try:
            if (notes_of := BY_THE_DIALPLAN.get(event.user_type)) is not None:
                notes = notes_of(str(event.extra.get("extra", "")))
                commits[FALLBACK_COMMIT] = Commit(number=FALLBACK_COMMIT, at=event.at, notes=notes)
                continue
            payload = joiner.feed(event.unique_id, str(event.extra.get("extra", "")))
            if payload is not None:
                number, notes = decode_commit(payload)
                commits[number] = Commit(number=number, at=event.at, notes=notes)
        except (ValueError, KeyError) as error:
            faults.append(f"payload at {event.at.isoformat()}: {error}")
    return tuple(commits[number] for number in sorted(commits)), tuple(faults)


@lru_cache(maxsize=COMMITS_REMEMBERED)
def decode_commit(payload: str) -> tuple[int, Notes]:
    """Number and notes of a whole payload. Raises ValueError; the message holds nothing of the payload."""
    body = _decode(payload)
    number, notes = body.get("q"), body.get("n")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1_000_000:
        raise ValueError("`q` is not the number of a commit")
    if not isinstance(notes, list) or not all(isinstance(note, dict) for note in notes):
        raise ValueError("`n` is not a list of notes")
    return number, tuple(notes)


def _fallback_notes(payload: str) -> Notes:
    """What the dialplan says when it took a message without a controller, as our own notes."""
    body = _decode(payload)
    caller = body.get("caller")
    if caller and not str(caller).startswith(f"{FALLBACK_SCHEMES[1]}."):
        caller = f"{FALLBACK_SCHEMES[0]}.{caller}"
    entered = {"k": "unanswered", "centre": body.get("centre") or None, "dnis": body.get("dnis")}
    message = {
        "k": "message",
        "take": FALLBACK_TAKE,
        "file": body.get("file"),
        "state": "recording",
        "data": caller or None,
    }
    return (entered, {"k": "step", "node": "fallback", "kind": "fallback", "result": "no_controller"}, message)


def _overload_notes(payload: str) -> Notes:
    """What the dialplan says when there are as many calls as there may be."""
    body = _decode(payload)
    return (
        {"k": "unanswered", "centre": body.get("centre") or None, "dnis": body.get("dnis")},
        {"k": "end", "outcome": "blocked", "reason": "overload"},
    )


BY_THE_DIALPLAN = {FALLBACK_EVENT: _fallback_notes, OVERLOAD_EVENT: _overload_notes}


def _decode(payload: str) -> dict[str, Any]:
    try:
        padded = payload.replace("+", "-").replace("/", "_").rstrip("=")
        text = base64.b64decode(padded + "=" * (-len(padded) % 4), altchars=b"-_", validate=True).decode("utf-8")
        body = json.loads(text)
        # A NUL or half a surrogate pair is legal JSON, but no database would take it.
        storable = json.dumps(body, ensure_ascii=True)
        json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, binascii.Error, RecursionError):
        raise ValueError("not base64url of JSON") from None
    if not isinstance(body, dict) or "\\u0000" in storable:
        raise ValueError("not an object that can be stored")
    return body
