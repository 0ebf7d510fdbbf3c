"""An event loop whose clock jumps to the next timer as soon as nothing else can happen: minutes of waiting in no time.

What arrives on loopback sockets is still seen first. Work in threads is not waited for: keep it out of such tests.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

Result = TypeVar("Result")


class _JumpingSelector(selectors.BaseSelector):
    """Instead of waiting for `timeout`, says how much time went by."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.elapsed_s = 0.0

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return self._real.select(None)
        # A millisecond of real time lets what a peer has just sent arrive before the clock jumps.
        ready = self._real.select(min(timeout, 0.001))
        if not ready:
            self.elapsed_s += max(timeout, 0.0)
        return ready

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and moves only when every task waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed_s


def run_in_virtual_time(main: Coroutine[Any, Any, Result]) -> Result:
    """Like `asyncio.run`, on a VirtualTimeLoop."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
