"""ivr recording: the one way in which a message or talk leaves the safe by the command line."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from typing import BinaryIO

import click

from ivr.bootstrap import Installation


def _opened(_: click.Context, __: click.Parameter, path: str) -> BinaryIO:
    """Opened before root's rights are given up, for this user's eyes only."""
    if path == "-":
        return sys.stdout.buffer
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")
    except OSError as error:
        raise click.BadParameter(f"cannot write {path}: {error.strerror}") from error


@click.command()
@click.argument("which", metavar="ID|FILE")
@click.option("--out", required=True, callback=_opened, help="WAV to write; - for the standard output.")
@click.option("--why", required=True, help="Reason; noted with your name in the access log before anything is given.")
def recording(which: str, out: BinaryIO, why: str) -> None:
    """Take a message or talk out of the safe, exactly as it was recorded.

    ID is a call with one recording; FILE is what `ivr messages` and `ivr call` show.
    """
    if not why.strip():
        raise click.UsageError("--why needs a reason: it is noted in the access log")
    asyncio.run(_write(Installation.running(), which, out, why))


async def _write(installation: Installation, which: str, out: BinaryIO, why: str) -> None:
    async with installation.handout() as handout:
        handed = await handout.give(which, who=getpass.getuser(), why=why)
        for piece in handed.pieces:
            out.write(piece)
    out.flush()
    if out is not sys.stdout.buffer:
        out.close()
        click.echo(f"{handed.file}: sha-256 {handed.sha256}", err=True)
