"""ivr graph: what a flow looks like, and which ways callers really take."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import click

from ivr.adapters.db.paths import count_ways
from ivr.adapters.db.pool import open_pool
from ivr.bootstrap import Installation
from ivr.cli.folders import FOLDER, get_centres, load_catalogues
from ivr.cli.output import business_instant, say
from ivr.dialplan.diagram import Ways, diagram, dot, mermaid
from ivr.dialplan.diagram_svg import svg
from ivr.domain.centre import Centre
from ivr.errors import AuthorError, OperatorError

FORMATS = {"mermaid": mermaid, "svg": svg, "dot": dot}


@click.command()
@FOLDER
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="mermaid", show_default=True)
@click.option("--centre", help="Which centre, when the folder holds several.")
@click.option("--calls", is_flag=True, help="Thicker arrows where more calls went, from the record.")
@click.option("--from", "since", help="With --calls: first business day or instant.")
@click.option("--to", "until", help="With --calls: the instant (or midnight) before which calls entered.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of the screen.")
def graph(
    folder: Path | None,
    form: str,
    centre: str | None,
    calls: bool,
    since: str | None,
    until: str | None,
    output: Path | None,
) -> None:
    """Draw the flow of a centre in FOLDER: nodes, where each leads, and by which key."""
    if (since or until) and not calls:
        raise click.UsageError("--from and --to say which calls count: add --calls")
    chosen = _chosen({each.id: each for each in get_centres(folder, load_catalogues()).values()}, centre)
    ways = asyncio.run(_count(chosen, since, until)) if calls else None
    drawn = FORMATS[form](diagram(f"{next(iter(chosen.title.values()))} ({chosen.id})", chosen.flow, ways))
    if output is None:
        click.echo(drawn, nl=False)
        return
    try:
        output.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"{output} cannot be written: {error.strerror}") from None
    say(f"{output}: {len(chosen.flow.nodes)} nodes" + (f", {_total(chosen, ways)} calls" if ways is not None else ""))


def _chosen(centres: Mapping[str, Centre], name: str | None) -> Centre:
    known = ", ".join(centres)
    if name is not None and name not in centres:
        raise AuthorError(f"there is no centre {name} here: there are {known}")
    if name is None and len(centres) > 1:
        raise AuthorError(f"several centres are here: name one with --centre ({known})")
    return centres[name] if name is not None else next(iter(centres.values()))


async def _count(centre: Centre, since: str | None, until: str | None) -> Ways:
    installation = Installation.running()
    first, last = (business_instant(text, (centre,)) if text else None for text in (since, until))
    async with open_pool(installation.dsn, max_size=1) as pool:
        return await count_ways(pool, centre.id, since=first, until=last)


def _total(centre: Centre, ways: Ways) -> int:
    """Calls that left the first node."""
    return sum(count for (node, _), count in ways.items() if node == centre.flow.start)
