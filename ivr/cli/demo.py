"""ivr demo: the main job on two real calls."""

from __future__ import annotations

import asyncio

import click

from ivr.bootstrap import Installation
from ivr.cli.output import say, spinner
from ivr.cli.records import Desk, Opener, show_call
from ivr.settings import load_settings


@click.command()
def demo() -> None:
    """Start everything, place a call at Monday 10:00 and one at Monday 20:00, show both, stop.

    Runs beside a system that is up: its ports are free ones and its data lies in var/demo.
    """
    from ivr.demo import run_demo

    outer = load_settings()
    installation = Installation(load_settings(var=outer.var / "demo", ports="free", database_url=None))
    installation.become_owner()
    with spinner("rendering prompts") as progress:
        installation.render_prompts(progress)
    desk = Desk(Opener(None), installation)
    asyncio.run(run_demo(installation, say, lambda details: show_call(desk, details)))
    say("the demo is over: `make up` keeps the system running, docs and README say what to try next")
