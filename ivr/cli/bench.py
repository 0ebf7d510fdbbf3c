"""ivr bench and ivr soak: how many calls a machine takes, what one costs, and whether it stays so for hours."""

from __future__ import annotations

import asyncio

import click

from ivr.cli.output import say, show_json, show_table, spinner


@click.command()
@click.option(
    "--rates", help="Only these: calls per second, rising, separated by commas. Otherwise the limit is looked for."
)
@click.option(
    "--first", default=4.0, show_default=True, type=click.FloatRange(0.5, 200), help="Where the search begins."
)
@click.option(
    "--most", default=40.0, show_default=True, type=click.FloatRange(0.5, 200), help="Where it ends at the latest."
)
@click.option(
    "--seconds",
    default=25.0,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="How long calls come in at each rate; a call takes 20 s, so less never has all of them at once.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable; progress goes to stderr.")
def bench(rates: str | None, first: float, most: float, seconds: float, as_json: bool) -> int:
    """Find how many calls of the shipped flow this machine takes, beside a hand-written dialplan on the same Asterisk.

    Real SIP, RTP and keys on loopback, on free ports and data of its own: it runs beside a system that is up, but what
    else runs on the machine is in the figures. Exit code 1: a target was missed.
    """
    from ivr.bench.calls import agents_needed
    from ivr.bench.lab import open_lab
    from ivr.bench.report import HEADS, SHARE_HEADS, TURN_HEADS
    from ivr.bench.run import run_bench
    from ivr.bench.search import Bounds

    if most < first:
        raise click.UsageError("--most is less than --first")
    given = _rates(rates) if rates is not None else None
    installation = open_lab(agents_needed(given or [most]))
    with spinner("rendering prompts") as progress:
        installation.render_prompts(progress)
    wanted = given or Bounds(first, most)
    report = asyncio.run(run_bench(installation, wanted, seconds, lambda text: click.echo(text, err=as_json)))
    if as_json:
        show_json(report.as_json())
        return 1 if report.misses() else 0
    show_table(HEADS, report.table())
    say("came: calls/s by the journal; asterisk to sipp: processor time, ms a call; machine: share that was busy")
    say("processor time at the highest rate held, by process:")
    show_table(SHARE_HEADS, report.shares())
    say("from what the caller did to our next command, commit included, by node, at the highest rate held:")
    show_table(TURN_HEADS, report.turns())
    for line in report.lines():
        say(line)
    for miss in report.misses():
        say(f"MISSED: {miss}")
    return 1 if report.misses() else 0


@click.command()
@click.option(
    "--minutes", default=30.0, show_default=True, type=click.FloatRange(1, 10_000), help="How long calls come in."
)
@click.option(
    "--rate", type=click.FloatRange(0.5, 200), help="Calls per second; otherwise 80 % of what a short search finds."
)
@click.option(
    "--first", default=4.0, show_default=True, type=click.FloatRange(0.5, 200), help="Where the search begins."
)
@click.option(
    "--most", default=40.0, show_default=True, type=click.FloatRange(0.5, 200), help="Where it ends at the latest."
)
def soak(minutes: float, rate: float | None, first: float, most: float) -> int:
    """Load at 80 % of this machine's capacity, and whether memory and descriptors stay, loops turn, no call fails.

    The system is the bench's own. Exit code 1: something grew, lagged, failed or was left.
    """
    from ivr.bench.calls import agents_needed, open_stage
    from ivr.bench.lab import open_lab
    from ivr.bench.soak import HEADS, SoakReport, find_rate
    from ivr.bench.soak import soak as run_soak

    if most < first:
        raise click.UsageError("--most is less than --first")
    installation = open_lab(agents_needed([rate or most]))
    with spinner("rendering prompts") as progress:
        installation.render_prompts(progress)

    async def play() -> SoakReport:
        async with open_stage(installation, say) as stage:
            return await run_soak(stage, rate or await find_rate(stage, first, most, say), minutes, say)

    report = asyncio.run(play())
    show_table(HEADS, report.table())
    whole = report.whole
    say(
        f"{whole.calls} calls at {whole.rate:.1f}/s, {whole.at_once} at once, {whole.failed} failed, "
        f"{whole.retransmissions} retransmissions; machine {whole.machine:.0%} busy"
    )
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
