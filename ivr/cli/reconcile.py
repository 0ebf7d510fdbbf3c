"""ivr reconcile: do the books balance?"""

from __future__ import annotations

import asyncio
from datetime import date, datetime

import click

from ivr.bootstrap import Installation
from ivr.cli.output import say, show_json, show_table, spinner
from ivr.domain.ledger import OUTCOMES
from ivr.reconcile import Books, Report, reconcile

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command("reconcile")
@click.option("--from", "first", type=DAY, help="First day, such as 2026-11-23; today if left out.")
@click.option("--to", "last", type=DAY, help="Last day, included; the first one if left out.")
@click.option("--show", default=100, show_default=True, help="How many calls that do not fit are shown.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def reconcile_(first: datetime | None, last: datetime | None, show: int, as_json: bool) -> int:
    """Compare the record with the journal and the recordings, by centre and day of its time zone.

    Every caller who arrived must have one outcome or still be in the line, and every recording its file. Names each
    call that does not fit and why. Exit code 0: balanced, 1: not.
    """
    installation = Installation.running()
    begin = first.date() if first else datetime.now(installation.zone_of(None)).date()
    end = last.date() if last else begin
    if end < begin:
        raise click.UsageError("--to is before --from")
    books = Books(
        dsn=installation.dsn,
        node=installation.settings.node,
        journal=installation.layout.journal,
        recordings=installation.layout.recordings,
        sealed=installation.safe.find,
        day_of=installation.day_of,
        complete=installation.fallback_messages.complete,
    )
    report = asyncio.run(reconcile(books, begin, end, spinner))
    if as_json:
        show_json(_as_json(begin, end, report))
    else:
        _show(report, show)
    return 0 if report.is_balanced else 1


def _show(report: Report, show: int) -> None:
    heads = ("day", "centre", "arrived", "by the journal", *OUTCOMES, "open")
    rows = []
    for key in sorted(report.days.keys() | report.journal.keys()):
        counted = report.days[key].as_dict() if key in report.days else {}
        names = ("arrived", None, *OUTCOMES, "open")
        figures = [report.journal.get(key, 0) if name is None else counted.get(name, 0) for name in names]
        rows.append((*key, *figures))
    if rows:
        show_table(heads, rows)
    for line in report.uncomparable:
        say(f"not compared: {line}")
    misfits = [misfit for found in report.misfits.values() for misfit in found]
    for misfit in misfits[:show]:
        say(f"{misfit.call or '-'} {misfit.centre} {misfit.day or ''}: {misfit.why}")
    if len(misfits) > show:
        say(f"… and {len(misfits) - show} more: --show {len(misfits)}")
    calls = sum(count.arrived for count in report.days.values())
    verdict = "balanced" if report.is_balanced else f"{len(misfits)} things do not fit"
    say(f"{calls:,} calls, {report.recordings:,} recordings: {verdict}")


def _as_json(first: date, last: date, report: Report) -> dict[str, object]:
    return {
        "from": first,
        "to": last,
        "balanced": report.is_balanced,
        "days": [
            {
                "day": day,
                "centre": centre,
                **(report.days[day, centre].as_dict() if (day, centre) in report.days else {"arrived": 0}),
                "by_the_journal": report.journal.get((day, centre), 0),
            }
            for day, centre in sorted(report.days.keys() | report.journal.keys())
        ],
        "recordings": report.recordings,
        "sealed": report.sealed,
        "not_compared": report.uncomparable,
        "misfits": [misfit for found in report.misfits.values() for misfit in found],
    }
