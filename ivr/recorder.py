"""The ingest process: follows the journal into the record. No caller waits for it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from ivr import log as logs
from ivr.adapters.db.journal import JournalStore
from ivr.adapters.journal.lines import decode_extra
from ivr.adapters.journal.recordings import RecordingsFolder
from ivr.adapters.journal.tail import JournalTail
from ivr.adapters.runtime.workers import INGEST
from ivr.bootstrap import Installation
from ivr.engine.ingest import Ingest
from ivr.worker import answering, stop_signal

log = logging.getLogger(__name__)

LAG_ALARM_S = 30.0
"""Ingest that is this far behind is told as a problem."""
POLL_S = 0.05


class Recorder:
    """The parts of the process, wired."""

    def __init__(self, installation: Installation) -> None:
        settings, layout = installation.settings, installation.layout
        self._layout = layout
        self._ingest = Ingest(
            reader=JournalTail(layout.journal),
            record=JournalStore(
                installation.dsn, node=settings.node, decode_extra=decode_extra, day_of=installation.day_of
            ),
            measure=RecordingsFolder(layout.recordings).measure,
            complete=installation.fallback_messages.complete,
        )

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; then what the journal still holds is written."""
        stop = stop_signal()
        async with asyncio.TaskGroup() as parts:
            ingest = parts.create_task(self._ingest.run())
            async with answering(INGEST, self._layout, self.figures):
                log.info("ingest ready")
                await stop.wait()
                await self._finish()
            ingest.cancel()

    def figures(self) -> Mapping[str, Any]:
        """Without personal data, for /status."""
        ingest = self._ingest.status()
        problems = []
        if ingest.last_error is not None:
            problems.append(f"the record is not being written: {ingest.last_error}")
        if ingest.lag_s > LAG_ALARM_S:
            problems.append(f"the record is {ingest.lag_s:.0f} s ({ingest.lag_bytes} bytes) behind the journal")
        if ingest.torn:
            problems.append(f"{ingest.torn} journal lines could not be read: they are kept in ivr.torn")
        return {"ingest": dataclasses.asdict(ingest), "problems": problems}

    async def _finish(self) -> None:
        """Waits for ingest to have read what is there, as far as the record takes it."""
        while (status := self._ingest.status()).last_error is None and (status.lag_bytes or status.open_calls):
            await asyncio.sleep(POLL_S)


async def run_recorder(installation: Installation) -> None:
    """Runs the ingest process of an installation; a database that is away is waited for."""
    logs.configure()
    await Recorder(installation).run()
