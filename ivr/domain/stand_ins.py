"""Personal digits replaced by others that a flow cannot tell apart from them, so that a real call can be run again."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime

from ivr.domain.centre import Centre
from ivr.domain.checks import CHECKS
from ivr.domain.conditions import CallerMatches, VariableIs, fits
from ivr.domain.flow import Choose, Collect, Decide

Seen = Callable[[str], Iterable[Hashable]]

TRIES = 2000
KEPT = 3
"""Digits at the beginning that stay: a prefix (02, 010) says where a number belongs, not whose it is."""


class StandIns:
    """Stand-ins for one centre: same length, same prefix, and every check, range and pattern of it says the same."""

    def __init__(self, centre: Centre) -> None:
        nodes = centre.flow.nodes.values()
        decided = [
            each for node in nodes if isinstance(node, Decide) for case in node.cases for each in case.conditions
        ]
        used = {n.check for n in nodes if isinstance(n, Collect) and n.check is not None}
        # Our own are quick; one from a library (phone) takes a hundred times as long.
        self._checks = [centre.checks[name] for name in sorted(used, key=lambda name: name not in CHECKS)]
        self._ranges = {n.value_range for n in nodes if isinstance(n, Collect) and n.value_range is not None}
        self._patterns = {each.patterns for each in decided if isinstance(each, CallerMatches)}
        self._values = {value for each in decided if isinstance(each, VariableIs) for value in each.values}
        self._values |= {case for node in nodes if isinstance(node, Choose) for case in node.cases}

    def for_entry(self, digits: str, at: datetime, *, seed: str) -> str | None:
        """For what a caller typed; the same `seed` gives the same. None when none was found."""
        if digits in self._values:
            return digits  # written in the flow itself
        return self._find(digits, seed, lambda text: self._seen_as_entry(text, at))

    def for_caller(self, number: str, *, seed: str) -> str | None:
        """For the number that called."""
        return self._find(number, seed, lambda text: tuple(fits(text, patterns) for patterns in self._patterns))

    def _seen_as_entry(self, text: str, at: datetime) -> Iterator[Hashable]:
        """What the flow can learn of it, the cheap looks first."""
        yield text in self._values
        for least, greatest in self._ranges:
            yield text.isdecimal() and least <= int(text) <= greatest
        for check in self._checks:
            yield check(text, at)

    def _find(self, text: str, seed: str, seen_as: Seen) -> str | None:
        wanted = tuple(seen_as(text))
        chance = random.Random(seed)
        for _ in range(TRIES):
            other = _other(text, chance)
            if other != text and all(a == b for a, b in zip(seen_as(other), wanted, strict=False)):
                return other
        return None


def _other(text: str, chance: random.Random) -> str:
    """Other digits behind the prefix; a short value has no prefix worth keeping."""
    kept = KEPT if len(text) > KEPT + 1 else 0
    return text[:kept] + "".join(chance.choice("0123456789") if sign.isdecimal() else sign for sign in text[kept:])
