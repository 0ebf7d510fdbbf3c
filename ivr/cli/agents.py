"""ivr agents: who serves which queue now, and who waits."""

from __future__ import annotations

import click

from ivr.bootstrap import Installation
from ivr.cli.figures import ask_controller
from ivr.cli.output import say, show_json, show_table
from ivr.errors import OperatorError


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def agents(as_json: bool) -> None:
    """Show agents and queues as they are this moment."""
    installation = Installation.running()
    figures = ask_controller(installation.layout)
    if figures is None:
        raise OperatorError("no controller answers: `ivr status` says what runs, `make up` starts it")
    board = figures["board"]
    if as_json:
        show_json(board)
        return
    if not board["is_live"]:
        say("NOT LIVE: there is no link to Asterisk's AMI at the moment")
    show_table(
        ("agent", "registered", "logged in", "paused", "state"),
        [
            (agent["agent"], *(_yes(agent[name]) for name in ("registered", "logged_in", "paused")), agent["state"])
            for agent in board["agents"]
        ],
    )
    show_table(
        ("queue", "waiting", "longest wait s", "free agents", "agents (tier)"),
        [
            (
                queue["queue"],
                queue["waiting"],
                f"{queue['longest_wait_s']:.0f}",
                queue["free"],
                ", ".join(f"{member['agent']} ({member['tier']})" for member in queue["members"]),
            )
            for queue in board["queues"]
        ],
    )


def _yes(value: bool) -> str:
    return "yes" if value else "-"
