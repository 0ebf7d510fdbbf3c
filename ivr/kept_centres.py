"""The centres that are live as the version store has them compiled: for processes that load no dialplan compiler."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ivr.adapters.versions import State, VersionStore
from ivr.compiled import UnreadableError, from_text
from ivr.domain.centre import Centre
from ivr.errors import OperatorError

log = logging.getLogger(__name__)


class KeptCentres:
    """Implements `ivr.engine.ports.Centres` over the compiled texts of the version store.

    A centre whose live version cannot be read is served by its newest version that can.
    """

    def __init__(self, store: VersionStore) -> None:
        self._store = store

    def find_by_number(self, dnis: str) -> Centre | None:
        """Raises OperatorError when it may be the number of a centre that cannot be read."""
        unreadable = False
        for name in self._state().live:
            centre = self._find_live(name)
            if centre is not None and dnis in centre.numbers:
                return centre
            unreadable = unreadable or centre is None
        if unreadable:
            raise OperatorError("a centre that is live was not compiled by this release: start the system anew")
        return None

    def find_version(self, centre: str, version: str) -> Centre | None:
        text = self._store.find_compiled(centre, version)
        if text is None:
            return None
        try:
            return from_text(text)
        except UnreadableError as error:
            log.warning("a compiled centre was refused", extra={"reason": f"{centre}/{version}: {error}"})
            return None

    def any_languages(self) -> tuple[str, ...]:
        return next(iter(self.all())).languages

    def all(self) -> list[Centre]:
        """Every centre that is live and can be read. Raises OperatorError when none is."""
        found = [centre for name in self._state().live if (centre := self._find_live(name)) is not None]
        if not found:
            raise OperatorError("no centre was compiled by this release: start the system anew")
        return found

    def _state(self) -> State:
        return self._store.state()

    def _find_live(self, name: str) -> Centre | None:
        for version in self._versions(name):
            if (found := self.find_version(name, version)) is not None:
                return found
        return None

    def _versions(self, name: str) -> Iterator[str]:
        live = self._state().live[name].version
        yield live
        yield from (each.version for each in self._store.list_versions(name) if each.version != live)
