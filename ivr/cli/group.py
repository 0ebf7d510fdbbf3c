"""A click group that imports a command's module only when the command is used, so that `ivr status` starts at once."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """`commands_in` maps a module to the names of its commands; the function of command `x` is `x` or `x_`."""

    def __init__(self, *args: Any, commands_in: Mapping[str, tuple[str, ...]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._module_of = {name: module for module, names in commands_in.items() for name in names}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._module_of)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._module_of:
            return None
        names = vars(import_module(self._module_of[cmd_name]))
        command: click.Command = names.get(f"{cmd_name}_") or names[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            near = get_close_matches(args[0], self._module_of, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"no such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)
