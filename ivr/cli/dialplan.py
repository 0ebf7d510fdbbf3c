"""ivr check and simulate: dialplans without Asterisk or Postgres."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.bootstrap import LANGUAGES
from ivr.cli.output import business_instant, say, show_json
from ivr.dialplan.compiler import load_centres
from ivr.domain.centre import Centre
from ivr.engine.centres import LiveCentres
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.errors import AuthorError
from ivr.settings import load_settings
from ivr.testing.caller import FakeLine, moves_from_keys, place_call
from ivr.testing.worlds import ManualClock, PlainVault

FOLDER = click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
LANG = click.option("--lang", type=click.Choice(["en", "ko"]), default="en", help="Language of the messages.")


@click.command()
@FOLDER
@LANG
def check(folder: Path | None, lang: str) -> int:
    """Check every centre below FOLDER and print all that is wrong, with file, line and column."""
    settings = load_settings()
    known = {language: load_catalogue(settings.prompts, language).keys() for language in LANGUAGES}
    loaded = load_centres(folder or settings.dialplans, known)
    for problem in loaded.problems:
        say(problem.line_in(lang))
    if loaded.problems:
        return 1
    for centre in loaded.centres.values():
        say(
            f"{centre.id}: {len(centre.flow.nodes)} nodes, {len(centre.queues)} queues, {len(centre.agents)} agents: good"
        )
    if not loaded.centres:
        raise AuthorError(f"{folder or settings.dialplans}: no centre here: a centre is a folder with a centre.yaml")
    return 0


@click.command()
@FOLDER
@click.option("--dial", default="120", show_default=True, help="Number dialled.")
@click.option("--at", help='Business time, such as "2026-11-24 20:15"; now if left out.')
@click.option("--from", "caller", help="Number of the caller; withheld if left out.")
@click.option(
    "--keys", default="", help="What the caller does, in turn: 1,2,900101#,- (silence),talk:5,queue:TIMEOUT,hangup"
)
@click.option("--json", "as_json", is_flag=True, help="The notes that the journal would get.")
def simulate(folder: Path | None, dial: str, at: str | None, caller: str | None, keys: str, as_json: bool) -> None:
    """Play a call in the terminal by the engine that runs live."""
    settings = load_settings()
    known = {language: load_catalogue(settings.prompts, language).keys() for language in LANGUAGES}
    loaded = load_centres(folder or settings.dialplans, known)
    try:
        moves = moves_from_keys([key for key in keys.split(",") if key])
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    line = asyncio.run(_play(tuple(loaded.need_all().values()), FakeLine(moves), dial, caller, at))
    if as_json:
        show_json(line.notes)
        return
    for note in line.notes_of("step"):
        heard = ", ".join(note.get("heard", ()))
        pressed = note.get("got", "")
        say(f"{note['node']:<22} {note['result']:<14} {pressed:<14} {heard}")
    for note in line.notes:
        if note["k"] in ("message", "callback", "queue", "end"):
            say("  ".join(f"{name}={value}" for name, value in note.items() if name != "data"))


async def _play(centres: tuple[Centre, ...], line: FakeLine, dial: str, caller: str | None, at: str | None) -> FakeLine:
    instant = business_instant(at, centres) if at else datetime.now(UTC)
    engine = Engine(centres=LiveCentres(centres), vault=PlainVault(), clock=ManualClock(instant))
    return await place_call(engine, line, Arrival(call="simulated", dnis=dial, caller=caller))
