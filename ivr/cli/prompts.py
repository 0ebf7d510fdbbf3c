"""ivr prompts: bring the audio up to date with the texts."""

from __future__ import annotations

import click

from ivr.bootstrap import LANGUAGES, Installation
from ivr.cli.output import say, spinner
from ivr.settings import load_settings


@click.command()
def prompts() -> None:
    """Render the prompts that changed. A recording prompts/LANGUAGE/KEY.wav wins over the synthesiser."""
    installation = Installation(load_settings())
    installation.become_owner()
    with spinner("rendering prompts") as progress:
        store = installation.render_prompts(progress)
    for language in LANGUAGES:
        say(f"{language}: {len(store.keys(language))} prompts in {store.folder / language}")
