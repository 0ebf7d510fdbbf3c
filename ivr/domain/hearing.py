"""What the caller hears in a state: which prompts, how values become prompts, and what the record says of it."""

from __future__ import annotations

from ivr.domain import saying
from ivr.domain.actions import Audible, OwnRecording, Sound
from ivr.domain.centre import Centre
from ivr.domain.flow import (
    Collect,
    End,
    Menu,
    Message,
    Play,
    Playback,
    Prompt,
    Prompts,
    Say,
    Spoken,
    Survey,
)
from ivr.domain.state import CallState
from ivr.domain.values import Personal, text_of


def spoken(centre: Centre, state: CallState) -> Prompts:
    """Everything said by the action of this state, what is owed from before (`lead`) first."""
    if state.breaking_off is not None:
        return centre.flow.apology
    node = centre.flow.node(state.node)
    match node:
        case Play() | Menu() | Survey() | End():
            own = node.prompts
        case Collect():
            own = node.read_back if state.phase == "confirm" else node.prompts
        case Message():
            own = node.review if state.phase == "review" else node.prompts
        case _:
            own = ()
    return state.lead + own


def sounds(state: CallState, prompts: Prompts) -> tuple[Audible, ...]:
    """Prompts with their values filled in, as audio by key and language."""
    return tuple(sound for prompt in prompts for sound in _sounds_of(state, prompt))


def labels(state: CallState, prompts: Prompts) -> tuple[str, ...]:
    """What the journal says was heard; personal values by their kind only."""
    return tuple(_label_of(state, prompt) for prompt in prompts)


def message_file(state: CallState, take: int) -> str:
    """Where a take is recorded, relative to the recordings folder."""
    return f"{_folder(state)}/{state.call}-{take}.wav"


def talk_file(state: CallState) -> str:
    """Where a talk with an agent is recorded; the commit number keeps two talks of one call apart."""
    return f"{_folder(state)}/{state.call}-talk{state.commits}.wav"


def _folder(state: CallState) -> str:
    return f"{state.centre}/{state.started[:10]}"


def _sounds_of(state: CallState, prompt: Spoken) -> tuple[Audible, ...]:
    match prompt:
        case Prompt(key, language):
            return (Sound(key, language or state.language),)
        case Say(how, what):
            value = state.variables.get(what)
            if value is None:
                return ()
            personal = isinstance(value, Personal)
            keys = saying.say(how, text_of(value), state.language)
            return tuple(Sound(key, state.language, personal) for key in keys)
        case Playback():
            return (OwnRecording(message_file(state, state.take)),)


def _label_of(state: CallState, prompt: Spoken) -> str:
    match prompt:
        case Prompt(key, language):
            return key if language is None else f"{key}@{language}"
        case Say(how, what):
            value = state.variables.get(what)
            return f"<{how}>" if value is None or isinstance(value, Personal) else f"{how}:{value}"
        case Playback():
            return "<recording>"
