"""ivr simulate: a call in the terminal, by the engine that runs live, without Asterisk or Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ivr.adapters.prompts.catalogue import Catalogue
from ivr.cli.folders import FOLDER, get_centre, get_centres, load_catalogues
from ivr.cli.output import business_instant, say, show_json
from ivr.domain.actions import Audible, Dial, Sound, Wait
from ivr.domain.centre import Centre
from ivr.domain.moves import MOVES_HELP, HangUp, LeavesQueue, Phrase, move_from_text, text_of_move
from ivr.domain.scenario import AGENTS
from ivr.domain.values import BlindIndex, Personal
from ivr.testing.caller import Turn
from ivr.testing.simulation import Script, SimulatedCall
from ivr.testing.simulation import simulate as play

QUEUE_ENDS = {
    "ANSWERED": "an agent answers; they talk",
    "JOINEMPTY": "no agent is logged in",
    "TIMEOUT": "nobody answers in time",
}


@click.command()
@FOLDER
@click.option("--dial", default="120", show_default=True, help="Number dialled.")
@click.option("--at", help='Business time, such as "2026-11-24 20:15"; now if left out.')
@click.option("--from", "caller", help="Number of the caller; withheld if left out.")
@click.option("--keys", default="", help=f"What the caller does, in turn, with commas between: {MOVES_HELP}.")
@click.option("--say", "words", help="What the caller says after those keys, where a menu takes words.")
@click.option("--hang-up-at", metavar="NODE", help="The caller leaves as soon as this node speaks to them.")
@click.option("--agents", default="1", show_default=True, help="How many take calls: a number, none or busy.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, with the notes that the journal would get.")
def simulate(
    folder: Path | None,
    dial: str,
    at: str | None,
    caller: str | None,
    keys: str,
    words: str | None,
    hang_up_at: str | None,
    agents: str,
    as_json: bool,
) -> None:
    """Play a call and show what the caller hears and does.

    When the script is over and the flow still asks for something, the caller hangs up.
    """
    catalogues = load_catalogues()
    centres = get_centres(folder, catalogues)
    centre = get_centre(centres, dial)
    if hang_up_at is not None and hang_up_at not in centre.flow.nodes:
        raise click.UsageError(f"--hang-up-at: {centre.id} has no node {hang_up_at}")
    try:
        moves = [move_from_text(key) for key in keys.split(",") if key.strip()]
    except ValueError as error:
        raise click.UsageError(f"--keys: {error}") from error
    script = Script(
        dial=dial,
        at=business_instant(at, (centre,)) if at else datetime.now(UTC),
        caller=caller,
        agents=_agents(agents),
        moves=(*moves, *([Phrase(words)] if words else [])),
        hang_up_at=hang_up_at,
    )
    call = play(centre, script)
    if as_json:
        show_json(_as_json(call, catalogues))
    else:
        _show(centre, script, call, catalogues)


def _agents(text: str) -> str:
    if text in AGENTS:
        return text
    if text.isdecimal() and len(text) < 6:
        return "free" if int(text) else "none"
    raise click.UsageError(f"--agents {text!r}: write a number, none or busy")


def _show(centre: Centre, script: Script, call: SimulatedCall, catalogues: Mapping[str, Catalogue]) -> None:
    local = script.at.astimezone(centre.calendars["centre"].timezone)
    verdict = centre.calendars["centre"].verdict(script.at)
    why = f"{verdict.reason} {verdict.detail}".strip()
    say(f"{centre.id}, {local:%a %Y-%m-%d %H:%M}: {'open' if verdict.is_open else 'closed'} ({why})")
    for turn in call.turns:
        heard = "" if isinstance(turn.action, Wait | Dial) else _words(turn.action.sounds, catalogues)
        if heard:
            say(f"{turn.node:<24} hears  {heard}")
        if (did := _did(turn)) is not None:
            say(f"{turn.node if not heard else '':<24} {did}")
    if call.hung_up and not call.talked and not isinstance(call.turns[-1].move, HangUp):
        say(f"{'':<24} hangs up")
    say(f"outcome  {call.outcome}")
    if call.message is not None:
        say(f"message  {_line(call.message, ('category', 'language', 'data'))}")
    if call.callback is not None:
        say(f"call back  {_line(call.callback, ('due', 'number', 'category', 'language', 'data'))}")


def _did(turn: Turn) -> str | None:
    match turn.move:
        case None:
            return None
        case LeavesQueue(how):
            return f"waits  {QUEUE_ENDS.get(how, how)}"
        case HangUp():
            return "hangs up"
        case move:
            return f"does   {text_of_move(move)}"


def _words(sounds: Sequence[Audible], catalogues: Mapping[str, Catalogue]) -> str:
    return " ".join(_text(sound, catalogues) for sound in sounds)


def _text(sound: Audible, catalogues: Mapping[str, Catalogue]) -> str:
    if not isinstance(sound, Sound):
        return "[the caller's recording]"
    return catalogues[sound.language].texts.get(sound.key, f"[{sound.key}]")


def _line(note: Mapping[str, Any], names: Sequence[str]) -> str:
    return ", ".join(f"{name} {_plain(note[name])}" for name in names if note.get(name) is not None)


def _plain(value: Any) -> Any:
    """The simulated caller's own data may be shown: it came from this command line."""
    match value:
        case Personal(text) | BlindIndex(text):
            return text
        case tuple() | list():
            return [_plain(each) for each in value]
        case _:
            return value


def _as_json(call: SimulatedCall, catalogues: Mapping[str, Catalogue]) -> dict[str, Any]:
    turns = []
    for turn in call.turns:
        sounds = () if isinstance(turn.action, Wait | Dial) else turn.action.sounds
        turns.append(
            {
                "node": turn.node,
                "heard": [f"{s.key}@{s.language}" if isinstance(s, Sound) else "<recording>" for s in sounds],
                "text": _words(sounds, catalogues),
                "does": None if turn.move is None else text_of_move(turn.move),
            }
        )
    return {
        "outcome": call.outcome,
        "path": call.nodes,
        "turns": turns,
        "notes": [{name: _plain(value) for name, value in note.items()} for note in call.notes],
    }
