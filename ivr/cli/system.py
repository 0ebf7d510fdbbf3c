"""ivr up, restart, status, clock."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from ivr.adapters.clock import SystemClock, set_offset
from ivr.adapters.emergencies import EmergencyFile, Order
from ivr.adapters.runtime import status as runtime_status
from ivr.adapters.runtime.asterisk import Load
from ivr.adapters.runtime.local_agi import check_launcher
from ivr.adapters.runtime.ports import Ports
from ivr.adapters.runtime.status import supervisor_runs
from ivr.adapters.runtime.workers import INGEST
from ivr.bootstrap import Installation
from ivr.cli.emergency import describe
from ivr.cli.figures import ask_workers
from ivr.cli.output import business_instant, say, show_table, spinner
from ivr.cli.versions import say_put_aside
from ivr.errors import IvrError, OperatorError
from ivr.settings import Settings, load_settings

AT_HELP = 'Business time from now on, such as "2026-11-23 10:00" (in the first centre\'s zone).'


@click.command()
@click.option("--at", help=AT_HELP)
def up(at: str | None) -> None:
    """Start everything and keep it running until Ctrl-C.

    Prints how to reach it: SIP accounts, ports, folders. Started again after a crash it takes over what still runs.
    """
    installation = Installation(load_settings())
    installation.become_owner()
    centres = installation.centres
    business = at if at is not None else installation.settings.at
    set_offset(installation.layout.clock, business_instant(business, centres) if business else None)
    with spinner("rendering prompts") as progress:
        installation.render_prompts(progress)
    asyncio.run(_run(installation))


async def _run(installation: Installation) -> None:
    async with installation.system(say) as system:
        say("ready")
        show_how_to_reach(installation)
        live = installation.publisher.store.state().live
        say_put_aside({name: each.put_aside for name, each in live.items() if each.put_aside is not None})
        if (trouble := await asyncio.to_thread(check_launcher, installation.layout)) is not None:
            say(trouble)
        await system.run()
    say("stopped")


def show_how_to_reach(installation: Installation) -> None:
    """SIP accounts, numbers, ports and folders, for the operator's terminal only."""
    ports, layout = installation.settings.listening, installation.layout
    for centre in installation.centres:
        numbers = ", ".join(centre.numbers)
        say(f"centre {centre.id}: dial {numbers} at sip:{ports.bind}:{ports.sip} (no registration from here)")
        accounts = [
            (agent.id, installation.secrets.agents[agent.id], agent.name, _queues(dict(agent.queues)))
            for agent in centre.agents.values()
        ]
        show_table(("SIP user", "password", "name", "queues (tier)"), accounts)
    say("agents dial *11 log in, *12 log out, *13 pause, *14 resume; transfer to *20 for the second tier")
    say(f"ports: {_ports_text(ports)}")
    say(f"recordings {layout.recordings}, journal {layout.journal}, logs {layout.log}")
    say("see `ivr status`, `ivr calls`, `ivr messages`, `ivr callbacks`; Ctrl-C stops")


def _queues(queues: dict[str, int]) -> str:
    return ", ".join(f"{name} ({tier})" for name, tier in queues.items())


def _ports_text(ports: Ports) -> str:
    return (
        f"sip {ports.sip}/udp, agi {ports.agi}, ami {ports.ami}, http {ports.http}, postgres {ports.postgres}, "
        f"rtp {ports.rtp_first}-{ports.rtp_last}/udp, all on {ports.bind}"
    )


