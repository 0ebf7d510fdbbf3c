"""What a kind of case is: it makes one from a source, feeds it to a part of ours, and knows what must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.fuzz.source import Source

Case = Callable[[Source], None]
"""One case. Raises BrokenError when what must hold does not; anything else that it raises is a finding too."""


class BrokenError(AssertionError):
    """An invariant does not hold. The message says which, and not with what: a case is repeated by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`share`: how many of all cases are of this kind, in proportion; costly ones are fewer."""

    name: str
    case: Case
    share: int


def hold(condition: bool, what: str) -> None:
    """Raises BrokenError unless `condition`."""
    if not condition:
        raise BrokenError(what)


def by_name(kinds: tuple[Kind, ...]) -> Mapping[str, Kind]:
    return {kind.name: kind for kind in kinds}
