"""The models of the files, seen from outside: which keys there are, what may be written for each, and what it means.

Editors (`json_schema.py`) and readers (`reference.py`) are told from here, so neither can differ from what is read.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from ivr.dialplan.raw import Raw
from ivr.dialplan.written import Converter, OneOrMore, ShortFor, Written, YesForAny


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value."""

    written: Written


@dataclass(frozen=True, slots=True)
class ListOf:
    """Several of `item`; a single one may stand for a list of one if `or_one`."""

    item: Shape
    or_one: bool


@dataclass(frozen=True, slots=True)
class MapOf:
    """Keys that the author chooses, each with an `item`."""

    key: Written
    item: Shape


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping with keys of its own; a plain text may stand for its key `short`, `yes` for an empty one."""

    model: type[Raw]
    short: str | None = None
    or_yes: bool = False


@dataclass(frozen=True, slots=True)
class Anything:
    """What is read by something else."""


Shape = Scalar | ListOf | MapOf | Part | Anything

NAME = Written("name", {"type": "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a mapping."""

    name: str
    shape: Shape
    required: bool
    default: str
    """As it would be written; empty where there is nothing to write."""
    meaning: str


def meaning_of(model: type[Raw]) -> str:
    """What a mapping is, in a line or two."""
    return " ".join(inspect.cleandoc(model.__doc__ or "").split())


def keys_of(model: type[Raw]) -> tuple[Key, ...]:
    """The keys of a mapping, its own before those that it shares with others."""
    meanings = _meanings(model)
    own = list(inspect.get_annotations(model))
    fields = sorted(model.model_fields.items(), key=lambda item: own.index(item[0]) if item[0] in own else len(own))
    return tuple(
        Key(
            name=field.alias or name,
            shape=(shape := _shape(field.annotation, field.metadata)),
            required=field.is_required(),
            default=_written_default(field.default, shape),
            meaning=meanings.get(name, ""),
        )
        for name, field in fields
    )


def models_in(model: type[Raw]) -> tuple[type[Raw], ...]:
    """The mappings below a mapping, in order, each once."""
    found: dict[type[Raw], None] = {}
    for key in keys_of(model):
        for inner in _models(key.shape):
            found |= {inner: None, **dict.fromkeys(models_in(inner))}
    return tuple(found)


def _models(shape: Shape) -> tuple[type[Raw], ...]:
    match shape:
        case Part(model):
            return (model,)
        case ListOf(item) | MapOf(item=item):
            return _models(item)
        case _:
            return ()


def _shape(annotation: Any, marks: Any = ()) -> Shape:
    annotation, marks = _unpacked(annotation, marks)
    written = next((found for mark in marks if (found := _written(mark)) is not None), None)
    if written is not None:
        return Scalar(written)
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin is tuple:
            return ListOf(_shape(arguments[0]), any(isinstance(mark, OneOrMore) for mark in marks))
        case origin if origin is dict:
            key = _shape(arguments[0])
            return MapOf(key.written if isinstance(key, Scalar) else NAME, _shape(arguments[1]))
        case _ if isinstance(annotation, type) and issubclass(annotation, Raw):
            short = next((mark.key for mark in marks if isinstance(mark, ShortFor)), None)
            return Part(annotation, short, any(isinstance(mark, YesForAny) for mark in marks))
        case _:
            return Anything()


def _unpacked(annotation: Any, marks: Any) -> tuple[Any, tuple[Any, ...]]:
    """The bare type and all marks on it; `| None` says only that a key may be left out."""
    found = tuple(marks)
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            found = (*found, *more)
        elif get_origin(annotation) in (Union, UnionType):
            annotation = next(part for part in get_args(annotation) if part is not NoneType)
        else:
            return annotation, found


def _written(mark: object) -> Written | None:
    if isinstance(mark, Written):
        return mark
    converter = getattr(mark, "func", None)
    return converter.written if isinstance(converter, Converter) else None


def _written_default(default: Any, shape: Shape) -> str:
    match default, shape:
        case bool(), _:
            return "yes" if default else "no"
        case int() | float(), Scalar(written):
            return f"{default:g}{written.unit}"
        case str(), _ if default:
            return default
        case _:
            return ""


@cache
def _meanings(model: type[Raw]) -> dict[str, str]:
    """Key -> the text below it in the source."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if not issubclass(kind, Raw) or kind is Raw:
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        assert isinstance(definition, ast.ClassDef)
        for statement, following in pairwise(definition.body):
            match statement, following:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(inspect.cleandoc(text).split())
                case _:
                    pass
    return found
