"""Coroutines that never wait for anything outside, run without an event loop: a simulated call, a process a call."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_to_end(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Its result. Raises RuntimeError when it waits for something."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    coroutine.close()
    raise RuntimeError("a call that is run at once waited for something outside")
