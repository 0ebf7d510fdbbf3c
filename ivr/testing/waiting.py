"""Waits for what the outside world does not announce: asks again until it is so, or until a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool] = bool, *, within_s: float = 15.0, every_s: float = 0.1
) -> T:
    """The first answer of `ask` that `holds`. Raises TimeoutError, with the last answer, after `within_s` seconds."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not holds(answer := await ask()):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"still {answer!r} after {within_s:.0f} s")
        await asyncio.sleep(every_s)
    return answer
