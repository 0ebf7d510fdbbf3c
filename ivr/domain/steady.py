"""The events of a call on a clock that never goes back: the journal's order is the truth, its times are not.

A machine's clock may be stepped while a call lives. What came after the step is moved on by as much as the clock went
back, so no duration is negative and those that lie on one side of the step are right; the step itself lasts no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from ivr.domain.events import JournalEvent

JITTER = timedelta(seconds=1)
"""Events may be out of order by less than this without any step of the clock."""


def steady(events: Sequence[JournalEvent]) -> tuple[list[JournalEvent], tuple[str, ...]]:
    """The events in their order with times that never fall, and what is to be said about steps of the clock."""
    steadied: list[JournalEvent] = []
    faults: list[str] = []
    shift = timedelta()
    for event in events:
        if not steadied:
            steadied.append(event)
            continue
        last = steadied[-1].at
        if event.at >= last:
            shift = timedelta()  # the clock was put right again, or has got there by itself
        elif event.at + shift < last:
            step = last - event.at - shift
            if step > JITTER:
                shift += step
                faults.append(f"the clock went back by {step.total_seconds():.0f} s during the call")
        at = max(event.at + shift, last)
        steadied.append(event if at == event.at else replace(event, at=at))
    return steadied, tuple(faults)
