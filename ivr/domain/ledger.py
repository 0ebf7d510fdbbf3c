"""One call derived from its journal events, purely: the same events, repeated or not, give the same record.

Nothing here fails on what a line says: a note that makes no sense becomes a fault of the record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ivr.domain.channels import Channels
from ivr.domain.commits import join_commits
from ivr.domain.events import NODE_START, JournalEvent, distinct
from ivr.domain.records import CallRecord, LegRecord, MessageRecord, SurveyRecord, TalkRecord
from ivr.domain.steady import steady
from ivr.domain.story import Story

OUTCOMES = (
    "answered",
    "self_served",
    "message_saved",
    "callback_queued",
    "abandoned",
    "blocked",
    "failed",
)
SAID_OUTCOMES = ("self_served", "blocked", "failed")
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
    return settle(draft(events), measure)


def draft(events: Sequence[JournalEvent]) -> CallRecord:
    """The call without a look at its recordings: no message is kept yet. Raises ValueError when there are no events."""
    own, steps_back = steady(distinct(events))
    if not own:
        raise ValueError("a call has at least one event")
    call_id = next((event.call for event in own if event.call), "")
    channels = Channels(call_id)
    for event in own:
        channels.feed(event)
    commits, faults = join_commits(own)
    story = Story((*steps_back, *faults))
    for commit in commits:
        story.feed(commit)
    legs, kind = channels.records()
    first = own[0]
    ended_by = next((leg.ended_by for leg in legs if leg.id == call_id), None)
    is_owed = kind == "inbound" and channels.ended_at is not None
    return CallRecord(
        id=call_id,
        kind=kind,
        dnis=story.dnis or first.exten,
        centre=story.centre,
        version=story.version,
        language=story.language,
        category=story.category,
        caller=story.caller,
        caller_key=story.caller_key,
        queue=story.queue,
        entered_at=first.at,
        business_at=story.business_at,
        queued_at=story.queued_at,
        answered_at=channels.answered_at,
        ended_at=channels.ended_at,
        ended_by=ended_by,
        outcome=_outcome(channels, story, ended_by) if is_owed else None,
        end_reason=story.end_reason,
        legs=legs,
        steps=tuple(story.steps),
        messages=tuple(story.messages.values()),
        callbacks=tuple(story.callbacks),
        talks=tuple(story.talks.values()),
        agent_events=tuple(story.agent_events),
        surveys=tuple(_of_agent(survey, legs) for survey in story.surveys),
        faults=tuple(story.faults),
    )


def settle(record: CallRecord, measure: Measure) -> CallRecord:
    """An ended call with its recordings as they are on disk; a live one as it is.

    Raises whatever `measure` does.
    """
    if record.ended_at is None or not recordings_of(record):
        return record
    messages = tuple(_measured(message, measure) for message in record.messages)
    outcome = record.outcome
    if outcome not in (None, "answered") and any(message.state == "kept" for message in messages):
        outcome = "message_saved"
    talks = tuple(_measured_talk(talk, measure) for talk in record.talks)
    return replace(record, messages=messages, talks=talks, outcome=outcome)


def live(record: CallRecord) -> CallRecord:
    """An ended call as if it went on: what the record says until its recordings can be measured."""
    return replace(record, ended_at=None, outcome=None)


def is_over(events: Sequence[JournalEvent]) -> bool:
    """Whether these events of one call include its end; cheaper than deriving it."""
    return any(event.type in ("LINKEDID_END", NODE_START) for event in events)


def recordings_of(record: CallRecord) -> tuple[str, ...]:
    """The files (relative to the recordings folder) that `settle` will measure."""
    return (
        *(message.file for message in record.messages),
        *(talk.file for talk in record.talks),
    )


def _outcome(channels: Channels, story: Story, ended_by: str | None) -> str:
    """The one outcome of an ended inbound call, in the order of docs/architecture.md, as if no message was kept."""
    if channels.answered_at is not None:
        return "answered"
    if story.callbacks:
        return "callback_queued"
    if story.end_outcome in SAID_OUTCOMES:
        return story.end_outcome
    return "abandoned" if ended_by == "caller" else "failed"


def _of_agent(survey: SurveyRecord, legs: Sequence[LegRecord]) -> SurveyRecord:
    """The score with whoever talked to the caller last before it."""
    talked = [
        (leg.answered_at, leg.agent)
        for leg in legs
        if leg.agent is not None and leg.talk_s > 0 and leg.answered_at is not None and leg.answered_at <= survey.at
    ]
    return replace(survey, agent=max(talked)[1]) if talked else survey


def _measured(message: MessageRecord, measure: Measure) -> MessageRecord:
    """A take that was not discarded is kept, if there is sound in it."""
    if message.state == "discarded":
        return message
    found = measure(message.file)
    if found is None or found.seconds <= 0:
        return replace(message, state="empty")
    return replace(message, state="kept", seconds=found.seconds, sha256=found.sha256)


def _measured_talk(talk: TalkRecord, measure: Measure) -> TalkRecord:
    found = measure(talk.file)
    return talk if found is None else replace(talk, seconds=found.seconds, sha256=found.sha256)
