"""Retention: what is past its time is destroyed, by destroying the keys, and what was done is on record.

The order makes it safe to interrupt and to run again: a row of `ivr.purges` says that a purge begins; keys and
recordings go; the record forgets who called; the row says what was done. What is gone already is not counted twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ivr.adapters.db.purges import Counts, PurgeStore
from ivr.adapters.keys import NOBODY, KeyRing
from ivr.adapters.recordings.safe import Recording, Safe
from ivr.domain.retention import Retention, first_kept, shortest
from ivr.errors import OperatorError

log = logging.getLogger(__name__)

QUIET = timedelta(days=7)
"""The purge of itself asks a person first when nobody has called for so long: the clock may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was destroyed of one centre, or would be."""

    centre: str
    kept: Retention
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What is past its time of one owner."""

    owner: str
    kept: Retention
    recordings: tuple[Recording, ...]
    days: tuple[str, ...]
    """Names of keys."""


class Purge:
    """The safe, the key ring and the journal of one installation."""

    def __init__(self, *, safe: Safe, ring: KeyRing, journal: Path, terms: Mapping[str, Retention]) -> None:
        """`terms`: centre -> how long its things are kept; for whatever is of none of them, the shortest holds."""
        self._safe = safe
        self._ring = ring
        self._journal = journal
        self._terms = terms

    async def run(self, store: PurgeStore, *, at: datetime, who: str, dry_run: bool = False) -> list[Purged]:
        """Destroys what is past its time at this instant; what it was, by centre. A `dry_run` only counts.

        Raises PeerError when Postgres is away (nothing is destroyed then that is not noted), OperatorError or OSError
        when files cannot be removed.
        """
        parts = await asyncio.to_thread(self._parts, at)
        known = {part.owner for part in parts}
        parts += [self._part(centre or NOBODY) for centre in await store.centres() if (centre or NOBODY) not in known]
        done = []
        for part in parts:
            cut = first_kept(at, part.kept.calls)
            centre = "" if part.owner == NOBODY else part.owner
            planned = replace(await store.count(centre, cut), **_counted(part))
            if planned == Counts():
                continue
            if not dry_run:
                number = await store.begin(who=who, centre=part.owner, as_of=at)
                await asyncio.to_thread(self._destroy, part)
                await store.mark([(each.call, each.file) for each in part.recordings])
                planned = replace(await store.clear(centre, cut), **_counted(part))
                await store.end(number, planned)
                log.info("purged", extra={"centre": part.owner, **{name: getattr(planned, name) for name in _NAMES}})
            done.append(Purged(centre=part.owner, kept=part.kept, counts=planned))
        if not dry_run:
            longest = max((terms.calls for terms in self._terms.values()), default=Retention().calls)
            await store.clear_torn(first_kept(at, longest))
            await asyncio.to_thread(self._tidy, first_kept(at, longest))
        return done

    def _parts(self, at: datetime) -> list[_Part]:
        past: dict[str, list[Recording]] = {}
        for each in self._safe.recordings():
            kept = self._kept(each.owner)
            if each.day < first_kept(at, kept.talk if each.is_talk else kept.messages):
                past.setdefault(each.owner, []).append(each)
        days = {owner: self._days(owner, at) for owner in self._ring.owners()}
        return [
            replace(self._part(owner), recordings=tuple(past.get(owner, ())), days=tuple(days.get(owner, ())))
            for owner in sorted({*past, *days})
        ]

    def _part(self, owner: str) -> _Part:
        return _Part(owner=owner, kept=self._kept(owner), recordings=(), days=())

    def _days(self, owner: str, at: datetime) -> list[str]:
        cut = first_kept(at, self._kept(owner).calls)
        return [name for name in self._ring.names(f"{owner}/days") if _day(name) < cut]

    def _kept(self, owner: str) -> Retention:
        return self._terms.get(owner) or shortest(self._terms.values())

    def _destroy(self, part: _Part) -> None:
        for name in part.days:
            self._ring.destroy(name)
        for recording in part.recordings:
            self._safe.discard(recording.file)

    def _tidy(self, cut: date) -> None:
        """Rotated files of the journal of which every line is past its time, and folders that are empty."""
        for path in self._journal.parent.glob(f"{self._journal.name}?*"):
            if datetime.fromtimestamp(path.stat().st_mtime, UTC).date() < cut:
                path.unlink()
                log.info("an old file of the journal was removed", extra={"file": path.name})
        self._safe.tidy()


async def require_plausible(store: PurgeStore, at: datetime) -> None:
    """Before a purge that nobody ordered: a clock that jumped ahead would destroy everything.

    Raises OperatorError when the last call is long before, or after, what the clock says.
    """
    newest = await store.newest_call()
    if newest is not None and not -timedelta(days=1) < at - newest < QUIET:
        raise OperatorError(
            f"the last call was at {newest:%Y-%m-%d}, and the clock says {at:%Y-%m-%d}: if it is right, run `ivr purge`"
        )


_NAMES = ("messages", "talks", "days", "calls", "callbacks", "unmade")


def _counted(part: _Part) -> dict[str, int]:
    talks = sum(each.is_talk for each in part.recordings)
    return {"messages": len(part.recordings) - talks, "talks": talks, "days": len(part.days)}


def _day(name: str) -> date:
    try:
        return date.fromisoformat(name.rpartition("/")[2])
    except ValueError as error:
        raise OperatorError(f"the key ring holds {name}, which is no day") from error
