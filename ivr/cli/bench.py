"""ivr bench: what a call costs, beside the same call in a hand-written dialplan."""

from __future__ import annotations

import asyncio

import click

from ivr.cli.output import say, show_json, show_table, spinner


@click.command()
@click.option("--rates", default="4,8,12", show_default=True, help="Calls per second, rising, separated by commas.")
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="How long calls come in at each rate.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable; progress goes to stderr.")
def bench(rates: str, seconds: float, as_json: bool) -> int:
    """Measure calls of the shipped flow beside a hand-written dialplan, on the same Asterisk, and parts alone.

    Real SIP, RTP and keys on loopback, on free ports and data of its own: it runs beside a system that is up, but what
    else runs on the machine is in the figures. Exit code 1: a target was missed.
    """
    from ivr.bench.calls import agents_needed
    from ivr.bench.lab import open_lab
    from ivr.bench.report import HEADS
    from ivr.bench.run import run_bench

    wanted = _rates(rates)
    installation = open_lab(agents_needed(wanted))
    with spinner("rendering prompts") as progress:
        installation.render_prompts(progress)
    report = asyncio.run(run_bench(installation, wanted, seconds, lambda text: click.echo(text, err=as_json)))
    if as_json:
        show_json(report.as_json())
        return 1 if report.misses() else 0
    show_table(HEADS, report.table())
    say("came: calls/s by the journal; asterisk to sipp: processor time, ms a call; machine: share that was busy")
    for line in report.lines():
        say(line)
    for miss in report.misses():
        say(f"MISSED: {miss}")
    return 1 if report.misses() else 0


def _rates(text: str) -> list[float]:
    """Raises click.UsageError."""
    try:
        rates = [float(part) for part in text.split(",")]
    except ValueError:
        rates = []
    if not rates or sorted(set(rates)) != rates or rates[0] <= 0 or rates[-1] > 200:
        raise click.UsageError(f"--rates {text!r}: write rising numbers up to 200 such as 4,8,12")
    return rates
