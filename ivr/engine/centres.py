"""The centres that are live. A call finishes on the version it began with; the next call takes the newest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from ivr.domain.centre import Centre

REMEMBERED = 32
"""Versions in memory, live ones aside; an older one that a call still uses is looked up again."""

FindEarlier = Callable[[str, str], Centre | None]
"""(centre, version) -> a version from before, wherever those are kept."""


def _nowhere(_: str, __: str) -> Centre | None:
    return None


class LiveCentres:
    """Implements `ivr.engine.ports.Centres` over centres in memory; `replace` puts a checked set in their place.

    `find_earlier` is asked for a version that this process has never had: a call from before a restart.
    """

    def __init__(self, centres: Iterable[Centre], find_earlier: FindEarlier = _nowhere) -> None:
        self._find_earlier = find_earlier
        self._all: tuple[Centre, ...] = ()
        self._by_number: dict[str, Centre] = {}
        self._earlier: OrderedDict[tuple[str, str], Centre] = OrderedDict()
        self.replace(centres)

    @property
    def all(self) -> tuple[Centre, ...]:
        """Those that new calls reach, in order of their ids."""
        return self._all

    def replace(self, centres: Iterable[Centre]) -> None:
        """New calls take these; versions that were live before stay known for calls in progress."""
        for centre in self._all:
            self._remember(centre)
        self._all = tuple(sorted(centres, key=lambda centre: centre.id))
        self._by_number = {number: centre for centre in self._all for number in centre.numbers}

    def find_by_number(self, dnis: str) -> Centre | None:
        return self._by_number.get(dnis)

    def find_version(self, centre: str, version: str) -> Centre | None:
        for live in self._all:
            if (live.id, live.version) == (centre, version):
                return live
        found = self._earlier.get((centre, version)) or self._find_earlier(centre, version)
        if found is not None:
            self._remember(found)
        return found

    def any_languages(self) -> tuple[str, ...]:
        return self._all[0].languages

    def _remember(self, centre: Centre) -> None:
        key = (centre.id, centre.version)
        self._earlier[key] = centre
        self._earlier.move_to_end(key)
        while len(self._earlier) > REMEMBERED:
            self._earlier.popitem(last=False)
