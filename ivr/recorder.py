"""The ingest process: follows the journal into the record, seals what was recorded, destroys what is past its time.

No caller waits for it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ivr import log as logs
from ivr.adapters.db.journal import JournalStore
from ivr.adapters.db.pool import open_pool
from ivr.adapters.db.purges import PurgeStore
from ivr.adapters.db.records import RecordStore
from ivr.adapters.journal.lines import decode_extra
from ivr.adapters.journal.recordings import RecordingsFolder
from ivr.adapters.journal.tail import JournalTail
from ivr.adapters.runtime.heart import Heart
from ivr.adapters.runtime.workers import INGEST
from ivr.bootstrap import Installation
from ivr.engine.ingest import Ingest
from ivr.engine.sealing import Sealing
from ivr.errors import IvrError
from ivr.purge import require_plausible
from ivr.worker import answering, stop_signal

log = logging.getLogger(__name__)

LAG_ALARM_S = 30.0
"""Ingest that is this far behind is told as a problem."""
POLL_S = 0.05
SILENCE_S = 30.0
"""The loop may stand still for a while over a long backlog, and nobody is kept waiting by it."""
SETTLE_IN_S = 30.0
"""Before the first look at what is past its time: a start has other things to do."""
RETENTION_LOOK_S = 1800.0
"""Also how long after a failure it is tried again."""


class Recorder:
    """The parts of the process, wired."""

    def __init__(self, installation: Installation) -> None:
        settings, layout = installation.settings, installation.layout
        self._layout = layout
        self._memory_mb = settings.memory_limit_mb
        self._ingest = Ingest(
            reader=JournalTail(layout.journal),
            record=JournalStore(
                installation.dsn,
                node=settings.node,
                decode_extra=decode_extra,
                day_of=installation.day_of,
                key_id=installation.vault.key_id,
            ),
            measure=RecordingsFolder(layout.recordings, sealed=installation.safe.find).measure,
            complete=installation.fallback_messages.complete,
        )
        self._installation = installation
        self._sealing: Sealing | None = None
        self._retention_trouble: str | None = None

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; then what the journal still holds is written."""
        stop = stop_signal()
        async with (
            Heart(memory_mb=self._memory_mb, silence_s=SILENCE_S) as heart,
            open_pool(self._installation.dsn, max_size=2) as pool,
            asyncio.TaskGroup() as parts,
        ):
            self._sealing = Sealing(safe=self._installation.safe, record=RecordStore(pool))
            tasks = [
                parts.create_task(self._ingest.run()),
                parts.create_task(self._sealing.run()),
                parts.create_task(self._retain(PurgeStore(pool))),
            ]
            async with answering(INGEST, self._layout, self.figures):
                heart.beat()
                log.info("ingest ready")
                await stop.wait()
                await self._finish()
            for task in tasks:
                task.cancel()

    def figures(self) -> Mapping[str, Any]:
        """Without personal data, for /status."""
        ingest = self._ingest.status()
        problems = []
        if ingest.last_error is not None:
            problems.append(f"the record is not being written: {ingest.last_error}")
        if ingest.lag_s > LAG_ALARM_S:
            to_go = f", {ingest.lag_lines / ingest.lines_per_s:.0f} s to go" if ingest.lines_per_s else ""
            problems.append(
                f"the record is {ingest.lag_s:.0f} s behind the journal: about {ingest.lag_lines} lines{to_go}"
            )
        if ingest.torn:
            problems.append(f"{ingest.torn} journal lines could not be read: they are kept in ivr.torn")
        if ingest.lost_files:
            problems.append(f"{ingest.lost_files} journal files vanished before they were read to their end")
        sealing = None if self._sealing is None else self._sealing.status()
        if sealing is not None and sealing.failed:
            file, why = next(iter(sealing.failed.items()))
            problems.append(f"{len(sealing.failed)} recordings are not sealed, {file}: {why}")
        if self._retention_trouble is not None:
            problems.append(f"what is past its time is not destroyed: {self._retention_trouble}")
        return {
            "ingest": dataclasses.asdict(ingest),
            "sealing": None if sealing is None else dataclasses.asdict(sealing),
            "problems": problems,
        }

    async def _retain(self, store: PurgeStore) -> None:
        """`ivr purge` by itself, and the keys of the coming day before a call needs them."""
        every_s = self._installation.settings.purge_hours * 3600.0
        await asyncio.sleep(SETTLE_IN_S)
        next_at = 0.0
        while True:
            # Anew each time: a reload may have changed what callers are promised.
            installation = Installation(self._installation.settings, is_live=True)
            loop = asyncio.get_running_loop()
            try:
                await asyncio.to_thread(installation.prepare_keys)
                # A journal of long ago that is not read yet would go unread.
                if every_s and loop.time() >= next_at and self._ingest.status().lag_s < LAG_ALARM_S:
                    now = datetime.now(UTC)
                    await require_plausible(store, now)
                    purge = await asyncio.to_thread(installation.find_purge)
                    await purge.run(store, at=now, who="ivr ingest")
                    next_at = loop.time() + every_s
                self._retention_trouble = None
            except (OSError, IvrError) as error:
                self._retention_trouble = str(error)
                log.warning("retention waits", extra={"reason": str(error)})
            except Exception as error:  # a fault of ours must not end ingest
                self._retention_trouble = f"{type(error).__name__}: see the log"
                log.exception("retention failed")
            await asyncio.sleep(RETENTION_LOOK_S)

    async def _finish(self) -> None:
        """Waits for ingest to have read what is there, as far as the record takes it."""
        while (status := self._ingest.status()).last_error is None and (status.lag_bytes or status.open_calls):
            await asyncio.sleep(POLL_S)


async def run_recorder(installation: Installation) -> None:
    """Runs the ingest process of an installation; a database that is away is waited for."""
    logs.configure()
    await Recorder(installation).run()
