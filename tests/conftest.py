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
}
TESTS = Path(__file__).parent
E2E_GROUPS = {"test_language": "e2e-2", "test_reload": "e2e-2", "test_emergency": "e2e-2"}
"""File -> which of two systems its calls go to: they run side by side, because callers mostly wait."""

settings.register_profile("house", deadline=None, print_blob=True)
# CI looks at the same examples each time: a red run must be of the change. Everybody else looks at new ones.
settings.register_profile("ci", settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")


def pytest_configure(config: pytest.Config) -> None:
    for kind, meaning in KINDS.items():
        config.addinivalue_line("markers", f"{kind}: {meaning} (set by folder)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        kind = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        if kind in KINDS:
            item.add_marker(kind)
        if kind == "e2e":
            item.add_marker(pytest.mark.xdist_group(E2E_GROUPS.get(item.path.stem, "e2e")))


@pytest.fixture
def virtual_time() -> Callable[..., Any]:
    """Runs a coroutine on a loop whose clock jumps to the next timer."""
    return run_in_virtual_time
