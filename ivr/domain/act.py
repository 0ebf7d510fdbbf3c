"""The one thing to do in a state. A pure function, so another process that has the state does the same thing."""

from __future__ import annotations

from ivr.domain.actions import Action, Ask, Leave, Record, Speak, Wait
from ivr.domain.centre import Centre
from ivr.domain.flow import Collect, End, Enqueue, Menu, Message, Play
from ivr.domain.hearing import message_file, sounds, spoken, talk_file
from ivr.domain.state import CallState


def action(centre: Centre, state: CallState) -> Action:
    """What to do next. Raises KeyError for a node that the centre does not have (another version)."""
    audible = sounds(state, spoken(centre, state))
    if state.breaking_off is not None:
        return Leave(sounds=audible)
    node = centre.flow.node(state.node)
    match node:
        case Play():
            return Speak(sounds=audible, interruptible=node.interruptible)
        case Menu():
            return Ask(sounds=audible, max_digits=1, wait_s=node.retry.wait_s)
        case Collect():
            digits = 1 if state.phase == "confirm" else node.max_digits
            return Ask(sounds=audible, max_digits=digits, wait_s=node.retry.wait_s)
        case Message() if state.phase == "review":
            return Ask(sounds=audible, max_digits=1, wait_s=node.retry.wait_s)
        case Message():
            return Record(
                sounds=audible,
                language=state.language,
                file=message_file(state, state.take),
                max_s=node.max_s,
                silence_s=node.silence_s,
            )
        case Enqueue() if audible:
            return Speak(sounds=audible, interruptible=True)
        case Enqueue():
            return _wait(centre, state, node)
        case End():
            return Leave(sounds=audible)
        case _:
            raise AssertionError(f"node {state.node} does not block")  # advance() passes through such nodes


def _wait(centre: Centre, state: CallState, node: Enqueue) -> Wait:
    queue = centre.queues[node.queue]
    what = queue.label.get(state.language, queue.name)
    if state.category is not None:
        what = centre.categories[state.category].get(state.language, state.category)
    return Wait(
        queue=queue.asterisk_name,
        timeout_s=queue.timeout_s,
        label=f"[{state.language}] {what}",
        language=state.language,
        talk_file=talk_file(state) if queue.record_talk else None,
        comes_back=node.after is not None,
    )
