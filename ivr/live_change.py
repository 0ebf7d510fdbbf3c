"""A change of what callers reach while the system runs: the folder checked and made live, or an earlier version.

In this order, so that a crash in between harms nobody: the versions are kept, Asterisk learns of their queues and
phones beside those there are, the store says that they are live, every controller takes them for its next call. Then
the channels are noted: what only earlier calls need leaves Asterisk when the last of them is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from ivr.adapters.runtime.locks import held
from ivr.adapters.versions import Retiring, with_channels, with_retired
from ivr.bootstrap import Installation
from ivr.domain.centre import Centre
from ivr.domain.changes import Change, Kind, changes
from ivr.errors import IvrError, OperatorError
from ivr.live_versions import LiveVersions
from ivr.publisher import Edition

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""Seconds between two looks whether calls from before a change are still there: Asterisk's console tells no news."""

Members = Mapping[tuple[str, str], int]
"""(queue in Asterisk, agent) -> tier."""


class LiveChange:
    """Changes one running installation, one change at a time, whichever controller it was ordered at."""

    def __init__(self, installation: Installation, live: LiveVersions) -> None:
        self._installation = installation
        self._publisher = installation.publisher
        self._live = live

    async def reload(self, *, who: str, note: str) -> dict[str, Any]:
        """Makes the dialplan folder live; what changed, for JSON. Raises AuthorError, and all stays as it is."""
        async with self._change():
            edition = await asyncio.to_thread(self._publisher.edition_of_folder)
            return await self._make_live(edition, who=who, note=note)

    async def roll_back(self, *, centre: str, version: str | None, who: str, note: str) -> dict[str, Any]:
        """Makes an earlier version of one centre live; raises like `Publisher.edition_rolled_back`."""
        async with self._change():
            edition = await asyncio.to_thread(self._publisher.edition_rolled_back, centre, version)
            return await self._make_live(edition, who=who, note=note)

    async def retire(self) -> None:
        """Until cancelled: takes out of Asterisk what the last call that could need it has left behind. For one process
        of an installation, as it asks Asterisk every few seconds while something is going out of use."""
        store = self._publisher.store
        quiet: object = ()
        while True:
            if store.signature() != quiet:
                try:
                    async with self._change():
                        await self._retire_unused()
                        signature = store.signature()
                        quiet = () if (await asyncio.to_thread(store.state)).retiring else signature
                except IvrError as error:
                    log.warning("versions going out of use stay", extra={"reason": str(error)})
            await asyncio.sleep(LOOK_S)

    @contextlib.asynccontextmanager
    async def _change(self) -> AsyncIterator[None]:
        """Nobody else changes anything, and this process knows what was changed before."""
        async with held(self._installation.layout.change_lock):
            await self._live.follow()
            yield

    async def _make_live(self, edition: Edition, *, who: str, note: str) -> dict[str, Any]:
        publisher = self._publisher
        before = {centre.id: centre for centre in self._live.centres.all}
        done = changes(before, edition.centres)
        await asyncio.to_thread(publisher.keep, edition)
        old = tuple(before[change.centre] for change in done if change.kind in (Kind.CHANGED, Kind.REMOVED))
        centres = tuple(edition.centres.values())
        trouble = await self._tell_asterisk(centres, (*old, *await asyncio.to_thread(publisher.retiring)))
        retiring = [Retiring(centre=each.id, version=each.version) for each in old]
        await asyncio.to_thread(publisher.make_live, edition, who=who, note=note, retiring=retiring)
        self._live.centres.replace(centres)
        await self._change_members(members_of(before.values()), members_of(centres))
        log.info("dialplans live", extra={"how": edition.how, "centres": {c.id: c.version for c in centres}})
        return {
            "changes": [_told(change) for change in done],
            "put_aside": {name: live.put_aside for name, live in edition.live.items() if live.put_aside is not None},
            "trouble": trouble,
        }

    async def _tell_asterisk(self, centres: tuple[Centre, ...], retiring: tuple[Centre, ...]) -> str | None:
        """Writes and reloads what is other than before; what to tell the operator when Asterisk does not answer."""
        given = await asyncio.to_thread(self._installation.asterisk_input_for, centres, retiring)
        asterisk = self._installation.asterisk
        changed = await asyncio.to_thread(asterisk.write_config, given)
        try:
            await asterisk.reload(changed)
        except IvrError as error:
            log.warning("Asterisk was not reloaded", extra={"reason": str(error)})
            return f"Asterisk has the new configuration from its next start on only: {error}"
        return None

    async def _channels(self) -> frozenset[str]:
        """What is up now; nothing when Asterisk is down."""
        try:
            return await self._installation.asterisk.list_channels()
        except IvrError:
            return frozenset()

    async def _retire_unused(self) -> None:
        publisher = self._publisher
        state = await asyncio.to_thread(publisher.store.state)
        if not state.retiring:
            return
        up = await self._channels()
        # A call that has the earlier version was there when the store said otherwise, so it is among these.
        looked = with_channels(state, up)
        if looked != state:
            await asyncio.to_thread(publisher.store.set_state, looked)
        state = looked
        unused = [each for each in state.retiring if (each.channels or frozenset()).isdisjoint(up)]
        if not unused:
            return
        leaving = [await asyncio.to_thread(publisher.find_version, each.centre, each.version) for each in unused]
        await asyncio.to_thread(publisher.store.set_state, with_retired(state, unused))
        live = self._live.centres.all
        needed = (*live, *await asyncio.to_thread(publisher.retiring))
        gone = [centre for centre in leaving if centre is not None]
        for queue, agent in members_of(gone).keys() - members_of(needed).keys():
            await self._console(f"queue remove member PJSIP/{agent} from {queue}")
        await self._tell_asterisk(live, needed[len(live) :])
        log.info("versions out of use", extra={"versions": [f"{each.centre}/{each.version}" for each in unused]})

    async def _change_members(self, before: Members, after: Members) -> None:
        """Agents who are logged in serve as the new version says; a queue that is going out of use keeps its own."""
        queues = {queue for queue, _ in after}
        for queue, agent in before.keys() - after.keys():
            if queue in queues:
                await self._console(f"queue remove member PJSIP/{agent} from {queue}")
        for (queue, agent), tier in after.items():
            if before.get((queue, agent), tier) != tier:
                await self._console(f"queue set penalty {tier - 1} on PJSIP/{agent} in {queue}")

    async def _console(self, command: str) -> None:
        try:
            await self._installation.asterisk.command(command)
        except IvrError as error:
            log.warning("Asterisk did not take a command", extra={"reason": str(error)})


def members_of(centres: Iterable[Centre]) -> dict[tuple[str, str], int]:
    """Who may serve which queue of these centres."""
    return dict(_members(centres))


def _members(centres: Iterable[Centre]) -> Iterator[tuple[tuple[str, str], int]]:
    for centre in centres:
        for agent in centre.agents.values():
            for name, tier in agent.queues.items():
                yield (centre.queues[name].asterisk_name, agent.id), tier


def _told(change: Change) -> dict[str, Any]:
    return {
        "centre": change.centre,
        "kind": change.kind.value,
        "before": change.before,
        "after": change.after,
        "details": list(change.details),
    }


def need_text(body: Mapping[str, Any], name: str, *, limit: int = 500) -> str:
    """A field of an order. Raises OperatorError."""
    value = body.get(name) or ""
    if not isinstance(value, str) or len(value) > limit or not value.isprintable():
        raise OperatorError(f"{name} must be text on one line, at most {limit} characters")
    return value
