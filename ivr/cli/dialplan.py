"""ivr check: dialplans without Asterisk or Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from ivr.adapters.prompts.catalogue import Catalogue
from ivr.adapters.prompts.files import BYTES_PER_SECOND
from ivr.adapters.prompts.store import read_index
from ivr.cli.folders import FOLDER, LANG, load_catalogues
from ivr.cli.output import say
from ivr.dialplan.compiler import load_centres
from ivr.dialplan.ease import Seconds
from ivr.errors import AuthorError, OperatorError
from ivr.settings import load_settings


@click.command()
@FOLDER
@LANG
def check(folder: Path | None, lang: str) -> int:
    """Check every centre below FOLDER and print all that is wrong, with file, line and column."""
    settings = load_settings()
    catalogues = load_catalogues()
    known = {language: catalogue.keys() for language, catalogue in catalogues.items()}
    loaded = load_centres(folder or settings.dialplans, known, _rendered_seconds(settings.layout.prompts, catalogues))
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


def _rendered_seconds(prompts: Path, catalogues: Mapping[str, Catalogue]) -> Seconds | None:
    """How long prompts play, as far as they were rendered from the texts as they are now; None when none were."""
    try:
        index = read_index(prompts)
    except OperatorError:
        return None  # somebody else's, or damaged: whoever renders is told; here only lengths are not known

    def seconds(language: str, key: str) -> float | None:
        found = index.get(language, {}).get(key)
        if found is None or found.text != catalogues[language].texts.get(key):
            return None
        return found.size / BYTES_PER_SECOND

    return seconds if index else None
