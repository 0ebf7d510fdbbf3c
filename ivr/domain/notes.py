"""What the flow tells the journal. A note is a flat record; personal values are wrapped until the shell seals them.
The fields of each kind are listed in docs/architecture.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ivr.domain.values import BlindIndex, Personal, Value, text_of

Field = str | int | float | bool | None | Personal | BlindIndex | Sequence[str]
Note = Mapping[str, Field]


def enter(*, centre: str, version: str, dnis: str, at: str, language: str, caller: Personal | None) -> Note:
    return {
        "k": "enter",
        "centre": centre,
        "version": version,
        "dnis": dnis,
        "at": at,
        "language": language,
        "caller": caller,
        "caller_key": BlindIndex(caller.text) if caller else None,
    }


def resume(*, node: str) -> Note:
    """The call went on in another process."""
    return {"k": "resume", "node": node}


def step(
    *,
    node: str,
    kind: str,
    phase: str,
    heard: Sequence[str],
    result: str,
    got: Value | None,
    to: str | None,
    language: str,
    category: str | None,
) -> Note:
    return {
        "k": "step",
        "node": node,
        "kind": kind,
        "phase": phase,
        "heard": tuple(heard),
        "result": result,
        "got": got,
        "to": to,
        "language": language,
        "category": category,
    }


def message(
    *, take: int, file: str, state: str, language: str, category: str | None, data: Mapping[str, Value]
) -> Note:
    """`state` is recording, kept or discarded."""
    return {
        "k": "message",
        "take": take,
        "file": file,
        "state": state,
        "language": language,
        "category": category,
        "data": _bundle(data),
    }


def callback(
    *, origin: str, due: str, number: Personal, language: str, category: str | None, data: Mapping[str, Value]
) -> Note:
    return {
        "k": "callback",
        "origin": origin,
        "due": due,
        "number": number,
        "number_key": BlindIndex(number.text),
        "language": language,
        "category": category,
        "data": _bundle(data),
    }


def survey(
    *,
    node: str,
    metric: str,
    lowest: int,
    highest: int,
    score: int,
    of: str | None,
    language: str,
    category: str | None,
) -> Note:
    return {
        "k": "survey",
        "node": node,
        "metric": metric,
        "lowest": lowest,
        "highest": highest,
        "score": score,
        "of": of,
        "language": language,
        "category": category,
    }


def queue(*, queue: str, talk_file: str | None) -> Note:
    return {"k": "queue", "queue": queue, "talk_file": talk_file}


def end(*, outcome: str | None, reason: str) -> Note:
    return {"k": "end", "outcome": outcome, "reason": reason}


def agent(*, agent: str, action: str, queues: Sequence[str]) -> Note:
    return {"k": "agent", "agent": agent, "action": action, "queues": tuple(queues)}


def _bundle(data: Mapping[str, Value]) -> Personal | None:
    """Customer data as one personal JSON object, or None when there is none."""
    if not data:
        return None
    return Personal(json.dumps({name: text_of(value) for name, value in data.items()}, ensure_ascii=False))
