"""Messages that the dialplan took when no process of ours answered: what the flow would have left beside them.

The ledger knows no keys and no centres, so this follows it: the number is sealed as everywhere, and a caller who left
it and a message is called back.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ivr.domain.centre import Centre
from ivr.domain.commits import FALLBACK_TAKE
from ivr.domain.records import CallbackRecord, CallRecord
from ivr.engine.ports import Centres, Vault
from ivr.errors import IvrError

log = logging.getLogger(__name__)

CALENDAR = "centre"


@dataclass(frozen=True, slots=True)
class FallbackMessages:
    """`number` opens what the dialplan sealed; `shift` is by how much the business clock is ahead of the machine's."""

    centres: Centres
    vault: Vault
    number: Callable[[str], str | None]
    shift: Callable[[], timedelta]

    def complete(self, record: CallRecord) -> CallRecord:
        """The record with its centre, the caller's number sealed by us and, when the message is kept, a callback. Any
        other record as it is."""
        message = next((each for each in record.messages if each.take == FALLBACK_TAKE), None)
        if message is None:
            return record
        centre = self._find_centre(record.dnis)
        if record.centre is None and centre is not None:
            record = replace(record, centre=centre.id)
        number = None if message.data is None else self.number(message.data)
        if number is None:
            altered = () if message.data is None else ("the number that the dialplan sealed cannot be opened",)
            return replace(record, faults=(*record.faults, *altered))
        sealed = replace(message, data=self.vault.seal(json.dumps({"caller": number}), record.centre or ""))
        record = replace(
            record,
            messages=tuple(sealed if each is message else each for each in record.messages),
            caller=record.caller or self.vault.seal(number, record.centre or ""),
            caller_key=record.caller_key or self.vault.key_of(number),
        )
        if message.state != "kept":
            return record
        return replace(record, callbacks=(*record.callbacks, self._callback(record, message.at, centre, number)))

    def _callback(self, record: CallRecord, at: datetime, centre: Centre | None, number: str) -> CallbackRecord:
        """Due in the next working minute of the centre; at once where there is no such centre or it never opens."""
        asked = at + self.shift()
        return CallbackRecord(
            seq=FALLBACK_TAKE,
            at=at,
            origin="message",
            due=asked if centre is None else centre.calendars[CALENDAR].next_open(asked) or asked,
            number=self.vault.seal(number, record.centre or ""),
            number_key=self.vault.key_of(number),
            language=record.language or (None if centre is None else centre.languages[0]),
            category=record.category,
            data=None,
        )

    def _find_centre(self, dnis: str) -> Centre | None:
        try:
            return self.centres.find_by_number(dnis)
        except IvrError as error:  # the record must go on: called back too early is better than never
            log.warning("the hours of a centre are not known", extra={"reason": str(error)})
            return None
