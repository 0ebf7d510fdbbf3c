"""What the flow told the journal about one call, gathered from its notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ivr.domain.commits import Commit
from ivr.domain.records import (
    AgentRecord,
    CallbackRecord,
    MessageRecord,
    StepRecord,
    SurveyRecord,
    TalkRecord,
)


class Story:
    """The notes of one call, gathered."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.dnis: str | None = None
        self.centre: str | None = None
        self.version: str | None = None
        self.caller: str | None = None
        self.caller_key: str | None = None
        self.end_outcome: str | None = None
        self.end_reason: str | None = None
        self.business_at: datetime | None = None
        self.language: str | None = None
        self.category: str | None = None
        self.queue: str | None = None
        self.queued_at: datetime | None = None
        self.steps: list[StepRecord] = []
        self.messages: dict[int, MessageRecord] = {}
        self.callbacks: list[CallbackRecord] = []
        self.talks: dict[str, TalkRecord] = {}
        self.agent_events: list[AgentRecord] = []
        self.surveys: list[SurveyRecord] = []
        """Without their agents, whom only the legs know."""
        self.faults = list(faults)

    def feed(self, commit: Commit) -> None:
        for idx, note in enumerate(commit.notes):
            try:
                self._note(commit, idx, note)
            except ValueError as error:
                self.faults.append(f"commit {commit.number}, note {idx}: {error}")

    def _note(self, commit: Commit, idx: int, note: Mapping[str, Any]) -> None:
        self.language = text_of(note, "language") or self.language
        self.category = text_of(note, "category") or self.category
        match note.get("k"):
            case "enter":
                self._enter(note)
            case "unanswered":  # by the dialplan, perhaps after an `enter` of ours
                self.centre, self.dnis = self.centre or text_of(note, "centre"), self.dnis or text_of(note, "dnis")
            case "step":
                self.steps.append(_step(commit, idx, note))
            case "resume":
                self.steps.append(_step(commit, idx, {**note, "kind": "resume"}))
            case "message":
                self._message(commit.at, note)
            case "callback":
                self.callbacks.append(_callback(len(self.callbacks), commit.at, note))
            case "queue":
                self._queued(commit.at, note)
            case "survey":
                self.surveys.append(_survey(commit, idx, note, self.queue))
            case "end":
                self.end_outcome, self.end_reason = text_of(note, "outcome"), text_of(note, "reason")
            case "agent":
                self.agent_events.append(_agent(commit, idx, note))
            case _:
                raise ValueError("unknown kind of note")

    def _enter(self, note: Mapping[str, Any]) -> None:
        self.dnis, self.centre = text_of(note, "dnis"), text_of(note, "centre")
        self.version = text_of(note, "version")
        self.caller, self.caller_key = text_of(note, "caller"), text_of(note, "caller_key")
        self.business_at = _instant(note, "at")

    def _message(self, at: datetime, note: Mapping[str, Any]) -> None:
        take = _int(note, "take")
        earlier = self.messages.get(take)
        state = _required(note, "state")
        if state not in ("recording", "kept", "discarded"):
            raise ValueError("unknown state of a message")
        self.messages[take] = MessageRecord(
            take=take,
            file=_required(note, "file"),
            at=earlier.at if earlier else at,
            state=state,
            seconds=None,
            sha256=None,
            language=text_of(note, "language"),
            category=text_of(note, "category"),
            data=text_of(note, "data") or (earlier.data if earlier else None),
        )

    def _queued(self, at: datetime, note: Mapping[str, Any]) -> None:
        self.queue = _required(note, "queue")
        self.queued_at = self.queued_at or at
        if file := text_of(note, "talk_file"):
            self.talks.setdefault(file, TalkRecord(file=file, at=at, seconds=None, sha256=None))


def _step(commit: Commit, idx: int, note: Mapping[str, Any]) -> StepRecord:
    return StepRecord(
        seq=commit.number,
        idx=idx,
        at=commit.at,
        node=_required(note, "node"),
        kind=_required(note, "kind"),
        phase=text_of(note, "phase"),
        heard=tuple(_texts(note, "heard")),
        result=text_of(note, "result"),
        got=text_of(note, "got"),
        to=text_of(note, "to"),
        language=text_of(note, "language"),
        category=text_of(note, "category"),
    )


def _callback(seq: int, at: datetime, note: Mapping[str, Any]) -> CallbackRecord:
    due = _instant(note, "due")
    if due is None:
        raise ValueError("`due` is missing")
    return CallbackRecord(
        seq=seq,
        at=at,
        origin=_required(note, "origin"),
        due=due,
        number=_required(note, "number"),
        number_key=_required(note, "number_key"),
        language=text_of(note, "language"),
        category=text_of(note, "category"),
        data=text_of(note, "data"),
    )


def _survey(commit: Commit, idx: int, note: Mapping[str, Any], queue: str | None) -> SurveyRecord:
    metric = _required(note, "metric")
    lowest, highest, score = (_int(note, name) for name in ("lowest", "highest", "score"))
    if metric not in ("csat", "nps") or not lowest <= score <= highest <= 100:
        raise ValueError("a score that is not on its scale")
    return SurveyRecord(
        seq=commit.number,
        idx=idx,
        at=commit.at,
        node=_required(note, "node"),
        metric=metric,
        lowest=lowest,
        highest=highest,
        score=score,
        of_agent=text_of(note, "of") == "agent",
        agent=None,
        queue=queue,
        language=text_of(note, "language"),
        category=text_of(note, "category"),
    )


def _agent(commit: Commit, idx: int, note: Mapping[str, Any]) -> AgentRecord:
    return AgentRecord(
        seq=commit.number,
        idx=idx,
        at=commit.at,
        agent=_required(note, "agent"),
        action=_required(note, "action"),
        queues=tuple(_texts(note, "queues")),
    )


def text_of(note: Mapping[str, Any], name: str) -> str | None:
    """A field as text, None when it is null or missing. Raises ValueError for anything that is no text."""
    value = note.get(name)
    if value is None:
        return None
    if not isinstance(value, str | int | float):
        raise ValueError(f"`{name}` is not text")  # noqa: TRY004 - one kind of error for any bad note
    return str(value)


def _required(note: Mapping[str, Any], name: str) -> str:
    if not (value := text_of(note, name)):
        raise ValueError(f"`{name}` is missing")
    return value


def _texts(note: Mapping[str, Any], name: str) -> Iterator[str]:
    values = note.get(name) or ()
    if not isinstance(values, list | tuple):
        raise ValueError(f"`{name}` is not a list")  # noqa: TRY004 - as above
    return (str(value) for value in values)


def _int(note: Mapping[str, Any], name: str) -> int:
    value = note.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1_000_000:
        raise ValueError(f"`{name}` is not a small whole number")
    return value


def _instant(note: Mapping[str, Any], name: str) -> datetime | None:
    if (text := text_of(note, name)) is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{name}` is not an ISO 8601 instant") from None
    if instant.tzinfo is None:
        raise ValueError(f"`{name}` has no time zone")
    if not 1900 < instant.year < 2300:  # at the ends of the calendar an instant has no UTC, and no database takes it
        raise ValueError(f"`{name}` is no time of ours")
    return instant
