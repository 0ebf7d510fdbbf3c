"""A slice of the kill test: what `make chaos` does a thousand times, a hundred times with a fixed seed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.chaos.striker import processes_below
from ivr.settings import CHECKOUT

KILLS, SEED, RATE, EVERY_S = 105, 4, 3, 2.0
LIMIT_S = 800
"""The slice takes about five minutes."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's: the path of a socket below it would be too long."""
    made = Path(tempfile.mkdtemp(prefix="ivr-chaos-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.timeout(LIMIT_S + 100)
def test_no_call_is_lost_doubled_left_open_or_dropped_by_a_hundred_kills(folder: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "ivr", "chaos",
            "--kills", str(KILLS), "--seed", str(SEED), "--rate", str(RATE), "--every", str(EVERY_S),
        ],
        env={**os.environ, "IVR_VAR": str(folder / "var"), "PYTHONPATH": str(CHECKOUT)},
        cwd=CHECKOUT, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert f"{KILLS} kills of {KILLS}" in done.stdout
    assert list(processes_below(folder)) == []
