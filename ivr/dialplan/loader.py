"""Strict YAML: what stands in the file is what is meant.

Scalars stay text (`18:00` is no number, `on` no truth value); duplicate keys, anchors, aliases, merge keys and tags are
refused. The tree is built from PyYAML's events rather than from its nodes: nothing is expanded, nesting is bounded,
and the C parser does the work where it is there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Protocol

import yaml

from ivr.dialplan.document import Data, Document, Path, Place
from ivr.dialplan.problem import Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
"""Deeper is no dialplan; it also bounds our recursion and the time the parser takes."""

_STAR_KEY = re.compile(r"^\s*\*\s*:")
_HASH_KEY = re.compile(r"^(\s*)#\s?:(\s|$)")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]|[\ud800-\udfff]")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""As YAML counts lines, not as Python does."""
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: FilePath) -> tuple[Document | None, list[Problem]]:
    """The file as a document, or None when it cannot be one. The problems found so far are listed in either case."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        kind = "missing_file" if isinstance(error, FileNotFoundError) else "unreadable_file"
        details = {"name": path.name, "reason": error.strerror or type(error).__name__}
        return None, [_problem(str(path), Place(1, 1), kind, details)]
    return parse(raw, str(path))


def parse(raw: bytes, file: str) -> tuple[Document | None, list[Problem]]:
    """Like `read`, from the bytes of a file that is called `file`."""
    try:
        text = _text(raw)
        lines = _LINE_BREAK.split(text)
        _refuse_tabs(lines)
        document = _Tree(file, text, lines).document(hashlib.sha256(raw).digest())
    except _RefusedError as refused:
        return None, [_problem(file, refused.place, refused.kind, refused.details)]
    return document, document.found


def _problem(file: str, place: Place, kind: str, details: Mapping[str, str]) -> Problem:
    return Problem(file=file, line=place.line, column=place.column, kind=kind, details=details)


class _Mark(Protocol):
    """A position, whichever of PyYAML's two parsers tells it; both count from 0."""

    line: int
    column: int


class _RefusedError(Exception):
    """The file cannot be read any further."""

    def __init__(self, place: Place, kind: str, **details: str) -> None:
        self.place = place
        self.kind = kind
        self.details = details


def _text(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise _RefusedError(Place(1, 1), "file_too_large", limit=f"{MAX_BYTES // 1000} kB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = raw[: error.start].decode("utf-8-sig")
        last_line = good.rpartition("\n")[2]
        raise _RefusedError(Place(good.count("\n") + 1, len(last_line) + 1), "encoding") from None


def _refuse_tabs(lines: list[str]) -> None:
    for number, line in enumerate(lines, start=1):
        if (column := line.find("\t")) >= 0:
            raise _RefusedError(Place(number, column + 1), "tab")


def _place(mark: _Mark | None) -> Place:
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


def _refuse_shorthand(event: yaml.Event, place: Place) -> None:
    """Anchors, aliases and tags: each makes what a value is depend on something other than its text."""
    if (anchor := getattr(event, "anchor", None)) is not None:
        raise _RefusedError(place, "alias", name=str(anchor))
    if (tag := getattr(event, "tag", None)) is not None:
        raise _RefusedError(place, "tag", tag=str(tag).replace("tag:yaml.org,2002:", "!!"))


class _Tree:
    """Builds the data of one file from its events, noting where each part stands."""

    def __init__(self, file: str, text: str, lines: list[str]) -> None:
        self._file = file
        self._lines = lines
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_PARSER)
        self._keys: dict[Path, Place] = {}
        self._values: dict[Path, Place] = {}
        self._found: list[Problem] = []

    def document(self, digest: bytes) -> Document:
        data = self._single_document()
        if not isinstance(data, dict):
            raise _RefusedError(Place(1, 1), "not_a_mapping_file" if data else "empty_file")
        self._find_hash_keys()
        return Document(
            file=self._file, data=data, keys=self._keys, values=self._values, digest=digest, found=self._found
        )

    def _single_document(self) -> Data:
        data: Data = ""
        documents = 0
        while (event := self._next()) is not None:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _RefusedError(_place(event.start_mark), "several_documents")
                data = self._value(self._must_next(), ())
        return data

    def _next(self) -> yaml.Event | None:
        try:
            return next(self._events, None)
        except yaml.MarkedYAMLError as error:
            raise self._syntax(error) from None
        except yaml.reader.ReaderError:
            raise self._unprintable() from None

    def _must_next(self) -> yaml.Event:
        event = self._next()
        if event is None:  # the parser ends what it began, or raises: this is for a parser that does neither
            raise _RefusedError(Place(1, 1), "syntax", reason="unexpected end")
        return event

    def _value(self, event: yaml.Event, path: Path) -> Data:
        place = _place(event.start_mark)
        self._values[path] = place
        if len(path) > MAX_DEPTH:
            raise _RefusedError(place, "too_deep", limit=str(MAX_DEPTH))
        _refuse_shorthand(event, place)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event, place)
            case yaml.SequenceStartEvent():
                return self._list(path)
            case _:
                return self._mapping(path)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> str:
        text = str(event.value)
        if _CONTROL.search(text):
            self._problem(place, "control_character")
        return text

    def _list(self, path: Path) -> list[Data]:
        items: list[Data] = []
        while not isinstance(event := self._must_next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Data]:
        items: dict[str, Data] = {}
        while not isinstance(event := self._must_next(), yaml.MappingEndEvent):
            place = _place(event.start_mark)
            _refuse_shorthand(event, place)
            if not isinstance(event, yaml.ScalarEvent):
                raise _RefusedError(place, "key_not_text")
            key = self._scalar(event, place)
            if key == "<<":
                raise _RefusedError(place, "merge_key")
            here = (*path, key)
            if key in items:
                # The second value is read, so that mistakes in it are told too, under a path that is nobody's.
                self._problem(place, "duplicate_key", key=key, line=str(self._keys[here].line))
                self._value(self._must_next(), (*path, f"{key} again"))
                continue
            self._keys[here] = place
            items[key] = self._value(self._must_next(), here)
        return items

    def _problem(self, place: Place, kind: str, **details: str) -> None:
        self._found.append(_problem(self._file, place, kind, details))

    def _find_hash_keys(self) -> None:
        """`#: agents` is a comment to YAML, yet nobody writes that as a comment beside menu keys."""
        for number, line in enumerate(self._lines, start=1):
            if found := _HASH_KEY.match(line):
                self._problem(Place(number, len(found[1]) + 1), "hash_key")

    def _syntax(self, error: yaml.MarkedYAMLError) -> _RefusedError:
        place = _place(error.problem_mark or error.context_mark)
        line = self._lines[place.line - 1] if place.line <= len(self._lines) else ""
        if _STAR_KEY.match(line):
            return _RefusedError(Place(place.line, line.index("*") + 1), "star_key")
        opened = error.context_mark
        if opened is not None and "quoted scalar" in (error.context or ""):
            return _RefusedError(_place(opened), "open_quote")
        return _RefusedError(place, "syntax", reason=error.problem or "")

    def _unprintable(self) -> _RefusedError:
        for number, line in enumerate(self._lines, start=1):
            if found := _CONTROL.search(line):
                return _RefusedError(Place(number, found.start() + 1), "control_character")
        return _RefusedError(Place(1, 1), "control_character")
