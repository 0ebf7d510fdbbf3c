"""ivr close and open: orders that go before every calendar, hold from the next call on and end by themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

import click
import psutil

from ivr.adapters.emergencies import EmergencyFile, Order
from ivr.bootstrap import Installation
from ivr.cli.output import business_instant, say
from ivr.domain.centre import Centre
from ivr.engine.emergencies import under
from ivr.errors import OperatorError

CENTRE = click.option("--centre", required=True, help="Name of the centre's folder, such as 120.")
REASON = click.option("--reason", default="", help="Why: shown by `ivr status` and `ivr hours --explain`.")
BY = click.option("--by", help="Who orders it; the account's name if left out.")


@click.command()
@CENTRE
@click.option("--until", required=True, help='When it ends by itself, such as "2026-11-24 12:00" (centre\'s zone).')
@REASON
@BY
def close(centre: str, until: str, reason: str, by: str | None) -> None:
    """Close a centre now, whatever its calendar says, from the next call on."""
    _give("close", centre, until, reason, by)


@click.command("open")
@CENTRE
@click.option("--until", help="Keep it open until then, on a holiday too; left out: take the order in force back.")
@REASON
@BY
def open_(centre: str, until: str | None, reason: str, by: str | None) -> None:
    """End an emergency; with --until, keep the centre open whatever its calendar says."""
    _give("end" if until is None else "open", centre, until, reason, by)


def _give(what: str, centre_id: str, until: str | None, reason: str, by: str | None) -> None:
    by = by or os.environ.get("SUDO_USER") or psutil.Process().username()
    installation = Installation.running()
    centre = _centre(installation.centres, centre_id)
    now = installation.clock.now()
    ends = now if until is None else business_instant(until, (centre,))
    if until is not None and ends <= now:
        raise click.UsageError(f"--until {until} is over: the business clock says {_local(now, centre)}")
    orders = EmergencyFile(installation.layout.emergencies)
    if what == "end" and not any(order.centre == centre_id for order in orders.list_standing(now)):
        raise OperatorError(f"no emergency holds for {centre_id}: nothing to take back")
    order = Order(centre=centre_id, order=what, since=now, until=ends, by=by, reason=" ".join(reason.split()))
    orders.add(order)
    verdict = under(centre, order.emergency).calendars["centre"].verdict(now)
    state = "open" if verdict.is_open else "closed"
    say(f"{centre_id}: {state} from the next call on" + (f", until {_local(ends, centre)}" if what != "end" else ""))


def _centre(centres: Sequence[Centre], centre_id: str) -> Centre:
    for centre in centres:
        if centre.id == centre_id:
            return centre
    raise OperatorError(f"no centre {centre_id}: there are {', '.join(centre.id for centre in centres)}")


def _local(at: datetime, centre: Centre) -> str:
    return at.astimezone(centre.calendars["centre"].timezone).isoformat(" ", "minutes")


def describe(order: Order) -> str:
    """One line for `ivr status`."""
    until = order.until.isoformat(" ", "minutes")
    state = "open" if order.order == "open" else "closed"
    why = order.reason or "no reason given"
    return f"emergency: {order.centre} is {state} until {until}, ordered by {order.by}: {why}"
