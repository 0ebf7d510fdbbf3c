"""The one thing to do in a state. A pure function, so another process that has the state does the same thing."""

from __future__ import annotations

from ivr.domain.actions import Action, Ask, Dial, Leave, Record, Speak, Wait
from ivr.domain.centre import Centre, Queue
from ivr.domain.flow import Assign, Collect, End, Enqueue, Lookup, Menu, Message, Play, Survey, Transfer
from ivr.domain.hearing import message_file, sounds, spoken, talk_file
from ivr.domain.lookups import question
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
            phrases = node.phrases.get(state.language, {})
            digits = max(map(len, node.choices))
            return Ask(sounds=audible, max_digits=digits, wait_s=node.retry.wait_s, phrases=phrases)
        case Collect():
            digits = 1 if state.phase == "confirm" else node.max_digits
            return Ask(sounds=audible, max_digits=digits, wait_s=node.retry.wait_s)
        case Survey():
            return Ask(sounds=audible, max_digits=len(str(node.highest)), wait_s=node.retry.wait_s)
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
        case Enqueue() | Transfer() | Lookup() | Assign() if audible:
            return Speak(sounds=audible, interruptible=True)
        case Enqueue():
            queue, keys = centre.queues[node.queue], tuple(node.keys)
            return _wait(centre, state, queue, comes_back=node.after is not None, keys=keys)
        case Transfer() if node.to.kind == "queue":
            return _wait(centre, state, centre.queues[node.to.name], comes_back=True)
        case Transfer():
            return Dial(
                target=f"{centre.id}.{node.to.kind}.{node.to.name}",
                ring_s=node.ring_s,
                label=_label(centre, state, ""),
                language=state.language,
            )
        case Lookup():
            return question(state, node)
        case End():
            return Leave(sounds=audible)
        case _:
            raise AssertionError(f"node {state.node} does not block")  # advance() passes through such nodes


def _wait(centre: Centre, state: CallState, queue: Queue, *, comes_back: bool, keys: tuple[str, ...] = ()) -> Wait:
    return Wait(
        queue=queue.asterisk_name,
        timeout_s=queue.timeout_s,
        label=_label(centre, state, queue.label.get(state.language, queue.name)),
        language=state.language,
        talk_file=talk_file(state) if queue.record_talk else None,
        comes_back=comes_back,
        keys=keys,
    )


def _label(centre: Centre, state: CallState, what: str) -> str:
    """What the agent's phone shows: the language and, if it is known, what the call is about."""
    if state.category is not None:
        what = centre.categories[state.category].get(state.language, state.category)
    return f"[{state.language}] {what}".rstrip()
