"""ivr fuzz: nonsense at every input."""

from __future__ import annotations

import asyncio
import time

import click

from ivr.cli.output import say, show_table, spinner
from ivr.errors import OperatorError

SHOWN = 20
"""Findings told at the end."""


@click.command()
@click.option("--cases", default=1_000_000, show_default=True, type=click.IntRange(0, 10**9), help="Of the pure kinds.")
@click.option(
    "--sip",
    "messages",
    default=10_000,
    show_default=True,
    type=click.IntRange(0, 10**6),
    help="SIP messages and calls through a real Asterisk; a tenth as many connections to HTTP, FastAGI and AMI each.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same cases.")
@click.option("--kind", help="With --case: play one case of this kind again, with its traceback.")
@click.option("--case", "number", type=click.IntRange(0), help="The number of that case.")
def fuzz(cases: int, messages: int, seed: int, kind: str | None, number: int | None) -> int:
    """Feed nonsense to everything that reads what others write. Exit code 1: something broke.

    What breaks is told as a kind and a number: `ivr fuzz --seed SEED --kind KIND --case NUMBER` plays that case again.
    The live part starts a system of its own in var/fuzz, on free ports.
    """
    from ivr.fuzz.records import CAPTURES

    if not CAPTURES.is_dir():
        raise OperatorError(f"the captures that cases are made of are missing ({CAPTURES}): run it in a checkout")
    if (kind is None) != (number is None):
        raise click.UsageError("--kind and --case go together")
    if kind is not None and number is not None:
        return _again(kind, seed, number)
    broken = _pure(cases, seed) if cases else []
    if messages:
        broken += _live(messages, seed)
    say("there is no AEAP server yet: nothing of ours reads that protocol")
    for line in broken:
        say(f"BROKEN: {line}")
    return 1 if broken else 0


def _pure(cases: int, seed: int) -> list[str]:
    from ivr.fuzz import run as fuzzing

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
    return [
        f"ivr fuzz --seed {seed} --kind {finding.kind} --case {finding.number}: {finding.what}"
        for tally in tallies
        for finding in tally.findings
    ][:SHOWN]


def _live(messages: int, seed: int) -> list[str]:
    from ivr.fuzz.live.lab import open_lab, run_in_lab

    installation = open_lab()
    with spinner("rendering prompts") as progress:
        installation.render_prompts(progress)
    tally = asyncio.run(run_in_lab(installation, messages, seed, say))
    say(f"{sum(tally.sent.values()):,} sent, {tally.calls:,} calls in the journal, {len(tally.findings)} broken")
    return tally.findings[:SHOWN]


def _again(kind: str, seed: int, number: int) -> int:
    from ivr.fuzz import run as fuzzing
    from ivr.fuzz.kind import by_name
    from ivr.fuzz.source import Source

    kinds = by_name(fuzzing.KINDS)
    if kind not in kinds:
        raise click.UsageError(f"--kind {kind!r}: one of {', '.join(kinds)}")

    async def play() -> None:
        kinds[kind].case(Source(seed, kind, number))

    asyncio.run(play())
    say("holds")
    return 0
