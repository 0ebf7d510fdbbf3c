"""From the dialplan folder to what callers reach: checked, kept in the version store, live.

Blocking: it reads and compiles files. The controller runs it in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ivr.adapters.versions import Live, Publication, Retiring, State, Version, VersionStore
from ivr.compiled import to_text
from ivr.dialplan.compiler import list_centre_folders, load_centres, load_folders, load_kept
from ivr.domain.centre import Centre
from ivr.errors import IvrError, OperatorError

KEEP_DAYS = 90
"""Versions last published longer ago may go."""
TRIES = 3
"""A folder that changes while it is read is read again so often."""

Prompts = Mapping[str, frozenset[str]]
"""Language -> keys that there are texts for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A checked set of centres that could be live."""

    centres: Mapping[str, Centre]
    live: Mapping[str, Live]
    how: str
    """start | reload | rollback"""


class Publisher:
    """The dialplan folder and the version store of one installation."""

    def __init__(
        self,
        *,
        dialplans: Path,
        store: VersionStore,
        prompts: Callable[[], Prompts],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._dialplans = dialplans
        self._prompts = prompts
        self._now = now
        self.store = store

    def edition_at_start(self) -> Edition:
        """The folder; a centre that was rolled back stays so. Raises AuthorError, OperatorError."""
        aside = {centre: live for centre, live in self.store.state().live.items() if live.put_aside is not None}
        return self._edition("start", aside)

    def edition_of_folder(self) -> Edition:
        """The folder as it is now, whatever was rolled back. Raises AuthorError, OperatorError."""
        return self._edition("reload", {})

    def edition_rolled_back(self, centre: str, version: str | None = None) -> Edition:
        """The live set with another version of one centre: the one live before the present one unless named.

        Raises OperatorError when there is none, AuthorError when it cannot be used any more (a prompt is gone, its
        number belongs to another centre now).
        """
        live = dict(self.store.state().live)
        present = live.get(centre)
        chosen = self._version_before(centre, present) if version is None else self.store.get_version(centre, version)
        if present is not None and present.version == chosen.version:
            raise OperatorError(f"version {chosen.version} of centre {centre} is live already")
        live[centre] = Live(version=chosen.version, put_aside=self._version_in_folder(centre) or "removed")
        loaded = load_folders({name: self._folder(name, each.version) for name, each in live.items()}, self._prompts())
        return Edition(centres=loaded.need_all(), live=live, how="rollback")

    def keep(self, edition: Edition) -> None:
        """Puts every version of the edition into the store. It is not live yet."""
        for name, centre in edition.centres.items():
            if self.find_version(name, centre.version) is None:
                self._keep(centre)

    def make_live(self, edition: Edition, *, who: str, note: str, retiring: Iterable[Retiring] = ()) -> None:
        """From now on these versions are what new calls reach, also after a restart. `retiring` go out of use."""
        before = self.store.state()
        publication = Publication(at=self._now(), who=who, how=edition.how, note=note)
        for name, each in edition.centres.items():
            self.store.put_compiled(name, each.version, to_text(each, self._now().date()))
        for centre, live in edition.live.items():
            was = before.live.get(centre)
            if was is None or was.version != live.version:
                self.store.note(centre, live.version, publication)
        self.store.set_state(State(live=edition.live, retiring=(*before.retiring, *retiring)))
        self.store.prune(self._now(), KEEP_DAYS)

    def live(self) -> Mapping[str, Centre]:
        """The centres that are live, from the store; empty before the first start.

        Raises OperatorError when one cannot be compiled any more.
        """
        return {centre: self._compile(centre, live.version) for centre, live in self.store.state().live.items()}

    def retiring(self) -> tuple[Centre, ...]:
        """Versions going out of use that calls may still need; one that cannot be compiled is left out."""
        found = (self.find_version(each.centre, each.version) for each in self.store.state().retiring)
        return tuple(centre for centre in found if centre is not None)

    def find_version(self, centre: str, version: str) -> Centre | None:
        """A kept version, compiled; None when it is not there or of a release that we cannot read."""
        try:
            return None if self.store.find_folder(centre, version) is None else self._compile(centre, version)
        except IvrError:  # of an older release, or damaged: the caller goes on with the live version
            return None

    def _edition(self, how: str, aside: Mapping[str, Live]) -> Edition:
        known = self._prompts()
        if not aside:
            centres = load_centres(self._dialplans, known).need_all()
        else:
            folders = list_centre_folders(self._dialplans)
            kept = {name: self._folder(name, live.version) for name, live in aside.items()}
            centres = load_folders({**folders, **kept}, known).need_all()
        live = {name: aside.get(name, Live(version=centre.version)) for name, centre in centres.items()}
        return Edition(centres=centres, live=live, how=how)

    def _keep(self, centre: Centre) -> None:
        """Copies the folder, and makes sure that the copy is what was checked."""
        known, folder = self._prompts(), list_centre_folders(self._dialplans)[centre.id]
        for _ in range(TRIES):
            self.store.keep(centre.id, centre.version, folder, known)
            copy = self.find_version(centre.id, centre.version)
            if copy is not None:
                return
            self.store.discard(centre.id, centre.version)
        raise OperatorError(f"{folder} changes while it is read: try again")

    def _compile(self, centre: str, version: str) -> Centre:
        folder = self._folder(centre, version)
        found = load_kept(folder, centre, self.store.get_version(centre, version).prompts)
        if found is None or found.version != version:
            raise OperatorError(f"{folder} is not what was kept there: restore it from backup, then run `ivr reload`")
        return found

    def _folder(self, centre: str, version: str) -> Path:
        folder = self.store.find_folder(centre, version)
        if folder is None:
            raise OperatorError(f"version {version} of centre {centre} is not kept: run `ivr reload`")
        return folder

    def _version_before(self, centre: str, present: Live | None) -> Version:
        """Going back twice goes two versions back: what a rollback made live again keeps its place in the order."""
        versions = self.store.list_versions(centre)
        now = next((each for each in versions if present is not None and each.version == present.version), None)
        earlier = [each for each in versions if now is None or each.written < now.written]
        if not earlier:
            raise OperatorError(f"there is no earlier version of centre {centre}: `ivr versions` lists those there are")
        return max(earlier, key=lambda each: each.written)

    def _version_in_folder(self, centre: str) -> str | None:
        """What is put aside; the folder may be wrong by now, which is no reason against going back."""
        folder = list_centre_folders(self._dialplans).get(centre) if self._dialplans.is_dir() else None
        found = None if folder is None else load_folders({centre: folder}, self._prompts()).centres.get(centre)
        live = self.store.state().live.get(centre)
        if found is not None:
            return found.version
        return None if live is None else live.put_aside or live.version
