"""What the running processes of ours say of themselves: the lag of their loops, their turns by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.adapters.runtime.asking import ask
from ivr.adapters.runtime.workers import list_workers
from ivr.bootstrap import Installation
from ivr.domain.durations import Durations, added, durations_from_json


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one process."""

    lag: Durations
    turns: Mapping[str, Durations]
    """By node; empty for a process that takes no calls."""


def read_figures(installation: Installation) -> dict[str, Figures]:
    """Name -> figures of every process that answers."""
    layout = installation.layout
    told = {name: ask(layout.worker_socket(name)) for name in list_workers(layout)}
    return {name: figures_of(status) for name, status in told.items() if status is not None}


def figures_of(status: Mapping[str, Any]) -> Figures:
    """Out of a /status. Raises KeyError or ValueError when they are not in it."""
    turns = {node: durations_from_json(told) for node, told in status.get("turns", {}).items()}
    return Figures(lag=durations_from_json(status["loop_lag"]), turns=turns)


def turns_of(figures: Iterable[Figures]) -> dict[str, Durations]:
    """By node, of all processes together."""
    told = list(figures)
    nodes = sorted({node for one in told for node in one.turns})
    return {node: added(one.turns[node] for one in told if node in one.turns) for node in nodes}
