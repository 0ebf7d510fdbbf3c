"""What commands print, and the few forms of text that they read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table

from ivr.domain.centre import Centre


def say(text: str) -> None:
    """One line for the operator."""
    click.echo(text)


def show_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table as wide as it needs to be; never cut when the output is a file."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=240)
    table = Table(*heads, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)


def show_json(value: object) -> None:
    """Dataclasses, dates and plain values as JSON."""
    click.echo(json.dumps(value, default=_plain, indent=1, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, frozenset | set | tuple):
        return list(value)
    return str(value)


@contextlib.contextmanager
def spinner(what: str) -> Iterator[Callable[[int, int], None]]:
    """Progress on a terminal; in a file, one line when there was anything to do."""
    console = Console(stderr=True)
    if console.is_terminal:
        with Bar(console=console, transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    told = False

    def tell(done: int, total: int) -> None:
        nonlocal told
        if not told:
            click.echo(f"{what}: {total}", err=True)
            told = True

    yield tell


def business_instant(text: str, centres: Sequence[Centre]) -> datetime:
    """`2026-11-23 10:00` in the first centre's zone, or any ISO 8601 instant with an offset, as an aware instant.

    Raises click.UsageError.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f'{text!r} is no time: write it as "2026-11-23 10:00"') from error
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=centres[0].calendars["centre"].timezone)
    return instant
