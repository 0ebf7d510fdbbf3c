"""ivr fuzz: nonsense at every input."""

from __future__ import annotations

import asyncio
import time

import click

from ivr.cli.output import say, show_table
from ivr.errors import OperatorError


@click.command()
@click.option("--cases", default=1_000_000, show_default=True, type=click.IntRange(1, 10**9), help="Of the pure kinds.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same cases.")
@click.option("--kind", help="Only this kind; with --case, one case of it, with its traceback.")
@click.option("--case", "number", type=click.IntRange(0), help="The number of a case to play again.")
def fuzz(cases: int, seed: int, kind: str | None, number: int | None) -> int:
    """Feed nonsense to everything that reads what others write. Exit code 1: something broke.

    What breaks is told as a kind and a number: `ivr fuzz --seed SEED --kind KIND --case NUMBER` plays that case again.
    """
    from ivr.fuzz import run as fuzzing
    from ivr.fuzz.kind import by_name
    from ivr.fuzz.records import CAPTURES

    if not CAPTURES.is_dir():
        raise OperatorError(f"the captures that cases are made of are missing ({CAPTURES}): run it in a checkout")
    if (kind is None) != (number is None):
        raise click.UsageError("--kind and --case go together")
    if kind is not None and number is not None:
        if kind not in by_name(fuzzing.KINDS):
            raise click.UsageError(f"--kind {kind!r}: one of {', '.join(by_name(fuzzing.KINDS))}")
        asyncio.run(_again(kind, seed, number))
        say("holds")
        return 0
    began = time.monotonic()
    tallies = fuzzing.run(cases, seed, say)
    spent = time.monotonic() - began
    show_table(
        ("kind", "cases", "cases/s of one core", "slowest ms", "its number", "heaviest MiB", "broken"),
        [
            (
                tally.kind, f"{tally.cases:,}", f"{tally.cases / tally.seconds:,.0f}", f"{tally.slowest_s * 1000:.1f}",
                tally.slowest, f"{tally.heaviest_bytes / 2**20:.1f}", len(tally.findings),
            )
            for tally in tallies
        ],
    )  # fmt: skip
    total = sum(tally.cases for tally in tallies)
    say(f"{total:,} cases in {spent:.0f} s, {total / spent:,.0f} cases/s; seed {seed}")
    say("there is no AEAP server yet: nothing of ours reads that protocol")
    broken = [finding for tally in tallies for finding in tally.findings]
    for finding in broken[:20]:
        say(f"BROKEN: ivr fuzz --seed {seed} --kind {finding.kind} --case {finding.number}: {finding.what}")
    return 1 if broken else 0


async def _again(kind: str, seed: int, number: int) -> None:
    from ivr.fuzz.kind import by_name
    from ivr.fuzz.run import KINDS
    from ivr.fuzz.source import Source

    by_name(KINDS)[kind].case(Source(seed, kind, number))
