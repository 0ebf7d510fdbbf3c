"""What happens to a call: `advance(centre, state, event, at)` gives the next state and what the journal must know.

Pure: no clock, no I/O, no randomness. Nodes that need nothing from the caller (hours, choose, callback, interruptible
play) are passed through at once, so every state that comes out of here waits for exactly one event.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ivr.domain import notes
from ivr.domain.actions import CallerHungUp, Event, Heard, Keyed, QueueLeft, Recorded
from ivr.domain.centre import Centre
from ivr.domain.flow import (
    Callback,
    Choice,
    Choose,
    Collect,
    End,
    Enqueue,
    Hours,
    Menu,
    Message,
    Node,
    NodeId,
    Play,
    Prompts,
    Retry,
)
from ivr.domain.hearing import labels, message_file, spoken, talk_file
from ivr.domain.notes import Note
from ivr.domain.state import CallState
from ivr.domain.values import Personal, Value, text_of

PASS_LIMIT = 100
"""Nodes passed without the caller doing anything; more is a loop that the dialplan check missed."""
SHORTEST_MESSAGE_S = 0.5
"""Less is a key click, not a question."""
ACCEPT, AGAIN = "1", "2"
"""Keys of a read-back."""

_NO_AGENTS = {"JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL", "FULL"}
_SERVED = {"CONTINUE", "DONE", "COMPLETEAGENT"}


@dataclass(frozen=True, slots=True)
class Step:
    """Where the call stands now, and the notes of how it came there."""

    state: CallState
    notes: tuple[Note, ...]


def start(centre: Centre, *, call: str, dnis: str, caller: Personal | None, at: datetime) -> Step:
    """A call enters the centre. `at` is the business clock, aware."""
    language = centre.languages[0]
    state = CallState(
        call=call,
        centre=centre.id,
        version=centre.version,
        dnis=dnis,
        started=at.isoformat(),
        language=language,
        node=centre.flow.start,
        variables={"caller": caller} if caller else {},
    )
    entered = notes.enter(
        centre=centre.id, version=centre.version, dnis=dnis, at=state.started, language=language, caller=caller
    )
    run = _Run(centre, state, at)
    run.note(entered)
    run.go(centre.flow.start)
    return run.step()


def advance(centre: Centre, state: CallState, event: Event, at: datetime) -> Step:
    """What `event`, the answer to `action(centre, state)`, does to the call."""
    run = _Run(centre, state, at)
    if isinstance(event, CallerHungUp):
        run.hung_up()
    elif state.breaking_off is not None:
        run.leave("failed", state.breaking_off)
    else:
        node = centre.flow.node(state.node)
        # Whoever has heard the goodbye is done, however long it took.
        if _is_over_limit(centre, state, at) and not isinstance(node, End):
            run.break_off("limit")
        else:
            _answer(run, node, event)
    return run.step()


def break_off(centre: Centre, state: CallState, reason: str, at: datetime) -> Step:
    """A fault of ours: the caller hears the apology and the call ends as failed."""
    run = _Run(centre, state, at)
    run.break_off(reason)
    return run.step()


def _is_over_limit(centre: Centre, state: CallState, at: datetime) -> bool:
    lasted = at - datetime.fromisoformat(state.started)
    return state.commits >= centre.limits.steps or lasted >= timedelta(minutes=centre.limits.minutes)


class _Run:
    """One step under construction: the state and the notes so far. Lives only inside a function of this module."""

    def __init__(self, centre: Centre, state: CallState, at: datetime) -> None:
        self.centre = centre
        self.before = state
        self.state = state
        self.at = at
        self._notes: list[Note] = []
        self._heard: tuple[str, ...] = ()
        if state.node and not state.ended and state.commits:
            self._heard = labels(state, spoken(centre, state))

    def step(self) -> Step:
        return Step(replace(self.state, commits=self.before.commits + 1), tuple(self._notes))

    def note(self, note: Note) -> None:
        self._notes.append(note)

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

    def go(self, target: NodeId, lead: Prompts = ()) -> None:
        """Moves on to `target` and through every node that needs nothing from the caller."""
        self.state = replace(self.state, node=target, phase="", tries=0, lead=lead)
        for _ in range(PASS_LIMIT):
            node = self.centre.flow.node(self.state.node)
            following = _pass_through(self, node)
            if following is None:
                _arrive(self, node)
                return
            self.state = replace(self.state, node=following, phase="", tries=0)
        self.break_off("loop")

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


def _pass_through(run: _Run, node: Node) -> NodeId | None:
    """What to do in a node that does not wait for the caller, and where it leads; None for one that waits."""
    match node:
        case Play(interruptible=True):
            run.happened("done", to=node.next)
            run.state = replace(run.state, lead=run.state.lead + node.prompts)
            return node.next
        case Hours():
            return _look_at_the_clock(run, node)
        case Choose():
            case = _case(run.state, node.on)
            # Only what the author wrote goes to the journal: the value itself may be personal.
            taken = case if case in node.cases else "otherwise"
            to = node.cases.get(case, node.otherwise)
            run.happened(taken, to=to)
            return to
        case Callback():
            return _ask_for_callback(run, node)
        case _:
            return None


def _arrive(run: _Run, node: Node) -> None:
    """What the journal must know before the caller is in a node that waits."""
    match node:
        case Message():
            _begin_take(run, node)
        case Enqueue():
            queue = run.centre.queues[node.queue]
            # The file is named by the commit after this one if the lead is spoken first: see _answer for Heard.
            if not run.state.lead:
                _announce_queue(run, queue.name)


def _announce_queue(run: _Run, queue_name: str) -> None:
    queue = run.centre.queues[queue_name]
    file = talk_file(replace(run.state, commits=run.before.commits + 1)) if queue.record_talk else None
    run.note(notes.queue(queue=queue.name, talk_file=file))


def _answer(run: _Run, node: Node, event: Event) -> None:
    match node, event:
        case Play(), Heard():
            run.happened("done", to=node.next)
            run.go(node.next)
        case Menu(), Keyed():
            _chose(run, node, event)
        case Collect(), Keyed():
            if run.state.phase == "confirm":
                _confirmed(run, node, event)
            else:
                _collected(run, node, event)
        case Message(), Recorded():
            _recorded(run, node, event)
        case Message(), Keyed():
            _reviewed(run, node, event)
        case Enqueue(), QueueLeft():
            _left_queue(run, node, event)
        case Enqueue(), Heard():
            run.happened("done", to=run.state.node)
            run.state = replace(run.state, lead=())
            _announce_queue(run, node.queue)
        case End(), Heard():
            run.happened("done", to=None)
            run.leave(node.outcome or "self_served", "finished")
        case _:
            # An answer to another question: a stale event after a resume. Ask again.
            run.happened("again", to=run.state.node)


def _key(event: Keyed) -> str:
    return event.digits or ("#" if event.terminated else "")


def _chose(run: _Run, menu: Menu, event: Keyed) -> None:
    key = _key(event)
    choice = menu.choices.get(key)
    if choice is None:
        _failed(run, menu.retry, key)
        return
    run.happened("match", got=key, to=choice.next)
    _apply(run, choice)
    run.go(choice.next)


def _apply(run: _Run, choice: Choice) -> None:
    state = run.state
    run.state = replace(state, language=choice.language or state.language, category=choice.category or state.category)
    for name, value in choice.assign.items():
        if not value.startswith("$"):
            run.state = run.state.with_variable(name, value)
        elif (found := run.state.variables.get(value[1:])) is not None:
            run.state = run.state.with_variable(name, found)


def _failed(run: _Run, rule: Retry, key: str, *, got: Value | None = None) -> None:
    """A wrong key or silence in a node whose last failure leads to `on_failure`."""
    result, lead = ("no_match", rule.on_invalid) if key else ("no_input", rule.on_silence)
    shown = got if got is not None else key or None
    if not run.retry(rule, result, lead, got=shown):
        run.happened(result, got=shown, to=rule.on_failure)
        run.go(rule.on_failure)


def _collected(run: _Run, node: Collect, event: Keyed) -> None:
    digits = event.digits
    got: Value = Personal(digits) if node.personal else digits
    if not _is_right(run, node, digits):
        _failed(run, node.retry, digits, got=got if digits else None)
        return
    following = run.state.node if node.read_back else node.next
    run.happened("match", got=got, to=following)
    run.state = run.state.with_variable(node.into, got)
    if node.read_back:
        run.move("confirm")
    else:
        run.go(node.next)


def _is_right(run: _Run, node: Collect, digits: str) -> bool:
    if not digits.isdecimal() or not max(1, node.min_digits) <= len(digits) <= node.max_digits:
        return False
    return node.check is None or run.centre.checks[node.check](digits, run.at)


def _confirmed(run: _Run, node: Collect, event: Keyed) -> None:
    key = _key(event)
    if key == ACCEPT:
        run.happened("match", got=key, to=node.next)
        run.go(node.next)
    elif key == AGAIN:
        run.happened("match", got=key, to=run.state.node)
        run.move("")
    else:
        _failed(run, node.retry, key)


def _begin_take(run: _Run, node: Message) -> None:
    run.state = replace(run.state, phase="", take=run.state.take + 1)
    _message(run, node, "recording")


def _message(run: _Run, node: Message, state: str) -> None:
    data = {name: run.state.variables[name] for name in node.data if name in run.state.variables}
    run.note(
        notes.message(
            take=run.state.take,
            file=message_file(run.state, run.state.take),
            state=state,
            language=run.state.language,
            category=run.state.category,
            data=data,
        )
    )


def _recorded(run: _Run, node: Message, event: Recorded) -> None:
    if event.seconds >= SHORTEST_MESSAGE_S:
        run.happened("done", to=run.state.node)
        run.move("review")
        return
    _message(run, node, "discarded")
    if run.retry(node.retry, "no_input", node.retry.on_silence):
        _begin_take(run, node)
    else:
        run.happened("no_input", to=node.retry.on_failure)
        run.go(node.retry.on_failure)


def _reviewed(run: _Run, node: Message, event: Keyed) -> None:
    key = _key(event)
    if key == node.again_key:
        run.happened("match", got=key, to=run.state.node)
        _message(run, node, "discarded")
        run.move("")
        _begin_take(run, node)
    elif key == node.cancel_key:
        _message(run, node, "discarded")
        run.happened("match", got=key, to=node.cancelled)
        run.go(node.cancelled)
    elif key == node.keep_key:
        _keep(run, node, "match", key)
    else:
        result, lead = ("no_match", node.retry.on_invalid) if key else ("no_input", node.retry.on_silence)
        if not run.retry(node.retry, result, lead, got=key or None):
            _keep(run, node, result, key)  # what was said is never lost for want of a key


def _keep(run: _Run, node: Message, result: str, key: str) -> None:
    _message(run, node, "kept")
    run.happened(result, got=key or None, to=node.next)
    run.go(node.next)


def _left_queue(run: _Run, node: Enqueue, event: QueueLeft) -> None:
    if event.how == "KEY" and event.key in node.keys:
        target, result = node.keys[event.key], "key"
    elif event.how in _NO_AGENTS:
        target, result = node.no_agents, "no_agents"
    elif event.how in _SERVED and node.after is not None:
        target, result = node.after, "served"
    elif event.how in _SERVED:
        run.happened("served", to=None)
        run.leave(None, "served")
        return
    else:
        target, result = node.timeout, "timeout"
    run.happened(result, got=event.key or None, to=target)
    run.go(target)


def _look_at_the_clock(run: _Run, node: Hours) -> NodeId:
    calendar = run.centre.calendars[node.calendar]
    verdict = calendar.verdict(run.at)
    to = node.open if verdict.is_open else node.closed
    run.happened(verdict.reason if verdict.is_open else f"closed:{verdict.reason}", to=to)
    if not verdict.is_open and (opens := calendar.next_open(run.at)) is not None:
        run.state = run.state.with_variable("opens_at", opens.isoformat())
    return to


def _ask_for_callback(run: _Run, node: Callback) -> NodeId:
    number = run.state.variables.get(node.number)
    if number is None:
        run.happened("no_number", to=node.next)
        return node.next
    due = (run.centre.calendars[node.calendar].next_open(run.at) or run.at).isoformat()
    run.happened("done", to=node.next)
    run.note(
        notes.callback(
            origin="message" if run.state.take else "queue",
            due=due,
            number=Personal(text_of(number)),
            language=run.state.language,
            category=run.state.category,
            data={name: run.state.variables[name] for name in node.data if name in run.state.variables},
        )
    )
    run.state = run.state.with_variable("callback_due", due)
    return node.next


def _case(state: CallState, on: str) -> str:
    """The value that a Choose looks at."""
    match on:
        case "language":
            return state.language
        case "category":
            return state.category or ""
        case "caller":
            return "known" if "caller" in state.variables else "unknown"
        case _:
            value = state.variables.get(on)
            return "" if value is None else text_of(value)
