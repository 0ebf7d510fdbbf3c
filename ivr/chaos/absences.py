"""How long callers were with nobody: from a strike to the next controller's first word, by the controllers' own logs.

The journal cannot tell: it has what a caller did next, which is after the prompt that they hear again.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

LET_GO = "call let go"
TAKEN_OVER = "call taken over"
LONGEST = timedelta(seconds=30)
"""Nobody is away for longer; what comes later has another reason."""


@dataclass(frozen=True, slots=True, order=True)
class Passage:
    """A controller took a call over, or handed it on at a safe boundary."""

    at: datetime
    call: str
    is_let_go: bool


def read_passages(logs: Iterable[Path]) -> Iterator[Passage]:
    """What controllers' logs say of it; other lines are passed over."""
    for log in logs:
        with log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.startswith("{") or (LET_GO not in line and TAKEN_OVER not in line):
                    continue
                said = json.loads(line)
                if said["event"] in (LET_GO, TAKEN_OVER):
                    at = datetime.fromisoformat(said["timestamp"])
                    yield Passage(at=at, call=said["call_id"], is_let_go=said["event"] == LET_GO)


def absences(strikes: Sequence[datetime], passages: Iterable[Passage], *, recording: Container[str]) -> list[float]:
    """Seconds from the last strike that ended a controller to each call taken over after it, sorted.

    Left out are calls that were handed on, for these were never with nobody, and those of `recording`: a recording
    goes on without a controller and the call is taken over when it ends.
    """
    handed_on: set[str] = set()
    waits = []
    for passage in sorted(passages):
        if passage.is_let_go:
            handed_on.add(passage.call)
            continue
        if passage.call in handed_on:
            handed_on.discard(passage.call)
            continue
        before = [strike for strike in strikes if strike <= passage.at]
        if before and passage.call not in recording and passage.at - before[-1] <= LONGEST:
            waits.append((passage.at - before[-1]).total_seconds())
    return sorted(waits)
