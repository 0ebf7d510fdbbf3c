"""Processes: started, found again, told from others with the same pid, ended."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import psutil
import pytest

from ivr.adapters.runtime.locks import held, hold_lock
from ivr.adapters.runtime.process import Process, find_process, spawn
from ivr.errors import OperatorError

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
)
HEADLESS = (
    sys.executable,
    "-c",
    "import ctypes, threading; libc = ctypes.CDLL(None); threading.Thread(target=libc.sleep, args=[60]).start();"
    "print('ready', flush=True); libc.pthread_exit(None)",
)
"""Its first thread ends, which makes it look like a zombie; another goes on."""


def start(tmp_path: Path, argv: tuple[str, ...] = SLEEPER) -> Process:
    return spawn("sleeper", argv, pid_file=tmp_path / "sleeper.pid", log_file=tmp_path / "sleeper.log")


async def test_it_is_found_again_by_its_pid_file_and_ends_when_told(tmp_path: Path) -> None:
    started = start(tmp_path)
    found = find_process("sleeper", tmp_path / "sleeper.pid")
    assert found is not None
    assert found.pid == started.pid
    await found.stop(grace_s=5)
    assert not started.is_running()
    assert not (tmp_path / "sleeper.pid").exists()


async def test_it_has_a_session_of_its_own(tmp_path: Path) -> None:
    started = start(tmp_path)
    try:
        assert os.getsid(started.pid) == started.pid
    finally:
        await started.stop(grace_s=5)


async def test_one_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    started = start(tmp_path, STUBBORN)
    async with asyncio.timeout(10):
        while "ready" not in (tmp_path / "sleeper.log").read_text():
            await asyncio.sleep(0.01)
    await started.stop(grace_s=0.2)
    assert not started.is_running()


async def test_one_that_is_given_no_time_is_gone_when_it_was_stopped(tmp_path: Path) -> None:
    started = start(tmp_path)
    await started.stop(grace_s=0)
    with pytest.raises(ChildProcessError):  # its end was waited for
        os.waitpid(started.pid, os.WNOHANG)  # noqa: ASYNC222 - it returns at once


async def test_it_runs_as_long_as_any_thread_of_it(tmp_path: Path) -> None:
    started = start(tmp_path, HEADLESS)
    async with asyncio.timeout(10):
        while psutil.Process(started.pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)
    assert started.is_running()
    await started.stop(grace_s=5)
    assert not started.is_running()


async def test_wait_returns_when_it_ends_by_itself(tmp_path: Path) -> None:
    started = start(tmp_path, (sys.executable, "-c", "pass"))
    async with asyncio.timeout(10):
        await started.wait()
    assert not started.is_running()
    assert find_process("sleeper", tmp_path / "sleeper.pid") is None


@pytest.mark.parametrize(
    "record",
    [
        "",
        "12",
        "{}",
        json.dumps({"pid": 2**22 + 1, "started": 1.0}),
        json.dumps({"pid": os.getpid(), "started": 1.0}),
        json.dumps({"pid": "x", "started": None}),
    ],
    ids=["empty", "a number", "no fields", "no such process", "another process has the pid", "nonsense"],
)
def test_a_stale_pid_file_is_nobody(tmp_path: Path, record: str) -> None:
    path = tmp_path / "sleeper.pid"
    path.write_text(record)
    assert find_process("sleeper", path) is None
    assert path.read_text() == record


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"cannot start sleeper \(/no/such\)"):
        start(tmp_path, ("/no/such",))


def test_the_lock_says_who_holds_it(tmp_path: Path) -> None:
    with (
        hold_lock(tmp_path / "up.lock"),
        pytest.raises(OperatorError, match=f"already running with pid {os.getpid()}"),
        hold_lock(tmp_path / "up.lock"),
    ):
        pass
    with hold_lock(tmp_path / "up.lock"):
        pass


async def test_a_lock_is_waited_for_and_taken_when_its_holder_lets_go(tmp_path: Path) -> None:
    order: list[str] = []

    async def take(name: str) -> None:
        async with held(tmp_path / "a.lock", poll_s=0.001):
            order.append(f"{name} in")
            await asyncio.sleep(0.01)
            order.append(f"{name} out")

    await asyncio.gather(take("first"), take("second"))
    assert order == ["first in", "first out", "second in", "second out"]


async def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    holder = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(60)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", holder, str(tmp_path / "a.lock"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), held(tmp_path / "a.lock", poll_s=0.001):
            pass
    process.kill()
    async with held(tmp_path / "a.lock", poll_s=0.001):
        await process.wait()
