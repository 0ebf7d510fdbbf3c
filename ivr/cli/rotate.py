"""ivr rotate: a new journal file, and old ones out of the way."""

from __future__ import annotations

import asyncio

import click

from ivr.adapters.db.reconcile import at_one_moment
from ivr.adapters.journal import rotation
from ivr.bootstrap import Installation
from ivr.cli.output import say
from ivr.errors import OperatorError


@click.command()
@click.option("--keep", type=click.IntRange(1), help="Remove all but so many rotated files, once the record has them.")
def rotate(keep: int | None) -> int:
    """Begin a new journal file; safe at any time, also every night by cron.

    The old one becomes journal.csv-000001 and so on beside it and is read to its end. `ivr reconcile` compares with
    the files that are still there. Exit code 1 when a file that should go is not in the record yet.
    """
    installation = Installation.running()
    live = installation.layout.journal
    try:
        target = rotation.rotate(live)
        say("the journal is empty: nothing to rotate" if target is None else f"{live.name} is now {target.name}")
        if keep is None:
            return 0
        read_to = asyncio.run(_read_to(installation))
        removed, left = rotation.prune(live, keep=keep, read_to=read_to)
    except OSError as error:
        raise OperatorError(f"cannot rotate {live}: {error.strerror}") from error
    for path in removed:
        say(f"removed {path.name}")
    for path in left:
        say(f"{path.name} stays: the record does not have all of it yet")
    return 1 if left else 0


async def _read_to(installation: Installation) -> dict[str, int]:
    async with at_one_moment(installation.dsn, installation.settings.node) as store:
        return await store.read_to()
