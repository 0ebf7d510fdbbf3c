"""Seals recordings as soon as they are complete: when the record has the end of their call, or, without the record,
when nobody has written them for longer than any call takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ivr.engine.ingest import StillWritten
from ivr.errors import IvrError

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""Pause between two looks at the folder."""
LONGEST_CALL_S = 5 * 3600.0
"""The dialplan ends a call after four hours (TIMEOUT(absolute)); a file that was still for longer is complete."""
RETRY_S = 60.0
"""After a failure; the file waits so long, the others go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A recording on disk that is not sealed."""

    file: str
    """Relative to the recordings folder."""
    still_s: float
    """Seconds since it was last written."""

    @property
    def call(self) -> str:
        """The call that its name tells: `<call>-<take>.wav`."""
        return self.file.rpartition("/")[2].rpartition("-")[0]


class Safe(Protocol):
    """The recordings. Blocking: used in a thread. Everything raises OSError or IvrError."""

    def waiting(self) -> Sequence[Plain]: ...

    def seal(self, file: str) -> None:
        """Raises StillWritten while the file changes."""

    def discard(self, file: str) -> None: ...


class Settled(Protocol):
    """What the record knows of calls."""

    async def settled(self, calls: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Those of the calls that are over and measured -> the files of takes that their callers discarded.

        Raises IvrError when the record is away.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingStatus:
    """For `ivr status`."""

    waiting: int
    """Plain files at the last look, those of live calls included."""
    sealed: int
    discarded: int
    failed: Mapping[str, str]
    """File -> why it is not sealed."""


class Sealing:
    """The loop. A file that cannot be sealed stays plain, is named in the status and tried again."""

    def __init__(
        self,
        *,
        safe: Safe,
        record: Settled,
        look_s: float = LOOK_S,
        longest_call_s: float = LONGEST_CALL_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self._safe = safe
        self._record = record
        self._look_s = look_s
        self._retry_s = retry_s
        self._longest_call_s = longest_call_s
        self._waiting = 0
        self._sealed = 0
        self._discarded = 0
        self._failed: dict[str, str] = {}
        self._again_at: dict[str, float] = {}

    def status(self) -> SealingStatus:
        return SealingStatus(
            waiting=self._waiting, sealed=self._sealed, discarded=self._discarded, failed=dict(self._failed)
        )

    async def run(self) -> None:
        """Until cancelled. Never raises for what a file or the record does."""
        while True:
            try:
                await self.look()
            except OSError as error:
                self._failed = {"the folder of recordings": error.strerror or str(error)}
            except Exception:  # a fault of ours leaves files plain, which the status shows; it must not end ingest
                log.exception("sealing_failed")
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """One look at the folder: whatever is complete is sealed. Raises OSError when the folder cannot be read."""
        waiting = await asyncio.to_thread(self._safe.waiting)
        self._waiting = len(waiting)
        names = {plain.file for plain in waiting}
        self._failed = {file: why for file, why in self._failed.items() if file in names}
        now = asyncio.get_running_loop().time()
        due = [plain for plain in waiting if self._again_at.get(plain.file, now) <= now]
        self._again_at = {file: at for file, at in self._again_at.items() if file in names}
        settled = await self._settled({plain.call for plain in due})
        for plain in due:
            if plain.call in settled or plain.still_s > self._longest_call_s:
                await self._put_away(plain.file, plain.file in settled.get(plain.call, ()))

    async def _settled(self, calls: Collection[str]) -> Mapping[str, frozenset[str]]:
        try:
            return await self._record.settled(calls) if calls else {}
        except IvrError:  # away: ingest tells of that; what is old enough is sealed without it
            return {}

    async def _put_away(self, file: str, unwanted: bool) -> None:
        try:
            await asyncio.to_thread(self._safe.discard if unwanted else self._safe.seal, file)
        except StillWritten:
            return
        except (OSError, IvrError) as error:
            self._again_at[file] = asyncio.get_running_loop().time() + self._retry_s
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            if self._failed.get(file) != why:
                log.warning("a recording is not sealed", extra={"file": file, "reason": why})
            self._failed[file] = why
            return
        self._waiting -= 1
        self._failed.pop(file, None)
        if unwanted:
            self._discarded += 1
        else:
            self._sealed += 1
