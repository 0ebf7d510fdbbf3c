"""What happens in a message node: takes are recorded, heard again, and kept or not."""

from __future__ import annotations

from ivr.domain import notes
from ivr.domain.actions import Keyed, Recorded
from ivr.domain.flow import Message
from ivr.domain.hearing import message_file
from ivr.domain.run import Run, key_of
from ivr.domain.state import replace

SHORTEST_MESSAGE_S = 0.5
"""Less is a key click, not a question."""


def begin_take(run: Run, node: Message) -> None:
    """The caller comes to the tone, for the first time or again."""
    run.state = replace(run.state, phase="", take=run.state.take + 1)
    _message(run, node, "recording")


def recorded(run: Run, node: Message, event: Recorded) -> None:
    """The recording ended; silence is no message."""
    if event.seconds >= SHORTEST_MESSAGE_S:
        run.happened("done", to=run.state.node)
        run.move("review")
        return
    _message(run, node, "discarded")
    if run.retry(node.retry, "no_input", node.retry.on_silence):
        begin_take(run, node)
    else:
        run.happened("no_input", to=node.retry.on_failure)
        run.go(node.retry.on_failure)


def reviewed(run: Run, node: Message, event: Keyed) -> None:
    """A key after the caller heard the take again."""
    key = key_of(event)
    if key == node.again_key:
        run.happened("match", got=key, to=run.state.node)
        _message(run, node, "discarded")
        run.move("")
        begin_take(run, node)
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


def _keep(run: Run, node: Message, result: str, key: str) -> None:
    _message(run, node, "kept")
    run.happened(result, got=key or None, to=node.next)
    run.go(node.next)


def _message(run: Run, node: Message, state: str) -> None:
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
