"""ivr calls, call, messages, callbacks: the record, read from Postgres.

Personal data (numbers, birth dates) is sealed. `--personal --why "…"` opens it for this one listing, after noting in
the access log who asked, for what and why.
"""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

import click

from ivr.adapters.db.pool import open_pool
from ivr.adapters.db.records import CallbackItem, CallDetails, Query, RecordStore, StoredMessage
from ivr.bootstrap import Installation
from ivr.cli.output import business_instant, say, show_json, show_table
from ivr.domain.records import CallRecord, LegRecord, StepRecord
from ivr.engine.ports import Vault
from ivr.errors import DestroyedError

HIDDEN = "•••"
DESTROYED = "(destroyed)"
JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
PERSONAL = click.option("--personal", is_flag=True, help="Open sealed values (needs --why; noted in the access log).")
WHY = click.option("--why", default="", help="Reason for --personal.")
SINCE = click.option("--from", "since", help='From this time on, such as "2026-11-23" or "2026-11-23 09:00".')
UNTIL = click.option("--to", "until", help="Up to this time.")
CENTRE = click.option("--centre", help="Only this centre.")
LIMIT = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))


@dataclass(frozen=True, slots=True)
class Opener:
    """Shows sealed values, or hides them."""

    vault: Vault | None

    def text(self, token: str | None) -> str | None:
        """The value, HIDDEN, or None when there is none; text that is not sealed stays."""
        if token is None or not token.startswith("s1."):
            return token
        if self.vault is None:
            return HIDDEN
        try:
            return self.vault.unseal(token)
        except DestroyedError:  # a purge is under way, or was interrupted
            return DESTROYED

    def fields(self, token: str | None) -> dict[str, Any] | str | None:
        """Customer data: a sealed JSON object."""
        text = self.text(token)
        return text if text in (None, HIDDEN, DESTROYED) else json.loads(text)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a listing command works with."""

    opener: Opener
    installation: Installation

    def local(self, instant: datetime | None) -> str:
        """In the first centre's zone, to the second."""
        zone = self.installation.centres[0].calendars["centre"].timezone
        return "" if instant is None else instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    def query(self, since: str | None, until: str | None, centre: str | None, limit: int) -> Query:
        centres = self.installation.centres
        return Query(
            since=business_instant(since, centres) if since else None,
            until=business_instant(until, centres) if until else None,
            centre=centre,
            limit=limit,
        )


