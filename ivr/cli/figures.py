"""What the running processes of ours say of themselves."""

from __future__ import annotations

from typing import Any

from ivr.adapters.runtime.asking import ask
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.workers import INGEST, list_workers

Figures = dict[str, Any]


def ask_workers(layout: Layout) -> dict[str, Figures | None]:
    """Name -> its figures, None when it does not answer; of every process that should run."""
    return {name: ask(layout.worker_socket(name)) for name in list_workers(layout)}


def ask_controller(layout: Layout) -> Figures | None:
    """Of the first controller that answers; None when none does."""
    controllers = (name for name in list_workers(layout) if name != INGEST)
    return next((figures for name in controllers if (figures := ask(layout.worker_socket(name))) is not None), None)
