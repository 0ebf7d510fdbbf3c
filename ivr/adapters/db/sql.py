"""SQL lives in .sql files as named blocks: a line `-- name: get_call` begins one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load(file_name: str) -> Mapping[str, str]:
    """The blocks of `queries/<file_name>` by name. Raises ValueError for a name used twice."""
    return blocks(files("ivr.adapters.db").joinpath("queries", file_name).read_text(encoding="utf-8"))


def blocks(text: str) -> Mapping[str, str]:
    parts = _NAME.split(text)
    found: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"the SQL block {name} is there twice")
        found[name] = body.strip()
    return found
