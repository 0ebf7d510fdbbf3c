"""One step under construction: the state and the notes so far. Lives only while `step.advance` runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ivr.domain import notes
from ivr.domain.actions import Keyed
from ivr.domain.centre import Centre
from ivr.domain.flow import End, NodeId, Prompts, Retry
from ivr.domain.hearing import labels, spoken, talk_file
from ivr.domain.notes import Note
from ivr.domain.state import CallState, replace
from ivr.domain.values import Value


class Run:
    """What the nodes' modules work on. `before` is the state that the step began with."""

    def __init__(self, centre: Centre, state: CallState, at: datetime) -> None:
        self.centre = centre
        self.before = state
        self.state = state
        self.at = at
        self.notes: list[Note] = []
        self.arriving = False
        """True from `go` until `step` has taken the caller to a node that waits."""
        self._heard: tuple[str, ...] = ()
        if state.node and not state.ended and state.commits:
            self._heard = labels(state, spoken(centre, state))

    def note(self, note: Note) -> None:
        self.notes.append(note)

    def happened(self, result: str, *, got: Value | None = None, to: NodeId | None) -> None:
        """Journals the step made in the present node; what was heard is told once, with the first of a commit."""
        self.note(
            notes.step(
                node=self.state.node,
                kind=type(self.centre.flow.node(self.state.node)).__name__.lower(),
                phase=self.state.phase,
                heard=self._heard,
                result=result,
                got=got,
                to=to,
                language=self.state.language,
                category=self.state.category,
            )
        )
        self._heard = ()

    def go(self, target: NodeId) -> None:
        """On to `target`; nodes that need nothing from the caller are passed through afterwards."""
        self.state = replace(self.state, node=target, phase="", tries=0, lead=())
        self.arriving = True

    def move(self, phase: str) -> None:
        """Another part of the same node."""
        self.state = replace(self.state, phase=phase, tries=0, lead=())

    def retry(self, rule: Retry, result: str, lead: Prompts, *, got: Value | None = None) -> bool:
        """Counts a failed attempt; False when it was the last one (the caller of this decides where to go)."""
        if self.state.tries + 1 >= rule.tries:
            return False
        self.happened(result, got=got, to=self.state.node)
        self.state = replace(self.state, tries=self.state.tries + 1, lead=lead)
        return True

    def failed(self, rule: Retry, key: str, *, got: Value | None = None) -> None:
        """A wrong key or silence in a node whose last failure leads to `on_failure`."""
        result, lead = ("no_match", rule.on_invalid) if key else ("no_input", rule.on_silence)
        shown = got if got is not None else key or None
        if not self.retry(rule, result, lead, got=shown):
            self.happened(result, got=shown, to=rule.on_failure)
            self.go(rule.on_failure)

    def set_values(self, assign: Mapping[str, str], *, category: str | None, language: str | None) -> None:
        """What a choice or a `set` says: values, `$name` for a copy of another variable."""
        if language or category:
            self.state = replace(
                self.state, language=language or self.state.language, category=category or self.state.category
            )
        for name, value in assign.items():
            if not value.startswith("$"):
                self.state = self.state.with_variable(name, value)
            elif (found := self.state.find_value(value[1:])) is not None:
                self.state = self.state.with_variable(name, found)

    def announce_queue(self, name: str) -> None:
        """The caller is handed to the queue with the next action."""
        queue = self.centre.queues[name]
        # The action is taken in the state after this commit, and names its file by that.
        file = talk_file(replace(self.state, commits=self.before.commits + 1)) if queue.record_talk else None
        self.note(notes.queue(queue=queue.name, talk_file=file))

    def leave(self, outcome: str | None, reason: str) -> None:
        self.note(notes.end(outcome=outcome, reason=reason))
        self.state = replace(self.state, ended=True)

    def break_off(self, reason: str) -> None:
        self.happened(reason, to=None)
        self.state = replace(self.state, breaking_off=reason, lead=())

    def hung_up(self) -> None:
        """A hang-up in a closing prompt is a finished call; anywhere else the caller left before the end."""
        node = self.centre.flow.node(self.state.node)
        if self.state.breaking_off is not None:
            self.leave("failed", self.state.breaking_off)
            return
        self.happened("hung_up", to=None)
        if isinstance(node, End):
            self.leave(node.outcome or "self_served", "finished")
        else:
            self.leave(None, "hung_up")


def key_of(event: Keyed) -> str:
    """The one key that was pressed, a bare # included; empty for silence."""
    return event.digits or ("#" if event.terminated else "")
