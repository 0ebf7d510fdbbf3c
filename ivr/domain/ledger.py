"""One call derived from its journal events, purely: the same events, repeated or not, give the same record.

Nothing here fails on what a line says: a note that makes no sense becomes a fault of the record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ivr.domain.channels import Channels
from ivr.domain.commits import join_commits
from ivr.domain.events import NODE_START, JournalEvent, distinct
from ivr.domain.records import CallRecord, MessageRecord, TalkRecord
from ivr.domain.story import Story, text_of

OUTCOMES = (
    "answered",
    "self_served",
    "message_saved",
    "callback_queued",
    "abandoned",
    "blocked",
    "failed",
)
SAID_OUTCOMES = frozenset({"self_served", "blocked", "failed"})
"""What the flow's `end` may claim; the rest is only believed when it is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A recording as found on disk."""

    seconds: float
    sha256: str


Measure = Callable[[str], Measured | None]
"""Relative file name -> what is there; None when there is no file or no sound in it."""


def derive(events: Sequence[JournalEvent], measure: Measure) -> CallRecord:
    """The call that `events` (one call's, in journal order) tell of. Raises ValueError when there are none."""
    own = distinct(events)
    if not own:
        raise ValueError("a call has at least one event")
    call_id = next((event.call for event in own if event.call), "")
    legs = Channels(call_id)
    for event in own:
        legs.feed(event)
    commits, faults = join_commits(own)
    story = Story(faults)
    for commit in commits:
        story.feed(commit)
    ended_at = legs.ended_at
    leg_records, kind = legs.records()
    messages = tuple(_measured(message, ended_at, measure) for message in story.messages.values())
    first = own[0]
    ended_by = next((leg.ended_by for leg in leg_records if leg.id == call_id), None)
    record = CallRecord(
        id=call_id,
        kind=kind,
        dnis=text_of(story.entered, "dnis") or first.exten,
        centre=text_of(story.entered, "centre"),
        version=text_of(story.entered, "version"),
        language=story.language,
        category=story.category,
        caller=text_of(story.entered, "caller"),
        caller_key=text_of(story.entered, "caller_key"),
        queue=story.queue,
        entered_at=first.at,
        business_at=story.business_at,
        queued_at=story.queued_at,
        answered_at=legs.answered_at,
        ended_at=ended_at,
        ended_by=ended_by,
        outcome=None,
        end_reason=text_of(story.ended, "reason"),
        legs=leg_records,
        steps=tuple(story.steps),
        messages=messages,
        callbacks=tuple(story.callbacks),
        talks=tuple(_measured_talk(talk, ended_at, measure) for talk in story.talks.values()),
        agent_events=tuple(story.agent_events),
        faults=tuple(story.faults),
    )
    return replace(record, outcome=_outcome(record, text_of(story.ended, "outcome")))


def is_over(events: Sequence[JournalEvent]) -> bool:
    """Whether these events of one call include its end; cheaper than deriving it."""
    return any(event.type in ("LINKEDID_END", NODE_START) for event in events)


def recordings_of(record: CallRecord) -> tuple[str, ...]:
    """The files (relative to the recordings folder) that a derivation of this call measures."""
    return (
        *(message.file for message in record.messages),
        *(talk.file for talk in record.talks),
    )


def _outcome(record: CallRecord, said: str | None) -> str | None:
    """The one outcome of an ended inbound call, in the order of docs/architecture.md."""
    if record.ended_at is None or record.kind != "inbound":
        return None
    if record.answered_at is not None:
        return "answered"
    if any(message.state == "kept" for message in record.messages):
        return "message_saved"
    if record.callbacks:
        return "callback_queued"
    if said in SAID_OUTCOMES:
        return said
    return "abandoned" if record.ended_by == "caller" else "failed"


def _measured(message: MessageRecord, ended_at: datetime | None, measure: Measure) -> MessageRecord:
    """At the end of the call a take that was not discarded is kept, if there is sound in it."""
    if ended_at is None or message.state == "discarded":
        return message
    found = measure(message.file)
    if found is None or found.seconds <= 0:
        return replace(message, state="empty")
    return replace(message, state="kept", seconds=found.seconds, sha256=found.sha256)


def _measured_talk(talk: TalkRecord, ended_at: datetime | None, measure: Measure) -> TalkRecord:
    found = measure(talk.file) if ended_at is not None else None
    return talk if found is None else replace(talk, seconds=found.seconds, sha256=found.sha256)
