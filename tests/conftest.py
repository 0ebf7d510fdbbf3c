"""Every test is marked by the folder it is in, so `-m unit` and the like never miss one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from ivr.testing.virtual_time import run_in_virtual_time

KINDS = {
    "unit": "no I/O beyond a temporary folder or a loopback socket",
    "contract": "the same suite for a port's real part and its fake",
    "integration": "needs Postgres",
    "e2e": "needs Asterisk and SIPp",
    "chaos": "kills the parts of a whole system while SIPp calls it",
}
TESTS = Path(__file__).parent
E2E_GROUPS = {
    **dict.fromkeys(("test_agents", "test_emergency", "test_language", "test_reload"), "e2e-2"),
    **dict.fromkeys(
        ("test_asterisk_killed", "test_killing", "test_no_controller", "test_personal_data", "test_processes"), "e2e-3"
    ),
}
"""File -> which of three systems its calls go to: they run side by side, because callers mostly wait. Each takes about
ten minutes; keep it so."""

settings.register_profile("house", deadline=None, print_blob=True)
# CI looks at the same examples each time: a red run must be of the change. Everybody else looks at new ones.
settings.register_profile("ci", settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")


def pytest_configure(config: pytest.Config) -> None:
    for kind, meaning in KINDS.items():
        config.addinivalue_line("markers", f"{kind}: {meaning} (set by folder)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        kind, _ = _place(item.path)
        if kind in KINDS:
            item.add_marker(kind)
    # What takes minutes begins first, so that no worker is left with it alone at the end.
    order = ("e2e", "chaos")
    items.sort(key=lambda item: order.index(kind) if (kind := _place(item.path)[0]) in order else len(order))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadgroup`, the files of a group stay on one worker.

    xdist 3.8 would do so by a mark that it appends to the test's id, which pytest 9.2 does not let it do: it shared
    the files out test by test, and whatever they set up was set up twice.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(config.rootpath / nodeid.split("::")[0]) or nodeid

    config.option.loadscopereorder = False
    return Groups(config, log)


def _place(path: Path) -> tuple[str, str]:
    """Folder of tests/ and name of a test file."""
    return (path.relative_to(TESTS).parts[0], path.stem) if path.is_relative_to(TESTS) else ("", path.stem)


def _group(path: Path) -> str | None:
    kind, file = _place(path)
    if kind == "e2e":
        return E2E_GROUPS.get(file, "e2e")
    return kind if kind == "chaos" else None


@pytest.fixture
def virtual_time() -> Callable[..., Any]:
    """Runs a coroutine on a loop whose clock jumps to the next timer."""
    return run_in_virtual_time
