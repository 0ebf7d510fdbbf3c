"""ivr purge: destroys what is past its time."""

from __future__ import annotations

import asyncio
import getpass
from dataclasses import asdict
from datetime import UTC, datetime

import click

from ivr.adapters.db.pool import open_pool
from ivr.adapters.db.purges import PurgeStore
from ivr.bootstrap import Installation
from ivr.cli.output import business_instant, say, show_json, show_table
from ivr.purge import Purged


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be destroyed.")
@click.option("--at", help='As if it were then, such as "2027-03-01"; a time to come needs --yes.')
@click.option("--yes", is_flag=True, help="Destroy what is not past its time yet, by --at.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def purge(dry_run: bool, at: str | None, yes: bool, as_json: bool) -> None:
    """Destroy recordings and personal data past the time that `retention:` in centre.yaml states.

    Their keys are destroyed, so copies in backups cannot be read either. Figures of calls stay. The running system does
    this every day by itself; what was done is in the table ivr.purges.
    """
    installation = Installation.running()
    now = datetime.now(UTC)
    when = now if at is None else business_instant(at, installation.centres)
    if when > now and not (dry_run or yes):
        raise click.UsageError(f"{at} is still to come: --dry-run shows what would go, --yes destroys it now")
    done = asyncio.run(_purge(installation, when, dry_run))
    if as_json:
        show_json([{"centre": each.centre, **asdict(each.counts), "kept_days": asdict(each.kept)} for each in done])
        return
    if not done:
        say("nothing is past its time")
        return
    say("would be destroyed:" if dry_run else "destroyed:")
    show_table(
        ("centre", "messages", "talks", "days of personal data", "calls", "callbacks", "kept (messages, talk, calls)"),
        [
            (
                each.centre,
                each.counts.messages,
                each.counts.talks,
                each.counts.days,
                each.counts.calls,
                each.counts.callbacks,
                f"{each.kept.messages}, {each.kept.talk}, {each.kept.calls} days",
            )
            for each in done
        ],
    )
    unmade = sum(each.counts.unmade for each in done)
    if unmade:
        say(f"{unmade} of the callbacks had not been made: their callers were promised that their numbers go by now")


async def _purge(installation: Installation, at: datetime, dry_run: bool) -> list[Purged]:
    async with open_pool(installation.dsn, max_size=1) as pool:
        return await installation.find_purge().run(PurgeStore(pool), at=at, who=getpass.getuser(), dry_run=dry_run)
