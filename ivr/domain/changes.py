"""What differs between two versions of a centre, in words for the person who made the change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any

from ivr.domain.centre import Centre

SHOWN = 8
"""Names told of one kind of change; of more, their number."""
_OWN_NAME = frozenset({"id", "version"})


class Kind(StrEnum):
    """What became of a centre."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One centre, before and after."""

    centre: str
    kind: Kind
    before: str | None
    """Version, None when the centre is new."""
    after: str | None
    """None when it was removed."""
    details: tuple[str, ...] = ()


def changes(before: Mapping[str, Centre], after: Mapping[str, Centre]) -> tuple[Change, ...]:
    """What became of every centre, in order of their ids."""
    return tuple(_change(name, before.get(name), after.get(name)) for name in sorted({*before, *after}))


def differences(before: Centre, after: Centre) -> tuple[str, ...]:
    """One line for each part that differs. What is code (a check, the source of holidays) cannot be compared."""
    return tuple(_differences(before, after))


def _change(name: str, before: Centre | None, after: Centre | None) -> Change:
    if before is None or after is None:
        kind = Kind.ADDED if before is None else Kind.REMOVED
        details: tuple[str, ...] = ()
    elif before.version == after.version:
        kind, details = Kind.SAME, ()
    else:
        kind, details = Kind.CHANGED, differences(before, after)
    return Change(
        centre=name,
        kind=kind,
        before=None if before is None else before.version,
        after=None if after is None else after.version,
        details=details,
    )


def _differences(before: Any, after: Any) -> Iterator[str]:
    for part in fields(after):
        old, new = getattr(before, part.name), getattr(after, part.name)
        if part.name in _OWN_NAME or callable(new) or _comparable(old) == _comparable(new):
            continue
        if part.name == "flow":
            yield from _differences(old, new)
        elif isinstance(new, Mapping) and isinstance(old, Mapping):
            yield f"{part.name}: {_names(old, new)}"
        elif part.name == "numbers":
            yield f"numbers: {', '.join(old)} -> {', '.join(new)}"
        else:
            yield f"{part.name} changed"


def _names(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    both = before.keys() & after.keys()
    groups = {
        "added": after.keys() - before.keys(),
        "removed": before.keys() - after.keys(),
        "changed": {name for name in both if _comparable(before[name]) != _comparable(after[name])},
    }
    return "; ".join(f"{what} {_few(sorted(map(str, names)))}" for what, names in groups.items() if names)


def _few(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _comparable(value: Any) -> Any:
    """The value without the functions in it: each compilation makes them anew."""
    if is_dataclass(value) and not isinstance(value, type):
        return [_comparable(getattr(value, part.name)) for part in fields(value)]
    if isinstance(value, Mapping):
        return {name: _comparable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_comparable(item) for item in value]
    return None if callable(value) else value
