"""The parts that `ivr up` starts, one by one: for it, and for containers."""

from __future__ import annotations

import asyncio
import re

import click

from ivr.adapters.runtime.asking import ask
from ivr.adapters.runtime.supervisor import note_ports
from ivr.adapters.runtime.workers import controller_name, note_workers
from ivr.bootstrap import Installation
from ivr.cli.output import say, spinner
from ivr.settings import load_settings

CONTROLLER_NAME = re.compile(r"controller-[1-9]\d?")


@click.command(hidden=True)
@click.argument("name", default=controller_name(1))
def controller(name: str) -> None:
    """One controller process; `ivr up` starts several, each with a NAME of its own (controller-1, controller-2, …)."""
    from ivr.controller import run_controller

    if not CONTROLLER_NAME.fullmatch(name):
        raise click.UsageError("NAME must be like controller-1")
    asyncio.run(run_controller(name, Installation(load_settings(), is_live=True)))


@click.command(hidden=True)
def ingest() -> None:
    """The process that carries the journal into the database; `ivr up` starts it."""
    from ivr.recorder import run_recorder

    asyncio.run(run_recorder(Installation(load_settings(), is_live=True)))


@click.command(hidden=True)
@click.argument("name")
def answers(name: str) -> int:
    """Whether the process of ours with this NAME does its work: exit code 0, or 1. For containers' health checks."""
    figures = ask(load_settings().layout.worker_socket(name))
    return 0 if figures is not None and figures.get("ready") else 1


@click.command()
def prepare() -> None:
    """Make what the parts need before each is started by itself, as in containers (`ivr up` does it too).

    That is folders, secrets, prompts, and the note of ports for the commands that look at what runs.
    """
    installation = Installation(load_settings())
    installation.become_owner()
    agents = installation.secrets.agents
    with spinner("rendering prompts") as progress:
        installation.render_prompts(progress)
    installation.publish()
    note_ports(installation.layout, installation.settings.listening)
    note_workers(installation.layout, [worker.name for worker in installation.workers()])
    layout = installation.layout
    say(f"prepared {layout.var}: passwords of {len(agents)} agents are in {layout.agents_file}")


@click.command()
def asterisk() -> None:
    """Write Asterisk's configuration and become Asterisk; `ivr up` starts it as a process of its own."""
    installation = Installation(load_settings(), is_live=True)
    installation.become_owner()
    installation.asterisk.become(installation.asterisk_input)


@click.command()
def migrate() -> None:
    """Bring the database schema up to date (`ivr up` does it too)."""
    installation = Installation(load_settings())
    installation.become_owner()
    applied = asyncio.run(installation.migrate(installation.dsn))
    say("applied: " + (", ".join(applied) or "nothing, the schema is up to date"))