@click.command()
def restart() -> None:
    """Replace every process of ours by a new one, one after the other, while calls go on.

    After an update of the code, say. Asterisk and Postgres stay as they are. Each hands its callers on before it
    ends, and the new one works before the next is asked to end.
    """
    installation = Installation.running()
    if not supervisor_runs(installation.layout):
        raise OperatorError("`ivr up` does not run, so nothing would start them again: `make up` starts everything")
    for worker in installation.running_workers():
        asyncio.run(worker.replace())
        say(f"{worker.name} replaced")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def status(as_json: bool) -> int:
    """Say what runs, where, and what is not well. Exit code 1 when something is not."""
    settings = load_settings()
    look = runtime_status.collect(settings.layout, settings.cache, own_database=settings.database_url is not None)
    workers = ask_workers(settings.layout) if look.ports is not None else {}
    problems = [*look.problems]
    for name, figures in workers.items():
        said = (figures or {}).get("problems", ())
        problems += [f"{name}: {problem}" for problem in said]
        if figures is None and name in look.running:
            problems.append(f"{name} does not answer: see {settings.layout.log_file(name)}")
    if workers and not any(name != INGEST and figures is not None for name, figures in workers.items()):
        problems.append("no controller answers: each call is served by a process of its own")
    if look.ports is not None and (trouble := check_launcher(settings.layout)) is not None:
        problems.append(trouble)
    load = _load(settings) if "asterisk" in look.running else None
    standing: list[Order] = []
    try:
        standing = EmergencyFile(settings.layout.emergencies).list_standing(SystemClock(settings.layout.clock).now())
    except OperatorError as error:
        problems.append(str(error))
    if as_json:
        click.echo(
            json.dumps(
                {
                    **look.as_dict(),
                    "problems": problems,
                    "workers": workers,
                    "load": None if load is None else asdict(load),
                    "emergencies": [order.to_json() for order in standing],
                },
                indent=1,
                ensure_ascii=False,
            )
        )
        return 1 if problems else 0
    show_table(("part", "version"), list(look.versions.items()))
    show_table(
        ("process", "pid", "user", "since"),
        [(service.name, service.pid or "-", service.user or "-", _since(service.started)) for service in look.services],
    )
    if look.ports is not None:
        say(f"ports: {_ports_text(look.ports)}")
    for name, folder in look.folders.items():
        say(f"{name}: {folder}")
    if load is not None:
        limit = "no limit (IVR_MAX_CALLS)" if load.limit == 0 else f"at most {load.limit}"
        say(f"callers now: {load.callers}, {limit}; refused since Asterisk started: {load.refused}")
    for name, figures in workers.items():
        if figures is not None:
            say(f"{name}: {_figures_text(figures)}")
    if (answering := next((each for each in workers.values() if each and "board" in each), None)) is not None:
        _show_centres(answering)
    for order in standing:
        say(describe(order))
    for problem in problems:
        say(f"NOT WELL: {problem}")
    if not problems:
        say("all is well")
    return 1 if problems else 0


def _load(settings: Settings) -> Load | None:
    try:
        return asyncio.run(Installation(settings, is_live=True).asterisk.load())
    except IvrError:
        return None


def _figures_text(figures: dict[str, Any]) -> str:
    if (record := figures.get("ingest")) is not None:
        return (
            f"open calls {record['open_calls']}, behind the journal {record['lag_bytes']} bytes "
            f"(about {record['lag_lines']} lines, {record['lag_s']:.1f} s), unreadable lines {record['torn']}, "
            f"lost files {record['lost_files']}"
            + (f", recordings to be sealed {sealing['waiting']}" if (sealing := figures.get("sealing")) else "")
        )
    return f"callers {figures['sessions']}"


def _show_centres(figures: dict[str, Any]) -> None:
    board = figures["board"]
    versions = ", ".join(f"{centre} ({version})" for centre, version in figures["centres"].items())
    say(f"centres (version): {versions}")
    say(f"business clock: {figures['business_clock']}")
    logged_in = sum(agent["logged_in"] for agent in board["agents"])
    waiting = sum(queue["waiting"] for queue in board["queues"])
    say(f"agents logged in: {logged_in} of {len(board['agents'])}, callers waiting: {waiting} (see `ivr agents`)")


def _since(started: float | None) -> str:
    return "-" if started is None else datetime.fromtimestamp(started).astimezone().isoformat(" ", "seconds")


@click.command()
@click.option("--at", help=AT_HELP)
@click.option("--real", is_flag=True, help="Back to the machine's clock.")
def clock(at: str | None, real: bool) -> None:
    """Show or shift the business clock of a trial; the next call goes by it."""
    if at is not None and real:
        raise click.UsageError("--at and --real exclude each other")
    installation = Installation.running()
    if at is not None or real:
        set_offset(installation.layout.clock, business_instant(at, installation.centres) if at is not None else None)
    zone = installation.centres[0].calendars["centre"].timezone
    say(f"business clock: {installation.clock.now().astimezone(zone).isoformat(' ', 'seconds')}")
