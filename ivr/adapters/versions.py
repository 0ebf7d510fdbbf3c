"""Every version of a centre that was live, on disk: the YAML as it was, who made it live, when and why.

    <folder>/live.json                     which version of each centre is live, and which are going out of use
    <folder>/<centre>/<version>/           the files as they were
    <folder>/<centre>/<version>/meta.json  its publications and the prompts there were
    <folder>/<centre>/<version>/compiled   the same compiled (`ivr.compiled`), for calls that no controller answers

Only one process writes at a time: whoever starts the system before controllers run, then the controller that holds the
lock of changes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ivr.errors import OperatorError

STATE, META, COMPILED = "live.json", "meta.json", "compiled"
NEWEST_KEPT = 10
"""So many versions of a centre stay, however old."""
KEPT_FILES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One time that a version became live."""

    at: datetime
    who: str
    how: str
    """start | reload | rollback"""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a centre's folder, with every time it became live, oldest first."""

    centre: str
    version: str
    publications: tuple[Publication, ...]
    prompts: Mapping[str, frozenset[str]] = field(repr=False)
    """Language -> keys of the prompts that there were when it was checked."""

    @property
    def latest(self) -> datetime:
        return self.publications[-1].at

    @property
    def written(self) -> datetime:
        """When it last came from the folder: a rollback makes a version live, not new."""
        return max((each.at for each in self.publications if each.how != "rollback"), default=self.publications[0].at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The version that new calls of a centre reach."""

    version: str
    put_aside: str | None = None
    """After a rollback: the version of the folder, which stays aside until the next reload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retiring:
    """A version that calls from before a change may still use."""

    centre: str
    version: str
    channels: frozenset[str] | None = None
    """Unique ids of the channels that were up at some time after the change; None: not looked at yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is live (centre -> version) and what is going out of use."""

    live: Mapping[str, Live] = field(default_factory=dict)
    retiring: tuple[Retiring, ...] = ()


class VersionStore:
    """Versions under `folder`. Every method that reads raises OperatorError when a file in it is damaged."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def state(self) -> State:
        """Empty before the first start."""
        try:
            raw = json.loads((self._folder / STATE).read_text(encoding="utf-8"))
            return State(
                live={centre: Live(**live) for centre, live in raw["live"].items()},
                retiring=tuple(
                    Retiring(**{**each, "channels": None if each["channels"] is None else frozenset(each["channels"])})
                    for each in raw["retiring"]
                ),
            )
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise OperatorError(
                f"{self._folder / STATE} is damaged: delete it, and the next start takes the dialplan folder"
            ) from error

    def signature(self) -> tuple[int, int] | None:
        """Differs after every `set_state`, whichever process did it; costs one look at the file."""
        try:
            found = (self._folder / STATE).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def set_state(self, state: State) -> None:
        """Whole or not at all."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        raw = {
            "live": {centre: asdict(live) for centre, live in state.live.items()},
            "retiring": [
                {**asdict(each), "channels": None if each.channels is None else sorted(each.channels)}
                for each in state.retiring
            ],
        }
        _write(self._folder / STATE, raw)

    def keep(self, centre: str, version: str, source: Path, prompts: Mapping[str, Collection[str]]) -> None:
        """Copies the YAML files below `source`. A version that is there already is left as it is."""
        target = self._folder / centre / version
        if (target / META).exists():
            return
        shutil.rmtree(target, ignore_errors=True)  # half of it, from a process that was killed
        fresh = self._folder / centre / f".{version}-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        for file in sorted(source.rglob("*")):
            if file.suffix in KEPT_FILES and file.is_file():
                copy = fresh / file.relative_to(source)
                copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
        known = {language: sorted(keys) for language, keys in prompts.items()}
        _write(fresh / META, {"centre": centre, "version": version, "publications": [], "prompts": known})
        fresh.rename(target)

    def discard(self, centre: str, version: str) -> None:
        """Forgets a version."""
        shutil.rmtree(self._folder / centre / version, ignore_errors=True)

    def note(self, centre: str, version: str, publication: Publication) -> None:
        """Adds to who made this version live. Raises OperatorError when it is not kept."""
        raw = self._meta(centre, version)
        raw["publications"].append({**asdict(publication), "at": publication.at.isoformat()})
        _write(self._folder / centre / version / META, raw)

    def put_compiled(self, centre: str, version: str, text: str) -> None:
        """Whole or not at all, in the place of an earlier one. Raises OperatorError when the version is not kept."""
        self._meta(centre, version)
        _write_text(self._folder / centre / version / COMPILED, text)

    def find_compiled(self, centre: str, version: str) -> str | None:
        folder = self.find_folder(centre, version)
        try:
            return None if folder is None else (folder / COMPILED).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None

    def find_folder(self, centre: str, version: str) -> Path | None:
        """Where the files of a version are."""
        # Both names may come from a caller's saved state, so neither may lead out of the folder.
        if not (centre.replace("_", "").isalnum() and version.isalnum()):
            return None
        folder = self._folder / centre / version
        return folder if (folder / META).exists() else None

    def get_version(self, centre: str, version: str) -> Version:
        """Raises OperatorError when it is not kept."""
        raw = self._meta(centre, version)
        try:
            return Version(
                centre=centre,
                version=version,
                publications=tuple(
                    Publication(**{**each, "at": datetime.fromisoformat(each["at"])}) for each in raw["publications"]
                ),
                prompts={language: frozenset(keys) for language, keys in raw["prompts"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._damaged(centre, version) from error

    def list_versions(self, centre: str | None = None) -> list[Version]:
        """Those that were ever live, the last published first; of one centre or of all."""
        centres = [centre] if centre is not None else self._centres()
        names = [(each, path.parent.name) for each in centres for path in (self._folder / each).glob(f"[!.]*/{META}")]
        found = [self.get_version(*name) for name in names]
        return sorted((each for each in found if each.publications), key=lambda each: each.latest, reverse=True)

    def prune(self, now: datetime, keep_days: int) -> tuple[Version, ...]:
        """Removes versions last published more than `keep_days` ago that nobody can use; says which."""
        state = self.state()
        used = {(centre, live.version) for centre, live in state.live.items()}
        used |= {(centre, live.put_aside) for centre, live in state.live.items() if live.put_aside is not None}
        used |= {(each.centre, each.version) for each in state.retiring}
        old = []
        for centre in self._centres():
            for each in self.list_versions(centre)[NEWEST_KEPT:]:
                if (centre, each.version) not in used and now - each.latest > timedelta(days=keep_days):
                    self.discard(centre, each.version)
                    old.append(each)
        return tuple(old)

    def _centres(self) -> list[str]:
        return sorted(path.name for path in self._folder.glob("*") if path.is_dir())

    def _meta(self, centre: str, version: str) -> dict[str, Any]:
        try:
            raw = json.loads((self._folder / centre / version / META).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise OperatorError(
                f"centre {centre} has no version {version!r}: `ivr versions {centre}` lists them"
            ) from error
        except (OSError, ValueError) as error:
            raise self._damaged(centre, version) from error
        if not isinstance(raw, dict) or not isinstance(raw.get("publications"), list):
            raise self._damaged(centre, version)
        return raw

    def _damaged(self, centre: str, version: str) -> OperatorError:
        path = self._folder / centre / version / META
        return OperatorError(f"{path} is damaged: restore it from backup, or delete the folder of this version")


def with_retired(state: State, gone: Collection[Retiring]) -> State:
    """The state without these."""
    return replace(state, retiring=tuple(each for each in state.retiring if each not in gone))


def with_channels(state: State, up: frozenset[str]) -> State:
    """The state in which versions whose channels nobody looked at yet have these."""
    return replace(
        state,
        retiring=tuple(each if each.channels is not None else replace(each, channels=up) for each in state.retiring),
    )


def _write(path: Path, raw: object) -> None:
    _write_text(path, json.dumps(raw, ensure_ascii=False, indent=1))


def _write_text(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)
