"""A file as read: its data, all scalars as text, and where each part of it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ivr.dialplan.problem import Problem

MAX_PROBLEMS = 200
"""More in one file nobody reads, and finding what was meant by each takes time."""

Data: TypeAlias = "str | list[Data] | dict[str, Data]"
Path = tuple[str | int, ...]
"""Keys and list indexes from the top of the file."""


class TooManyProblemsError(Exception):
    """Nothing more of the file is looked at; the problem that says why is among those found."""


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`keys` has the place of each mapping key, `values` that of each value."""

    file: str
    data: dict[str, Data]
    keys: Mapping[Path, Place]
    values: Mapping[Path, Place]
    digest: bytes = b""
    """SHA-256 of the file's bytes, the very ones that `data` was made from."""
    found: list[Problem] = field(default_factory=list)
    """What is wrong with it so far; later stages add to it."""
    origins: dict[Path, Path] = field(default_factory=dict)
    """Path of something that was put in place of a call of a sub-flow -> path of what it was made from."""

    def problem(self, path: Path, kind: str, **details: str) -> None:
        """Adds a problem with the value at `path`, or at the nearest part around it that is really in the file.

        Raises TooManyProblemsError.
        """
        self._add(self._place(path, self.values), kind, details)

    def key_problem(self, path: Path, kind: str, **details: str) -> None:
        """Like `problem`, with the key at `path`. Raises TooManyProblemsError."""
        self._add(self._place(path, self.keys), kind, details)

    def has(self, path: Path) -> bool:
        return self._written(path) in self.values

    def line(self, path: Path) -> int:
        """The line of the value at `path`, or of the nearest part around it that is really in the file."""
        return self._place(path, self.values).line

    def _add(self, place: Place, kind: str, details: Mapping[str, str]) -> None:
        if len(self.found) >= MAX_PROBLEMS:
            raise TooManyProblemsError
        self.found.append(Problem(file=self.file, line=place.line, column=place.column, kind=kind, details=details))
        if len(self.found) >= MAX_PROBLEMS:
            last = {"limit": str(MAX_PROBLEMS)}
            self.found.append(Problem(file=self.file, line=1, column=1, kind="too_many_problems", details=last))
            raise TooManyProblemsError

    def _written(self, path: Path) -> Path:
        """Where what stands at `path` was written by the author."""
        length = len(path) if self.origins else 0
        while length:
            if (origin := self.origins.get(path[:length])) is not None:
                path = (*origin, *path[length:])
                length = len(path)
            else:
                length -= 1
        return path

    def _place(self, path: Path, first: Mapping[Path, Place]) -> Place:
        path = self._written(path)
        while path:
            if (place := first.get(path) or self.values.get(path)) is not None:
                return place
            # What a mapping lacks is told at its key, which is what the author looks for; a part of what was written
            # short (`play: hello` is a list of one) is told at that text.
            path = path[:-1]
            first = self.keys if isinstance(self._at(path), dict) else self.values
        return Place(1, 1)

    def _at(self, path: Path) -> Data | None:
        data: Data | None = self.data
        for part in path:
            match data, part:
                case dict(), str():
                    data = data.get(part)
                case list(), int() if part < len(data):
                    data = data[part]
                case _:
                    return None
        return data
