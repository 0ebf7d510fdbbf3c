"""A change is told once, when nobody is saving any more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ivr.adapters.folder_watch import POLL_S, SETTLE_S, FolderWatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "120").mkdir()
    (tmp_path / "120" / "flow.yaml").write_text("a", encoding="utf-8")
    return tmp_path


class Told:
    """Seconds of virtual time at which changes were told."""

    def __init__(self, folder: Path) -> None:
        self.at: list[float] = []
        self._changes = FolderWatch((folder,), (".yaml",)).changes()

    async def listen(self) -> None:
        begin = asyncio.get_running_loop().time()
        async for _ in self._changes:
            self.at.append(asyncio.get_running_loop().time() - begin)


def follow(
    run: Callable[..., Any], folder: Path, *edits: tuple[float, Callable[[], object]], until: float
) -> list[float]:
    async def scene() -> list[float]:
        told = Told(folder)
        listening = asyncio.create_task(told.listen())
        loop = asyncio.get_running_loop()
        for at, edit in edits:
            loop.call_later(at, edit)
        await asyncio.wait([listening], timeout=until)
        listening.cancel()
        return told.at

    result: list[float] = run(scene())
    return result


def test_nothing_changed(virtual_time: Callable[..., Any], folder: Path) -> None:
    assert follow(virtual_time, folder, until=20) == []


def test_a_change_is_told_once_after_it_has_settled(virtual_time: Callable[..., Any], folder: Path) -> None:
    flow = folder / "120" / "flow.yaml"
    (told,) = follow(virtual_time, folder, (2.1, lambda: flow.write_text("bb")), until=20)
    assert 2.1 + SETTLE_S <= told <= 2.1 + SETTLE_S + 2 * POLL_S


def test_somebody_who_keeps_saving_is_waited_for(virtual_time: Callable[..., Any], folder: Path) -> None:
    flow = folder / "120" / "flow.yaml"
    saves = [(at, lambda size=int(at * 10): flow.write_text("x" * size)) for at in (1.1, 1.8, 2.5, 3.2)]
    (told,) = follow(virtual_time, folder, *saves, until=20)
    assert told >= 3.2 + SETTLE_S


def test_new_and_removed_files_are_changes_and_editors_own_files_are_not(
    virtual_time: Callable[..., Any], folder: Path
) -> None:
    new = folder / "120" / "more.yaml"
    hidden = folder / "120" / ".flow.yaml"
    backup = folder / "120" / "flow.yaml~"
    edits = (
        (1.0, lambda: hidden.write_text("x")),
        (1.0, lambda: backup.write_text("x")),
        (5.1, lambda: new.write_text("x")),
        (10.1, lambda: new.unlink()),
    )
    first, second = follow(virtual_time, folder, *edits, until=20)
    assert 5.1 < first < 8
    assert 10.1 < second < 13


def test_what_was_changed_back_meanwhile_is_no_change(virtual_time: Callable[..., Any], folder: Path) -> None:
    flow = folder / "120" / "flow.yaml"
    before = flow.stat()

    def back() -> None:
        flow.write_text("a")
        os.utime(flow, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert follow(virtual_time, folder, (1.1, lambda: flow.write_text("bb")), (1.6, back), until=20) == []
