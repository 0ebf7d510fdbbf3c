"""What authors may write, said beside the types that read it: editors and the reference are told by this.

Pydantic passes these marks by. A converter may carry one too, under the name `written`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """One value of a file."""

    text: str
    """In a few words, for people."""
    schema: Mapping[str, Any]
    """JSON Schema of what a YAML parser makes of it."""
    unit: str = ""
    """Stands after a number when a default is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class ShortFor:
    """A plain text in the place of a mapping means a mapping with this one key."""

    key: str


@dataclass(frozen=True, slots=True, eq=False)
class YesForAny:
    """`yes` stands for a mapping with nothing in it."""


@dataclass(frozen=True, slots=True, eq=False)
class OneOrMore:
    """A single value may stand where a list may."""


@dataclass(frozen=True, slots=True, eq=False)
class Converter(Generic[T_co]):
    """A function from the text of a file to a value, which knows what may be written."""

    convert: Callable[[object], T_co]
    written: Written

    def __call__(self, value: object) -> T_co:
        return self.convert(value)


def words(text: str, pattern: str) -> Written:
    """Text that matches a regular expression as a whole."""
    return Written(text, {"type": "string", "pattern": f"^({pattern})$"})


def digits(text: str, pattern: str, *, most: int | None = None) -> Written:
    """Like `words`, for what a YAML parser may take for a number, which is at most `most`."""
    number = {"type": "integer", "minimum": 0, **({} if most is None else {"maximum": most})}
    return Written(text, {"anyOf": [{"type": "string", "pattern": f"^({pattern})$"}, number]})


def choice(*known: str) -> Written:
    """One of a few words; `yes` and `no` are truth values to some parsers."""
    return Written(
        " | ".join(known), {"enum": [*known, *({"yes": True, "no": False}[x] for x in known if x in _TRUTH)]}
    )


_TRUTH = ("yes", "no")
TEXT = Written("text", {"type": ["string", "number", "boolean"]})
