"""Values that a call carries. Personal ones are wrapped, so that nothing prints, logs or stores them by accident."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Personal:
    """A number, birth date or name: sealed before it leaves the process."""

    text: str

    def __repr__(self) -> str:
        return "Personal(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, repr=False)
class BlindIndex:
    """Leaves the process as a keyed hash: equal texts are found, none is revealed."""

    text: str

    def __repr__(self) -> str:
        return "BlindIndex(***)"

    __str__ = __repr__


Value = str | Personal


def text_of(value: Value) -> str:
    """The plain text of a variable, personal or not."""
    return value.text if isinstance(value, Personal) else value
