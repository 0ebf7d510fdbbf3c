"""The command `ivr`. Each group of commands is a module here; a command parses, calls, prints, and sets the exit code.

Exit codes: 0 done; 1 the answer is no (a check found errors, something is not well); 2 a wrong command line, setting or
machine, told in one line; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from ivr import __version__
from ivr.cli.group import LazyGroup
from ivr.errors import AuthorError, IvrError


@click.group(
    cls=LazyGroup,
    commands_in={
        "ivr.cli.system": ("up", "restart", "status", "clock"),
        "ivr.cli.parts": ("prepare", "migrate", "asterisk", "controller", "ingest", "answers"),
        "ivr.cli.emergency": ("close", "open"),
        "ivr.cli.dialplan": ("check",),
        "ivr.cli.simulate": ("simulate",),
        "ivr.cli.scenarios": ("scenarios",),
        "ivr.cli.hours": ("hours",),
        "ivr.cli.graph": ("graph",),
        "ivr.cli.editors": ("schema", "reference"),
        "ivr.cli.versions": ("reload", "versions", "rollback"),
        "ivr.cli.replay": ("replay",),
        "ivr.cli.prompts": ("prompts",),
        "ivr.cli.records": ("calls", "call", "messages", "callbacks"),
        "ivr.cli.reconcile": ("reconcile",),
        "ivr.cli.rotate": ("rotate",),
        "ivr.cli.recording": ("recording",),
        "ivr.cli.purge": ("purge",),
        "ivr.cli.agents": ("agents",),
        "ivr.cli.demo": ("demo",),
        "ivr.cli.bench": ("bench", "soak"),
        "ivr.cli.fuzz": ("fuzz",),
        "ivr.cli.chaos": ("chaos",),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="ivr")
def ivr() -> None:
    """A call-centre engine on Asterisk.

    ivr up starts everything; ivr status says what runs; ivr calls shows who called.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits. Whatever is wrong is one line on stderr, never a traceback."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit code."""
    try:
        result = ivr.main(args=arguments, prog_name="ivr", standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "ivr"
        return _complain(f"{where}: {_one_line(error.format_message())} (see {where} --help)", 2)
    except click.ClickException as error:
        return _complain(f"ivr: {_one_line(error.format_message())}", 2)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except AuthorError as error:
        return _complain(str(error), 1)
    except IvrError as error:
        return _complain(f"ivr: {error}", 2)
    except BrokenPipeError:
        # The reader of our output left (`ivr calls | head`); nothing is wrong.
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0


def _complain(text: str, code: int) -> int:
    click.echo(text, err=True)
    return code


def _one_line(text: str) -> str:
    return " ".join(text.split())
