"""This process's watchdog: started, fed from the event loop, started again if it should be killed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("watchdog.py")
BEAT_S = 0.25
SILENCE_S = 1.5
"""An event loop that does not turn for so long holds its callers in silence: better that another one takes them."""
START_S = 60.0
"""Until the first beat: reading and compiling dialplans takes what it takes."""


class Heart:
    """`async with Heart(…) as heart:` starts the watchdog; `heart.beat()` begins the beats, once work is being done."""

    def __init__(self, *, memory_mb: int, silence_s: float = SILENCE_S, start_s: float = START_S) -> None:
        """`memory_mb` is the limit of resident memory, 0: none."""
        self._limits = (f"{silence_s}", f"{start_s}", f"{memory_mb}")
        self._process: subprocess.Popen[bytes] | None = None
        self._beats: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._beats is not None:
            self._beats.cancel()
        self._end()

    def beat(self) -> None:
        """From now on an event loop that stands still ends this process."""
        self._beats = asyncio.get_running_loop().create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            try:
                self._feed()
            except BrokenPipeError:
                log.warning("the watchdog was gone: started again")
                self._end()
                self._start()
            await asyncio.sleep(BEAT_S)

    def _feed(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # A full pipe is a watchdog that was stopped: it has beats enough.
        with contextlib.suppress(BlockingIOError):
            os.write(self._process.stdin.fileno(), b".")

    def _start(self) -> None:
        ourselves = os.pidfd_open(os.getpid())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(PROGRAM), str(ourselves), *self._limits],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[ourselves],
                cwd="/",
                bufsize=0,
            )
        finally:
            os.close(ourselves)
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)

    def _end(self) -> None:
        """Not by asking: one that was stopped would not hear it."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.kill()
            self._process.wait()
