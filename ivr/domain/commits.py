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

from ivr.domain.events import USER_EVENT, JournalEvent, PayloadJoiner

Notes = tuple[Mapping[str, Any], ...]

COMMITS_REMEMBERED = 4096
"""Decoded payloads kept: a live call is derived again with each of its events."""


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
        if event.user_type != USER_EVENT:
            continue
        try:
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
    try:
        text = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True).decode("utf-8")
        body = json.loads(text)
        # A NUL or half a surrogate pair is legal JSON, but no database would take it.
        json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, binascii.Error, RecursionError):
        raise ValueError("not base64url of JSON") from None
    if not isinstance(body, dict) or "\\u0000" in text:
        raise ValueError("not a commit")
    number, notes = body.get("q"), body.get("n")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1_000_000:
        raise ValueError("`q` is not the number of a commit")
    if not isinstance(notes, list) or not all(isinstance(note, dict) for note in notes):
        raise ValueError("`n` is not a list of notes")
    return number, tuple(notes)
