"""Processes: started, found again, told from others with the same pid, ended."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from ivr.adapters.runtime.process import Process, find_process, spawn
from ivr.adapters.runtime.supervisor import hold_lock
from ivr.errors import OperatorError

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
)


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
def test_a_stale_pid_file_is_nobody_and_goes_away(tmp_path: Path, record: str) -> None:
    path = tmp_path / "sleeper.pid"
    path.write_text(record)
    assert find_process("sleeper", path) is None
    assert not path.exists()


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
