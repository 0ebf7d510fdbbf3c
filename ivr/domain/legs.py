"""The life of a leg: one channel from its creation to its end, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class LegState(StrEnum):
    """Where a channel is. `ABSENT`: nothing of it was seen yet."""

    ABSENT = "absent"
    OFFERED = "offered"
    """The channel exists (a phone is being called, or a caller was not answered yet)."""
    UP = "up"
    TALKING = "talking"
    """In a bridge."""
    ENDED = "ended"


_START = {"CHAN_START": LegState.OFFERED}
_END = {
    "HANGUP": LegState.ENDED,
    "CHAN_END": LegState.ENDED,
    "LINKEDID_END": LegState.ENDED,
    "NODE_START": LegState.ENDED,
}

TRANSITIONS: Mapping[LegState, Mapping[str, LegState]] = {
    # A leg may begin with any event: the file that held its start can be gone.
    LegState.ABSENT: {
        **_START,
        **_END,
        "ANSWER": LegState.UP,
        "BRIDGE_ENTER": LegState.TALKING,
        "BRIDGE_EXIT": LegState.UP,
    },
    LegState.OFFERED: {**_END, "ANSWER": LegState.UP, "BRIDGE_ENTER": LegState.TALKING},
    LegState.UP: {**_END, "BRIDGE_ENTER": LegState.TALKING},
    LegState.TALKING: {**_END, "BRIDGE_EXIT": LegState.UP},
    LegState.ENDED: {},
}


def next_state(state: LegState, event_type: str) -> LegState:
    """The state after an event; an event that says nothing about the leg's life leaves it as it was."""
    return TRANSITIONS[state].get(event_type, state)
