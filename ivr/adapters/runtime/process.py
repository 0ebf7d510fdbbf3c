"""Operating-system processes: who they run as, how they are found again after a crash of ours, how they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from ivr.errors import OperatorError, PeerError

OPEN_FILES = 65536
"""Descriptors that children may open, as far as the hard limit allows: a call takes about six of Asterisk's."""
KILLED_S = 10.0
"""A killed process is gone well before; one that the kernel cannot end is not waited for longer."""
SAME_START_S = 1.0
"""Process start times are kept in clock ticks and shift a little with the boot time that they are counted from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An unprivileged user that the system runs as."""

    name: str
    uid: int
    gid: int


def find_account(name: str) -> Account | None:
    """The account to give root's rights up for; None when this process is not root and stays who it is.

    Raises OperatorError when this process is root and there is no such user, or that user is root again.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise OperatorError(
            f"there is no user {name!r} to run as: run `make setup`, or set IVR_USER to one that exists"
        ) from error
    if entry.pw_uid == 0:
        raise OperatorError("IVR_USER must not be root: nothing of this system runs as root")
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def drop_privileges(account: Account) -> None:
    """This process becomes `account` for good."""
    os.initgroups(account.name, account.gid)
    os.setgid(account.gid)
    os.setuid(account.uid)
    os.environ["USER"] = os.environ["LOGNAME"] = account.name
    # Root's home cannot be read any more, and libraries (asyncpg looks for certificates) take that for a failure.
    os.environ["HOME"] = pwd.getpwuid(account.uid).pw_dir


def raise_open_files_limit() -> None:
    """Lets this process and its children open as many files as the machine allows, up to OPEN_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Process:
    """A running process that we started now or before a crash of ours. It does not end when we do."""

    def __init__(self, *, name: str, process: psutil.Process, pid_file: Path) -> None:
        self.name = name
        self.pid_file = pid_file
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            # A zombie is one that ended and that its parent has not asked about yet; while threads of it still end,
            # its ports are not free.
            return self._process.is_running() and (
                self._process.status() != psutil.STATUS_ZOMBIE or self._process.num_threads() > 1
            )
        return False

    async def wait(self) -> None:
        """Returns when it has ended, be it our child or not."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(handle, ended.set)
        try:
            if self.is_running():
                await ended.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
        self._reap()

    async def stop(self, *, grace_s: float, interrupt: bool = False) -> None:
        """As `end`, and forgets its pid: for who started it."""
        await self.end(grace_s=grace_s, interrupt=interrupt)
        self.pid_file.unlink(missing_ok=True)

    async def end(self, *, grace_s: float, interrupt: bool = False) -> None:
        """Asks it to end (SIGTERM, or SIGINT with `interrupt`), kills it after `grace_s` seconds."""
        for number, wait_s in ((signal.SIGINT if interrupt else signal.SIGTERM, grace_s), (signal.SIGKILL, KILLED_S)):
            with contextlib.suppress(psutil.NoSuchProcess):
                # psutil looks at the start time first: a pid that was given to another program is not signalled.
                self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), wait_s)
                break

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)


def spawn(
    name: str,
    argv: Sequence[str],
    *,
    pid_file: Path,
    log_file: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: Account | None = None,
) -> Process:
    """Starts `argv` in a session of its own (our Ctrl-C is not its), output appended to `log_file`, umask 077.

    `env` adds to this process's environment. Raises OperatorError when it cannot be started at all.
    """
    try:
        with open(log_file, "ab", opener=_private) as log:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
                umask=0o077,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
    except OSError as error:
        raise OperatorError(f"cannot start {name} ({argv[0]}): {error.strerror}") from error
    # From here on the process is known by its pid file; Popen's own bookkeeping would warn about a child left running.
    child.returncode = 0
    try:
        process = psutil.Process(child.pid)
        record = {"pid": child.pid, "started": process.create_time(), "program": argv[0]}
    except psutil.NoSuchProcess as error:
        raise PeerError(f"{name} ended at once: see {log_file}") from error
    write_private(pid_file, json.dumps(record))
    return Process(name=name, process=process, pid_file=pid_file)


def find_process(name: str, pid_file: Path) -> Process | None:
    """The process that `pid_file` tells of, if it still runs and is the same one.

    A stale pid file stays: its owner may be writing the next one just now.
    """
    try:
        record = json.loads(pid_file.read_text(encoding="utf-8"))
        process = psutil.Process(int(record["pid"]))
        if (
            abs(process.create_time() - float(record["started"])) < SAME_START_S
            and process.status() != psutil.STATUS_ZOMBIE
        ):
            return Process(name=name, process=process, pid_file=pid_file)
    except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        pass
    return None


def write_private(path: Path, text: str, *, executable: bool = False) -> None:
    """Writes a file that only this user can read (and run), whole or not at all."""
    _written(path, text, executable).replace(path)


def create_private(path: Path, text: str) -> None:
    """The same, unless the file is there: of several processes at once the first wins."""
    fresh = _written(path, text, executable=False)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()


def _written(path: Path, text: str, executable: bool) -> Path:
    """Beside it, under a name of this process's own."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(fresh, "w", encoding="utf-8", opener=_private) as file:
        file.write(text)
        if executable:
            os.fchmod(file.fileno(), 0o700)
    return fresh


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def list_processes(folder: Path) -> dict[str, Process]:
    """Whatever runs by the pid files of a folder, by name: all processes of an installation, however many there are."""
    found = {path.stem: find_process(path.stem, path) for path in sorted(folder.glob("*.pid"))}
    return {name: process for name, process in found.items() if process is not None}
