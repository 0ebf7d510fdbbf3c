"""Records as rows for the blocks of queries/ingest.sql, and only those that differ from what is already written."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any, TypeVar

from ivr.domain.events import JournalEvent
from ivr.domain.records import CallRecord
from ivr.engine.ingest import Change

Row = tuple[Any, ...]
T = TypeVar("T", bound=Hashable)


def of_event(event: JournalEvent) -> Row:
    return (
        event.type,
        event.user_type,
        event.at,
        event.channel,
        event.unique_id,
        event.call,
        event.exten,
        event.context,
        event.app,
        event.peer,
        event.extra_text,
    )


def of_call(call: CallRecord, node: str, day: date) -> Row:
    """`day`: on which day of its centre the call entered."""
    return (
        call.id,
        node,
        call.kind,
        call.dnis,
        call.centre,
        call.version,
        call.language,
        call.category,
        call.caller,
        call.caller_key,
        call.queue,
        call.entered_at,
        call.business_at,
        call.queued_at,
        call.answered_at,
        call.ended_at,
        call.ended_by,
        call.outcome,
        call.end_reason,
        list(call.faults),
        day,
    )


def leaves_stale_rows(change: Change) -> bool:
    """Whether the record may hold rows of this call that are no longer true."""
    return change.written is None or not _keys(change.written) <= _keys(change.record)


def legs(changes: Sequence[Change]) -> Iterator[Row]:
    for call, leg in _new(changes, lambda record: record.legs):
        yield (
            call,
            leg.id,
            leg.kind,
            leg.agent,
            leg.state.value,
            leg.created_at,
            leg.ringing_at,
            leg.answered_at,
            leg.ended_at,
            leg.hangup_cause,
            leg.ended_by,
            leg.talk_s,
        )


def steps(changes: Sequence[Change]) -> Iterator[Row]:
    for call, step in _new(changes, lambda record: record.steps):
        yield (
            call,
            step.seq,
            step.idx,
            step.at,
            step.node,
            step.kind,
            step.phase,
            " ".join(step.heard),
            step.result,
            step.got,
            step.to,
            step.language,
            step.category,
        )


def messages(changes: Sequence[Change]) -> Iterator[Row]:
    for call, message in _new(changes, lambda record: record.messages):
        yield (
            call,
            message.take,
            message.file,
            message.at,
            message.state,
            message.seconds,
            message.sha256,
            message.language,
            message.category,
            message.data,
        )


def talks(changes: Sequence[Change]) -> Iterator[Row]:
    for call, talk in _new(changes, lambda record: record.talks):
        yield (call, talk.file, talk.at, talk.seconds, talk.sha256)


def agent_events(changes: Sequence[Change]) -> Iterator[Row]:
    for call, event in _new(changes, lambda record: record.agent_events):
        yield (call, event.seq, event.idx, event.at, event.agent, event.action, " ".join(event.queues))


def surveys(changes: Sequence[Change]) -> Iterator[Row]:
    for call, survey in _new(changes, lambda record: record.surveys):
        yield (
            call,
            survey.seq,
            survey.idx,
            survey.at,
            survey.node,
            survey.metric,
            survey.lowest,
            survey.highest,
            survey.score,
            survey.of_agent,
            survey.agent,
            survey.queue,
            survey.language,
            survey.category,
        )


def callbacks(changes: Sequence[Change]) -> Iterator[Row]:
    """Requests of calls that are over: nobody is called back while still on the line."""
    for change in changes:
        call = change.record
        if call.ended_at is None:
            continue
        for request in call.callbacks:
            yield (
                f"{call.id}-{request.seq}",
                call.id,
                call.centre or "",
                request.category,
                request.language,
                request.origin,
                request.number,
                request.number_key,
                request.data,
                request.at,
                request.due,
            )


def _new(changes: Sequence[Change], part: Callable[[CallRecord], Iterable[T]]) -> Iterator[tuple[str, T]]:
    for change in changes:
        known = set(part(change.written)) if change.written is not None else set()
        for one in part(change.record):
            if one not in known:
                yield change.record.id, one


def _keys(call: CallRecord) -> set[tuple[Hashable, ...]]:
    return {
        *(("leg", leg.id) for leg in call.legs),
        *(("step", step.seq, step.idx) for step in call.steps),
        *(("message", message.take) for message in call.messages),
        *(("talk", talk.file) for talk in call.talks),
        *(("agent", event.seq, event.idx) for event in call.agent_events),
        *(("survey", survey.seq, survey.idx) for survey in call.surveys),
    }