def _with_desk(what: str) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """Wraps a command: opens the store, and with --personal notes the access before anything is shown."""

    def decorate(command: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        @wraps(command)
        def run(*, personal: bool, why: str, **options: Any) -> None:
            if personal and not why.strip():
                raise click.UsageError("--personal needs --why: the reason is noted in the access log")
            installation = Installation.running()
            asyncio.run(_serve(installation, command, what, why if personal else None, options))

        return run

    return decorate


async def _serve(
    installation: Installation,
    command: Callable[..., Awaitable[None]],
    what: str,
    why: str | None,
    options: dict[str, Any],
) -> None:
    async with open_pool(installation.dsn, max_size=1) as pool:
        store = RecordStore(pool)
        if why is not None:
            await store.log_access(who=getpass.getuser(), what=f"{what} {_described(options)}".strip(), why=why)
        vault = installation.vault if why is not None else None
        await command(Desk(Opener(vault), installation), store, **options)


def _described(options: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(options.items()) if value not in (None, False, ""))


@click.command()
@SINCE
@UNTIL
@CENTRE
@click.option("--outcome", help="Only this outcome.")
@click.option("--all", "every_kind", is_flag=True, help="Agents' service calls too.")
@LIMIT
@JSON
@PERSONAL
@WHY
@_with_desk("calls")
async def calls(
    desk: Desk,
    store: RecordStore,
    *,
    since: str | None,
    until: str | None,
    centre: str | None,
    outcome: str | None,
    every_kind: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List calls, newest first."""
    query = desk.query(since, until, centre, limit)
    found = await store.list_calls(query, outcome=outcome, kind=None if every_kind else "inbound")
    if as_json:
        show_json([_call_json(call, desk.opener) for call in found])
        return
    show_table(
        ("call", "entered", "number", "caller", "language", "category", "queue", "seconds", "outcome"),
        [
            (
                call.id,
                desk.local(call.entered_at),
                call.dnis,
                desk.opener.text(call.caller) or "withheld",
                call.language,
                call.category,
                call.queue,
                _seconds(call.entered_at, call.ended_at),
                call.outcome or "(in the line)",
            )
            for call in found
        ],
    )


@click.command()
@click.argument("call_id", metavar="ID")
@JSON
@PERSONAL
@WHY
@_with_desk("call")
async def call(desk: Desk, store: RecordStore, *, call_id: str, as_json: bool) -> None:
    """Show one call: the path through the flow and every leg, in the order of time."""
    details = await store.get_call(call_id)
    if as_json:
        show_json(_details_json(details, desk.opener))
        return
    show_call(desk, details)


def show_call(desk: Desk, details: CallDetails) -> None:
    """The readable timeline of one call."""
    record = details.call
    say(f"call {record.id} to {record.dnis} (centre {record.centre or '-'}, version {record.version or '-'})")
    say(f"  caller {desk.opener.text(record.caller) or 'withheld'}, {record.language or '-'}, {record.category or '-'}")
    if record.business_at is not None:
        say(f"  business clock at entry {desk.local(record.business_at)}")
    outcome = record.outcome or "still in the line"
    say(f"  {outcome}, {_seconds(record.entered_at, record.ended_at) or '?'} s, ended by {record.ended_by or '-'}")
    show_table(("time", "s", "what", "where", "result", "pressed", "heard"), _timeline(desk, record))
    show_table(
        ("leg", "kind", "agent", "created", "answered", "ended", "talk s", "cause", "ended by"),
        [_leg_row(desk, leg) for leg in record.legs],
    )
    for message in record.messages:
        say(f"message {message.state}: {message.file}, {message.seconds or 0:.1f} s, sha-256 {message.sha256 or '-'}")
        say(f"  data {desk.opener.fields(message.data) or '-'}")
    for talk in record.talks:
        say(f"talk recorded: {talk.file}, {talk.seconds or 0:.1f} s")
    for item in details.callbacks:
        say(_callback_text(desk, item))
    for fault in record.faults:
        say(f"NOT UNDERSTOOD: {fault}")


def _timeline(desk: Desk, record: CallRecord) -> list[tuple[object, ...]]:
    moments: list[tuple[datetime, tuple[object, ...]]] = [
        (step.at, (step.kind, step.node, step.result, desk.opener.text(step.got), _heard(step)))
        for step in record.steps
    ]
    for leg in record.legs:
        who = f"{leg.kind} {leg.agent or ''}".strip()
        for at, what in ((leg.ringing_at, "rings"), (leg.answered_at, "answers"), (leg.ended_at, "ends")):
            if at is not None:
                moments.append((at, ("leg", who, what, None, None)))
    moments.sort(key=lambda moment: moment[0])
    return [(desk.local(at)[11:], f"{(at - record.entered_at).total_seconds():.1f}", *rest) for at, rest in moments]


def _heard(step: StepRecord) -> str:
    return ", ".join(step.heard)


def _leg_row(desk: Desk, leg: LegRecord) -> tuple[object, ...]:
    return (
        leg.id,
        leg.kind,
        leg.agent,
        desk.local(leg.created_at)[11:],
        desk.local(leg.answered_at)[11:],
        desk.local(leg.ended_at)[11:],
        f"{leg.talk_s:.1f}",
        leg.hangup_cause,
        leg.ended_by,
    )


@click.command()
@SINCE
@UNTIL
@CENTRE
@click.option("--state", default="kept", show_default=True, help="kept, discarded, empty, recording or all.")
@LIMIT
@JSON
@PERSONAL
@WHY
@_with_desk("messages")
async def messages(
    desk: Desk,
    store: RecordStore,
    *,
    since: str | None,
    until: str | None,
    centre: str | None,
    state: str,
    limit: int,
    as_json: bool,
) -> None:
    """List the questions that callers recorded, newest first."""
    query = desk.query(since, until, centre, limit)
    found = await store.list_messages(query, state=None if state == "all" else state)
    if as_json:
        show_json([_message_json(item, desk) for item in found])
        return
    show_table(
        ("call", "recorded", "category", "language", "seconds", "caller", "data", "file"),
        [
            (
                item.call,
                desk.local(item.message.at),
                item.message.category,
                item.message.language,
                f"{item.message.seconds or 0:.1f}",
                desk.opener.text(item.caller) or "withheld",
                desk.opener.fields(item.message.data),
                item.message.file,
            )
            for item in found
        ],
    )


@click.command()
@SINCE
@UNTIL
@CENTRE
@click.option("--state", help="Only this state, such as open.")
@LIMIT
@JSON
@PERSONAL
@WHY
@_with_desk("callbacks")
async def callbacks(
    desk: Desk,
    store: RecordStore,
    *,
    since: str | None,
    until: str | None,
    centre: str | None,
    state: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List who is to be called back, soonest due first (--from and --to go by the due time)."""
    found = await store.list_callbacks(desk.query(since, until, centre, limit), state=state)
    if as_json:
        show_json([_callback_json(item, desk.opener) for item in found])
        return
    show_table(
        ("id", "due", "state", "attempts", "requests", "number", "category", "language", "origin"),
        [
            (
                item.id,
                desk.local(item.due),
                item.state,
                item.attempts,
                item.requests,
                desk.opener.text(item.number),
                item.category,
                item.language,
                item.origin,
            )
            for item in found
        ],
    )


def _callback_text(desk: Desk, item: CallbackItem) -> str:
    return (
        f"callback {item.state}: due {desk.local(item.due)}, number {desk.opener.text(item.number)}, "
        f"{item.category or '-'}, {item.language or '-'}, {item.attempts} attempts"
    )


def _seconds(start: datetime, end: datetime | None) -> str:
    return "" if end is None else f"{(end - start).total_seconds():.1f}"


def _opened(fields: dict[str, Any], opener: Opener, sealed: Iterable[str]) -> dict[str, Any]:
    return {name: opener.text(value) if name in sealed else value for name, value in fields.items()}


def _call_json(record: CallRecord, opener: Opener) -> dict[str, Any]:
    fields = {name: getattr(record, name) for name in record.__slots__}
    return _opened(fields, opener, ("caller",))


def _details_json(details: CallDetails, opener: Opener) -> dict[str, Any]:
    record = details.call
    return {
        **_call_json(record, opener),
        "steps": [_opened({n: getattr(step, n) for n in step.__slots__}, opener, ("got",)) for step in record.steps],
        "messages": [
            {**{n: getattr(item, n) for n in item.__slots__}, "data": opener.fields(item.data)}
            for item in record.messages
        ],
        "callbacks": [_callback_json(item, opener) for item in details.callbacks],
    }


def _message_json(item: StoredMessage, desk: Desk) -> dict[str, Any]:
    message = {name: getattr(item.message, name) for name in item.message.__slots__}
    return {
        "call": item.call,
        "centre": item.centre,
        "caller": desk.opener.text(item.caller),
        **message,
        "data": desk.opener.fields(item.message.data),
    }


def _callback_json(item: CallbackItem, opener: Opener) -> dict[str, Any]:
    fields = {name: getattr(item, name) for name in item.__slots__}
    return {**_opened(fields, opener, ("number",)), "data": opener.fields(item.data)}
