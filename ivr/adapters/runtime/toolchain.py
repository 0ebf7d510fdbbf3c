"""The programs that we run and did not write: Asterisk, SIPp, the Postgres server. Where they are, how they start."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import OperatorError

MINIMUM_ASTERISK = (22, 10, 1)
"""Older ones lack cheap CEL mappings and security fixes."""
TREE = "asterisk"
"""Folder under the cache that scripts/setup.sh unpacks Asterisk and SIPp into."""
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asterisk:
    """How to run Asterisk: `command` plus arguments. `data` has its XML documentation, which it needs to start."""

    command: tuple[str, ...]
    modules: Path
    data: Path
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresBinaries:
    """The server programs of one Postgres version."""

    folder: Path
    version: str

    def program(self, name: str) -> str:
        return str(self.folder / name)


def get_asterisk(cache: Path) -> Asterisk:
    """A system Asterisk that is new enough, else the unpacked one. Raises OperatorError when there is neither."""
    candidates = [*_system_asterisk(), *_unpacked_asterisk(cache / TREE)]
    seen = []
    for command, modules, data in candidates:
        version = _version_of([*command, "-V"])
        if _numbers(version) >= MINIMUM_ASTERISK and modules.is_dir():
            return Asterisk(command=command, modules=modules, data=data, version=version)
        seen.append(f"{command[-1]} is {version or 'not usable'}")
    wanted = ".".join(map(str, MINIMUM_ASTERISK))
    found = f" ({'; '.join(seen)})" if seen else ""
    raise OperatorError(f"no Asterisk {wanted} or newer{found}: run `make setup`, which unpacks one into {cache}")


def get_sipp(cache: Path) -> tuple[str, ...]:
    """The command line of SIPp: the unpacked one first (Debian 12's own is too old for play_dtmf).

    Raises OperatorError when there is none.
    """
    if (command := _unpacked(cache / TREE, "usr/bin/sipp")) is not None:
        return command
    if (system := shutil.which("sipp")) is not None:
        return (system,)
    raise OperatorError(f"no SIPp: run `make setup`, which unpacks one into {cache}")


def get_postgres() -> PostgresBinaries:
    """The newest Postgres server on this machine. Raises OperatorError when there is none."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if (initdb := shutil.which("initdb")) is not None:
        folders.append(Path(initdb).resolve().parent)
    versions = {folder: _version_of([str(folder / "postgres"), "--version"]) for folder in folders}
    usable = [folder for folder, version in versions.items() if version]
    if not usable:
        raise OperatorError("no Postgres server programs: run `make setup`, or set DATABASE_URL to a database of yours")
    best = max(usable, key=lambda folder: _numbers(versions[folder]))
    return PostgresBinaries(folder=best, version=versions[best])


def _system_asterisk() -> list[tuple[tuple[str, ...], Path, Path]]:
    program = shutil.which("asterisk", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if program is None:
        return []
    libraries = [path for path in Path("/usr/lib").glob("*/asterisk/modules") if path.is_dir()]
    modules = libraries[0] if libraries else Path("/usr/lib/asterisk/modules")
    data = next(
        (
            path
            for path in (Path("/usr/share/asterisk"), Path("/var/lib/asterisk"))
            if (path / "documentation").is_dir()
        ),
        Path("/var/lib/asterisk"),
    )
    return [((program,), modules, data)]


def _unpacked_asterisk(tree: Path) -> list[tuple[tuple[str, ...], Path, Path]]:
    command = _unpacked(tree, "usr/sbin/asterisk")
    if command is None:
        return []
    return [(command, Path(command[2]) / "asterisk" / "modules", tree / "usr/share/asterisk")]


def _unpacked(tree: Path, program: str) -> tuple[str, ...] | None:
    """A program of an unpacked Debian tree with that tree's own libraries: no chroot, any user.

    `--library-path` is not inherited by what the program starts.
    """
    for loader in sorted((tree / "usr/lib").glob("*-linux-gnu*/ld-linux-*.so.*")):
        if (tree / program).exists():
            return (str(loader), "--library-path", str(loader.parent), str(tree / program))
    return None


def _version_of(argv: list[str]) -> str:
    """`22.10.1` out of what the program says of itself; empty when it cannot be run."""
    try:
        said = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _VERSION.search(said)
    return found.group(0) if found else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()
