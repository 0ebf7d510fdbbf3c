"""The launcher of the local AGI, and what its program may not load."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.local_agi import MODULE, check_launcher, write_launcher

COSTLY = (
    "asyncio", "aiohttp", "asyncpg", "click", "holidays", "jinja2", "phonenumbers", "psutil", "pydantic", "rich",
    "ssl", "structlog", "subprocess", "yaml",
)  # fmt: skip


def test_the_program_loads_nothing_that_a_call_does_not_need() -> None:
    told = f"import sys, {MODULE}; print(*sorted({set(COSTLY)} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-I", "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_only_its_user_runs_it(tmp_path: Path) -> None:
    layout = Layout(var=tmp_path / "a $(b) 'c'")
    layout.create()
    for _ in range(2):  # at each start
        write_launcher(layout)
    assert stat.S_IMODE(layout.local_agi.stat().st_mode) == 0o700
    subprocess.run(["/bin/sh", "-n", str(layout.local_agi)], check=True)


def test_an_installation_that_could_serve_no_call_is_told(tmp_path: Path) -> None:
    """Nothing was ever live in it; then the launcher is gone."""
    layout = Layout(var=tmp_path)
    layout.create()
    write_launcher(layout)
    assert "does not work" in str(check_launcher(layout))
    assert "sealing key" in layout.log_file("fallback").read_text(encoding="utf-8")
    layout.local_agi.unlink()
    assert "does not work" in str(check_launcher(layout))
