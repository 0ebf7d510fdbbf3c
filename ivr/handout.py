"""Recordings given out: to who says for what, after that is on record, and only as they were made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from ivr.adapters.db.records import Kept, RecordStore
from ivr.adapters.recordings.safe import Safe
from ivr.errors import DestroyedError, OperatorError

log = logging.getLogger(__name__)

LONGEST_TEXT = 500
"""Characters of who and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A recording on its way out."""

    file: str
    sha256: str
    """Of what comes, in hex."""
    pieces: Iterator[bytes]
    """The bytes; blocking."""


class Handout:
    """The one way out of the safe."""

    def __init__(self, safe: Safe, store: RecordStore) -> None:
        self._safe = safe
        self._store = store

    async def give(self, which: str, *, who: str, why: str) -> Handed:
        """`which`: a call, or the file that a message or talk names. The access is on record when this returns.

        Raises OperatorError when there is no such recording, no reason, several recordings of that call, or one that is
        not what was recorded; DestroyedError when its time is over; PeerError when Postgres is away.
        """
        if not who.strip() or not why.strip():
            raise OperatorError("say who you are and why: both are noted")
        if max(len(who), len(why)) > LONGEST_TEXT:
            raise OperatorError(f"who and why take at most {LONGEST_TEXT} characters each")
        kept = await self._find(which)
        await self._store.log_access(who=who, what=f"recording {kept.file}", why=why)
        log.info("a recording is given out", extra={"file": kept.file})
        digest = await asyncio.to_thread(self._safe.digest, kept.file)
        pieces = await asyncio.to_thread(self._safe.find, kept.file)
        if digest is None or pieces is None:
            raise OperatorError(f"{kept.file} is not in {self._safe.root}: restore it from backup")
        if kept.sha256 is not None and digest != kept.sha256:
            raise OperatorError(f"{kept.file} is not what was recorded: its SHA-256 is {digest}, not {kept.sha256}")
        return Handed(file=kept.file, sha256=digest, pieces=pieces)

    async def _find(self, which: str) -> Kept:
        call = which if "/" not in which else which.rpartition("/")[2].rpartition("-")[0]
        found = [each for each in await self._store.recordings_of(call) if which in (each.call, each.file)]
        if not found and "/" in which and await asyncio.to_thread(self._exists, which):
            # Made while the record was away, or by a call that nobody wrote down.
            found = [Kept(call=call, file=which, sha256=None, purged_at=None)]
        if not found:
            raise OperatorError(f"there is no recording {which}: `ivr messages` and `ivr call ID` show those there are")
        if len(found) > 1:
            raise OperatorError(f"call {call} has several recordings, name one: {', '.join(one.file for one in found)}")
        if (at := found[0].purged_at) is not None:
            raise DestroyedError(f"{found[0].file} was destroyed on {at:%Y-%m-%d}, when its time was over")
        return found[0]

    def _exists(self, file: str) -> bool:
        return self._safe.find(file) is not None
