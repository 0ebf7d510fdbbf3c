"""The folders of a running system."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ivr.adapters.runtime import layout as layout_module
from ivr.adapters.runtime.layout import Layout
from ivr.errors import OperatorError


def test_every_folder_is_private(tmp_path: Path) -> None:
    layout = Layout(var=tmp_path / "var")
    layout.secrets.mkdir(mode=0o755, parents=True)
    layout.create()
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in layout.folders()} == {0o700}


def test_every_path_is_below_var() -> None:
    layout = Layout(var=Path("/srv/var"))
    paths = [*layout.folders(), layout.journal, layout.clock, layout.up_lock, layout.ports_file, layout.pid_file("x")]
    assert all(path.is_relative_to("/srv/var") for path in paths)


def test_var_that_is_a_file_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    with pytest.raises(OperatorError, match=r"cannot use .*/var: .*set IVR_VAR"):
        Layout(var=tmp_path / "var").create()


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    var = tmp_path / ("long" * 30)
    with pytest.raises(OperatorError, match="bytes too long for a Unix socket"):
        Layout(var=var).create()
    assert not var.exists()


def test_a_nearly_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout_module, "MINIMUM_FREE_BYTES", 2**62)
    with pytest.raises(OperatorError, match=r"only \d+ MB are free"):
        Layout(var=tmp_path / "var").create()
