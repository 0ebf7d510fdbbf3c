"""ivr schema and reference: what may be written in dialplans, for editors and for readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ivr.cli.output import say
from ivr.dialplan.json_schema import centre_schema, flow_schema, scenario_schema
from ivr.dialplan.reference import reference as dialplan_reference
from ivr.errors import OperatorError
from ivr.settings import load_settings

FOLDER = "schema"


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 when the files are not up to date.")
def schema(check: bool) -> int:
    """Write the JSON Schema of centre.yaml, flow.yaml and scenarios to <dialplans>/schema/.

    Editors find it by the first line of each file.
    """
    return _write(load_settings().dialplans / FOLDER, schema_files(), check)


def schema_files() -> dict[str, str]:
    """Name of a file -> its text."""
    schemas = {"centre": centre_schema(), "flow": flow_schema(), "scenario": scenario_schema()}
    return {f"{name}.schema.json": _text(made) for name, made in schemas.items()}


def _text(made: dict[str, Any]) -> str:
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def _write(folder: Path, files: dict[str, str], check: bool) -> int:
    stale = [name for name, text in files.items() if _read(folder / name) != text]
    try:
        for name in () if check else stale:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(files[name], encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"{folder} cannot be written: {error.strerror}. Check its owner and mode") from None
    for name in files:
        state = "as it was" if name not in stale else "out of date: run this without --check" if check else "written"
        say(f"{folder / name}: {state}")
    return 1 if check and stale else 0


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


@click.command()
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of the screen.")
def reference(output: Path | None) -> None:
    """Print the reference of the dialplan files: every key, what may be written, and what it means."""
    if output is None:
        click.echo(dialplan_reference(), nl=False)
        return
    try:
        output.write_text(dialplan_reference(), encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"{output} cannot be written: {error.strerror}") from None
    say(f"{output}: written")
