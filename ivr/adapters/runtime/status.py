"""What runs, where, and what is not well: read from outside, without asking any of the processes for a favour."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ivr import __version__
from ivr.adapters.runtime import toolchain
from ivr.adapters.runtime.layout import MINIMUM_FREE_BYTES, Layout
from ivr.adapters.runtime.ports import Ports
from ivr.adapters.runtime.process import find_process
from ivr.adapters.runtime.supervisor import find_ports
from ivr.adapters.runtime.workers import list_workers
from ivr.errors import OperatorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process. `pid` is None when it does not run; `started` in seconds since 1970; `user` whom it runs as."""

    name: str
    pid: int | None = None
    started: float | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A look at the system. `problems` is empty when all is well: each entry is a line that says what to do."""

    versions: dict[str, str]
    services: tuple[Service, ...]
    ports: Ports | None
    folders: dict[str, str]
    problems: tuple[str, ...] = field(default=())

    @property
    def running(self) -> frozenset[str]:
        return frozenset(service.name for service in self.services if service.pid is not None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def collect(layout: Layout, cache: Path, *, own_database: bool = False) -> Status:
    """Looks around. `own_database`: the operator's DATABASE_URL is used, so no Postgres of ours is missed.

    Raises OperatorError when var belongs to another user and cannot be read.
    """
    if layout.var.exists() and not os.access(layout.run if layout.run.exists() else layout.var, os.R_OK | os.X_OK):
        raise OperatorError(f"{layout.var} belongs to another user: ask as that user or as root")
    problems: list[str] = []
    database = () if own_database else ("postgres",)
    names = ("up", *database, "asterisk", *list_workers(layout))
    services = tuple(_supervisor(layout) if name == "up" else _service(layout, name) for name in names)
    running = [service.name for service in services if service.pid is not None]
    if not running:
        problems.append("nothing runs: start it with `make up`")
    else:
        problems += [f"{name} does not run: see {_log(layout, name)}" for name in names if name not in running]
        problems += [
            f"{service.name} runs as root: stop it and start with `make up`"
            for service in services
            if service.user == "root"
        ]
    if layout.var.exists() and (free := psutil.disk_usage(str(layout.var)).free) < MINIMUM_FREE_BYTES:
        problems.append(f"only {free // 2**20} MB are free for {layout.var}: make room; talks are not recorded now")
    versions = {"ivr": __version__}
    with _noting(problems):
        versions["asterisk"] = toolchain.get_asterisk(cache).version
    if not own_database:
        with _noting(problems):
            versions["postgres"] = toolchain.get_postgres().version
    return Status(
        versions=versions,
        services=services,
        ports=find_ports(layout) if running else None,
        folders={
            "var": str(layout.var),
            "recordings": str(layout.recordings),
            "prompts": str(layout.prompts),
            "journal": str(layout.journal),
            "logs": str(layout.log),
            "cache": str(cache),
        },
        problems=tuple(problems),
    )


def _service(layout: Layout, name: str) -> Service:
    process = find_process(name, layout.pid_file(name))
    return _described(name, None if process is None else process.pid)


def supervisor_runs(layout: Layout) -> bool:
    """Whether an `ivr up` keeps what runs."""
    return _supervisor(layout).pid is not None


def _supervisor(layout: Layout) -> Service:
    """Whoever holds up.lock; the pid in the file alone may be of one that was killed."""
    try:
        with layout.up_lock.open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _described("up", int(file.read().strip() or 0) or None)
    except (OSError, ValueError):
        pass
    return Service(name="up")


def _described(name: str, pid: int | None) -> Service:
    with contextlib.suppress(psutil.Error):
        if pid is not None:
            process = psutil.Process(pid)
            return Service(name=name, pid=pid, started=process.create_time(), user=process.username())
    return Service(name=name)


def _log(layout: Layout, name: str) -> Path:
    return layout.log if name == "up" else layout.log_file(name)


@contextlib.contextmanager
def _noting(problems: list[str]) -> Any:
    try:
        yield
    except OperatorError as error:
        problems.append(str(error))
