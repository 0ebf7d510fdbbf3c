"""What is live, as this process knows it, kept to what the store says: a change may be ordered at any controller."""

from __future__ import annotations

import asyncio
import logging

from ivr.engine.centres import LiveCentres
from ivr.errors import IvrError
from ivr.publisher import Publisher

log = logging.getLogger(__name__)


class LiveVersions:
    """`follow` is called before each call is taken; it costs one look at a file unless something changed."""

    def __init__(self, publisher: Publisher, centres: LiveCentres) -> None:
        self._publisher = publisher
        self.centres = centres
        self._seen: object = ()
        self._one_at_a_time = asyncio.Lock()

    async def follow(self) -> None:
        """Afterwards `centres` are those that the store said are live when this was called.

        What cannot be read or compiled leaves the centres as they are.
        """
        if self._publisher.store.signature() == self._seen:
            return
        async with self._one_at_a_time:
            signature = self._publisher.store.signature()
            if signature == self._seen:
                return
            try:
                await self._take()
            except IvrError as error:
                log.warning("the versions that are live cannot be read", extra={"reason": str(error)})
            self._seen = signature

    async def _take(self) -> None:
        state = await asyncio.to_thread(self._publisher.store.state)
        wanted = {centre: live.version for centre, live in state.live.items()}
        if wanted and wanted != {centre.id: centre.version for centre in self.centres.all}:
            live = await asyncio.to_thread(self._publisher.live)
            self.centres.replace(live.values())
            log.info("dialplans live", extra={"how": "followed", "centres": wanted})
