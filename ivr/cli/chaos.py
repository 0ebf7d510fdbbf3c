"""ivr chaos: the kill test."""

from __future__ import annotations

import asyncio

import click

from ivr.cli.output import say, show_table, spinner


@click.command()
@click.option("--kills", default=1000, show_default=True, type=click.IntRange(2, 100_000), help="How many, in all.")
@click.option("--seed", default=1, show_default=True, help="Who is killed when, and who calls, follows from it.")
@click.option("--rate", default=10.0, show_default=True, type=click.FloatRange(0.5, 200), help="Calls per second.")
@click.option(
    "--every", default=2.2, show_default=True, type=click.FloatRange(0.5, 600), help="Mean seconds between two kills."
)
@click.option("--plan", "plan_only", is_flag=True, help="Print the plan and do nothing.")
def chaos(kills: int, seed: int, rate: float, every: float, plan_only: bool) -> int:
    """Kill every part again and again while callers call, then compare SIPp, journal and Postgres.

    Its own system in var/chaos, on free ports: it runs beside one that is up. Exit code 1: a call was lost, doubled,
    left open or dropped by us.
    """
    from ivr.chaos.lab import open_lab
    from ivr.chaos.plan import make_plan
    from ivr.chaos.report import HEADS
    from ivr.chaos.run import run_chaos

    plan = make_plan(seed=seed, kills=kills, every_s=every)
    for strike in (*plan.main, *plan.asterisk):
        say(str(strike))
    if plan_only:
        return 0
    installation = open_lab(rate)
    with spinner("rendering prompts") as progress:
        installation.render_prompts(progress)
    try:
        report = asyncio.run(run_chaos(installation, plan, seed=seed, rate=rate, say=say))
    except asyncio.CancelledError:
        return 130
    show_table(HEADS, report.table())
    for line in report.lines():
        say(line)
    for miss in report.misses():
        say(f"MISSED: {miss}")
    return 0 if report.is_passed else 1
