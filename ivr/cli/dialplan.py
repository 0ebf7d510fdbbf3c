"""ivr check: dialplans without Asterisk or Postgres."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.folders import FOLDER, LANG, load_catalogues
from ivr.cli.output import say
from ivr.dialplan.compiler import load_centres
from ivr.errors import AuthorError
from ivr.settings import load_settings


@click.command()
@FOLDER
@LANG
def check(folder: Path | None, lang: str) -> int:
    """Check every centre below FOLDER and print all that is wrong, with file, line and column."""
    settings = load_settings()
    known = {language: catalogue.keys() for language, catalogue in load_catalogues().items()}
    loaded = load_centres(folder or settings.dialplans, known)
    for problem in loaded.problems:
        say(problem.line_in(lang))
    if loaded.problems:
        return 1
    for centre in loaded.centres.values():
        nodes, queues, agents = len(centre.flow.nodes), len(centre.queues), len(centre.agents)
        say(f"{centre.id}: {nodes} nodes, {queues} queues, {agents} agents: good")
    if not loaded.centres:
        raise AuthorError(f"{folder or settings.dialplans}: no centre here: a centre is a folder with a centre.yaml")
    return 0
