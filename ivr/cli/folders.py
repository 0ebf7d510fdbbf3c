"""Centres from the folder that a command names: one centre's, or one that holds several."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from ivr.adapters.prompts.catalogue import Catalogue, load_catalogue
from ivr.bootstrap import LANGUAGES
from ivr.dialplan.compiler import list_centre_folders, load_centres
from ivr.domain.centre import Centre
from ivr.errors import AuthorError
from ivr.settings import load_settings

FOLDER = click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
LANG = click.option("--lang", type=click.Choice(["en", "ko"]), default="en", help="Language of the messages.")


def load_catalogues() -> Mapping[str, Catalogue]:
    """The texts of all prompts by language."""
    prompts = load_settings().prompts
    return {language: load_catalogue(prompts, language) for language in LANGUAGES}


def get_centres(folder: Path | None, catalogues: Mapping[str, Catalogue]) -> Mapping[Path, Centre]:
    """Folder -> centre. Raises AuthorError with every mistake, one a line, unless all are right."""
    root = folder or load_settings().dialplans
    known = {language: catalogue.keys() for language, catalogue in catalogues.items()}
    folders = list_centre_folders(root)
    return {folders[name]: centre for name, centre in load_centres(root, known).need_all().items()}


def get_centre(centres: Mapping[Path, Centre], dialled: str) -> Centre:
    """The one that answers a number. Raises AuthorError."""
    for centre in centres.values():
        if dialled in centre.numbers:
            return centre
    numbers = ", ".join(number for centre in centres.values() for number in centre.numbers)
    raise AuthorError(f"nobody answers {dialled}: there are {numbers} (choose with --dial)")
