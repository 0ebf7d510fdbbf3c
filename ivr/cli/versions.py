"""ivr reload, versions, rollback: what callers reach, changed without a stop."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from typing import Any

import click

from ivr.adapters.versions import Live, Version
from ivr.bootstrap import Installation
from ivr.cli.folders import LANG
from ivr.cli.orders import order
from ivr.cli.output import say, show_json, show_table, spinner
from ivr.errors import OperatorError

NOTE = click.option("--note", default="", help="Why, for those who read `ivr versions` later.")
JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")


def _who() -> str:
    """The person at the terminal, also behind sudo; asked before root's rights are given up."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


@click.command()
@NOTE
@LANG
@JSON
def reload(note: str, lang: str, as_json: bool) -> int:
    """Make the dialplan folder live for the next call; calls in progress finish as they began.

    Checked first: with a mistake in it, nothing changes and every mistake is printed. Adding a folder brings a centre
    up, removing it takes the centre down after its last call.
    """
    who = _who()
    installation = Installation.running()
    loaded = installation.check()
    for problem in loaded.problems:
        say(problem.line_in(lang))
    if loaded.problems:
        click.echo("refused: nothing was changed", err=True)
        return 1
    with spinner("rendering prompts") as progress:
        # Calls in progress may still play what is not in the texts any more.
        installation.render_prompts(progress, tidy=False)
    _show(order(installation, "reload", {"who": who, "note": note}), as_json)
    return 0


@click.command()
@click.argument("centre")
@click.argument("version", required=False)
@NOTE
@JSON
def rollback(centre: str, version: str | None, note: str, as_json: bool) -> None:
    """Make an earlier VERSION of CENTRE live again; the one before the present one if none is named.

    The dialplan folder is not touched: it stays aside until the next `ivr reload`, also over a restart.
    """
    who = _who()
    installation = Installation.running()
    chosen = _complete(installation, centre, version) if version is not None else None
    body = {"centre": centre, "version": chosen, "who": who, "note": note}
    _show(order(installation, "rollback", body), as_json)


@click.command()
@click.argument("centre", required=False)
@JSON
def versions(centre: str | None, as_json: bool) -> None:
    """List the versions of CENTRE (or of all) that were live: when, by whom, and why. `*` marks the live one."""
    installation = Installation.running()
    store = installation.publisher.store
    found, live = store.list_versions(centre), store.state().live
    if not found:
        where = f"centre {centre}" if centre else "any centre"
        raise OperatorError(f"there is no version of {where} yet: `ivr up` and `ivr reload` keep one each")
    if as_json:
        show_json([_plain(each, live) for each in found])
        return
    rows = sorted((row for each in found for row in _rows(each, _is_live(each, live))), key=lambda row: row[3])
    show_table(("live", "centre", "version", "live from", "who", "how", "note"), rows[::-1])
    say_put_aside({name: each.put_aside for name, each in live.items() if each.put_aside is not None})


def say_put_aside(put_aside: Mapping[str, str | None]) -> None:
    """Reminds of every rollback that still holds."""
    for name in put_aside:
        say(f"centre {name} was rolled back: its folder is not live until `ivr reload`")


def _show(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(done)
        return
    for change in done["changes"]:
        before, after = change["before"] or "-", change["after"] or "-"
        arrow = "" if before == after else f" ({before} -> {after})"
        say(f"centre {change['centre']}: {change['kind']}{arrow}")
        for detail in change["details"]:
            say(f"  {detail}")
    say_put_aside(done["put_aside"])
    if done["trouble"]:
        say(f"NOT WELL: {done['trouble']}")
    say("live for the next call; calls in progress finish as they began")


def _complete(installation: Installation, centre: str, beginning: str) -> str:
    """The one version that begins so. Raises OperatorError."""
    found = [each.version for each in installation.publisher.store.list_versions(centre)]
    matching = [version for version in found if version.startswith(beginning)]
    if len(matching) != 1:
        what = "no version" if not matching else "more than one version"
        raise OperatorError(f"centre {centre} has {what} {beginning!r}: `ivr versions {centre}` lists them")
    return matching[0]


def _rows(version: Version, is_live: bool) -> list[tuple[str, ...]]:
    """One for each time that it became live."""
    last = version.publications[-1]
    return [
        (
            "*" if is_live and each is last else "",
            version.centre,
            version.version,
            each.at.astimezone().isoformat(" ", "seconds"),
            each.who,
            each.how,
            each.note,
        )
        for each in version.publications
    ]


def _is_live(version: Version, live: Mapping[str, Live]) -> bool:
    return version.centre in live and live[version.centre].version == version.version


def _plain(version: Version, live: Mapping[str, Live]) -> dict[str, Any]:
    return {
        "centre": version.centre,
        "version": version.version,
        "live": _is_live(version, live),
        "publications": version.publications,
    }
