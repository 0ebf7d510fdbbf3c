"""The texts of one language, read from `prompts/<language>.yaml`.

Nested mappings are joined by `/`: `digits: {0: zero}` is the key `digits/0`. Every scalar stays the text that was
written (PyYAML would read `12:30` as a number and `no` as False), duplicate keys are refused, and each mistake is
reported with its position.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from ivr.errors import AuthorError

QUEUE_KEYS = frozenset(
    (
        *("beep", "queue-thereare", "queue-callswaiting", "queue-youarenext", "queue-thankyou", "queue-reporthold"),
        *("queue-holdtime", "queue-minute", "queue-minutes", "queue-seconds", "digits/hundred", "digits/thousand"),
        *(f"digits/{number}" for number in (*range(21), *range(30, 100, 10))),
    )
)
"""What Asterisk's own applications look up beside the prompts that a flow names."""

_KEY = re.compile(r"[a-z0-9_-]+")
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Every prompt of a language as text."""

    language: str
    path: Path
    texts: Mapping[str, str]
    """Key -> what is spoken, also the transcript of a recorded prompt."""
    positions: Mapping[str, tuple[int, int]]
    """Key -> line and column of its text, from 1."""

    def keys(self) -> frozenset[str]:
        return frozenset(self.texts)

    def where(self, key: str) -> str:
        """`file:line:column` of a key, for messages."""
        line, column = self.positions[key]
        return f"{self.path}:{line}:{column}"


def load_catalogue(prompts_dir: Path, language: str) -> Catalogue:
    """Read `<prompts_dir>/<language>.yaml`.

    Raises AuthorError with one line `file:line:column: what. hint` for each mistake in the file.
    """
    path = prompts_dir / f"{language}.yaml"
    root = _compose(path)
    if not isinstance(root, yaml.MappingNode):
        raise AuthorError(f"{path}:1:1: no prompts here. Write lines of the form `key: text`")
    texts: dict[str, str] = {}
    positions: dict[str, tuple[int, int]] = {}
    problems: list[str] = []
    for key, node, problem in _leaves(root, ""):
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if key in positions and not problem:
            problem = f"the key {key!r} is here a second time (first in line {positions[key][0]}). Remove one of them"
        if problem:
            problems.append(f"{path}:{line}:{column}: {problem}")
            continue
        texts[key], positions[key] = node.value, (line, column)
    if problems:
        raise AuthorError("\n".join(problems))
    return Catalogue(language=language, path=path, texts=texts, positions=positions)


def _compose(path: Path) -> yaml.Node | None:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise AuthorError(f"{path}:1:1: larger than {_MAX_BYTES} bytes. Is it the right file?")
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AuthorError(f"{path}:1:1: no such file. Each language of a centre needs its prompts there") from None
    except OSError as error:
        raise AuthorError(f"{path}:1:1: cannot be read: {error.strerror}. Check the file and its permissions") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise AuthorError(f"{path}:{line}:1: not UTF-8 text. Save the file as UTF-8") from None
    try:
        return yaml.compose(content, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        hint = "Put quotes around a text that has `: ` or ` #` in it or begins with one of [ { * & ! % @ `"
        raise AuthorError(f"{path}:{line}:{column}: not YAML: {error.problem}. {hint}") from None
    except yaml.reader.ReaderError as error:
        line = content[: error.position].count("\n") + 1
        raise AuthorError(f"{path}:{line}:1: a control character that YAML does not allow. Remove it") from None
    except RecursionError:
        raise AuthorError(f"{path}:1:1: nested too deep. Use at most a few levels") from None


def _leaves(mapping: yaml.MappingNode, prefix: str) -> Iterator[tuple[str, yaml.Node, str]]:
    """Every leaf below a mapping as (key, node, problem); the problem is empty for a good one."""
    for name, value in mapping.value:
        if not isinstance(name, yaml.ScalarNode) or not _KEY.fullmatch(name.value):
            yield prefix, name, "a key is made of a-z, 0-9, _ and - (it becomes a file name). Rename it"
            continue
        key = prefix + name.value
        if isinstance(value, yaml.MappingNode) and value.value:
            # An alias can make a mapping its own ancestor; nothing here is nested deeper than a few levels.
            if key.count("/") >= 5:
                yield key, value, "nested too deep. Use at most a few levels"
            else:
                yield from _leaves(value, f"{key}/")
        elif not isinstance(value, yaml.ScalarNode):
            yield key, value, f"{key!r} is not a text. Write `{name.value}: what is spoken`"
        elif not value.value.strip():
            yield key, value, f"{key!r} has no text. Write what is spoken; it is the transcript of a recording too"
        else:
            yield key, value, ""
