"""The centres that are live. A call finishes on the version it began with; the next call takes the newest."""

from __future__ import annotations

from collections.abc import Iterable

from ivr.domain.centre import Centre


class LiveCentres:
    """Implements `ivr.engine.ports.Centres` over centres in memory; `replace` puts a checked set in their place."""

    def __init__(self, centres: Iterable[Centre]) -> None:
        self._by_number: dict[str, Centre] = {}
        self._by_version: dict[tuple[str, str], Centre] = {}
        self.replace(centres)

    @property
    def all(self) -> tuple[Centre, ...]:
        """Those that new calls reach, each once, in order of their ids."""
        return tuple(
            sorted({centre.id: centre for centre in self._by_number.values()}.values(), key=lambda centre: centre.id)
        )

    def replace(self, centres: Iterable[Centre]) -> None:
        """New calls take these; versions that were live before stay known for calls in progress."""
        live = tuple(centres)
        self._by_number = {number: centre for centre in live for number in centre.numbers}
        self._by_version |= {(centre.id, centre.version): centre for centre in live}

    def find_by_number(self, dnis: str) -> Centre | None:
        return self._by_number.get(dnis)

    def find_version(self, centre: str, version: str) -> Centre | None:
        return self._by_version.get((centre, version))

    def any_languages(self) -> tuple[str, ...]:
        return self.all[0].languages
