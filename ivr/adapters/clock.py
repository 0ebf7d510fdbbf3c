"""The business clock: the machine's, shifted by the offset that an operator set for a trial."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ivr.errors import OperatorError


class SystemClock:
    """Now in UTC plus the seconds in `offset_file` (absent: none). The file is read again when it changes, so
    `ivr clock` takes effect on the next call."""

    def __init__(self, offset_file: Path | None = None) -> None:
        self._file = offset_file
        self._stamp: int | None = None
        self._offset = timedelta()

    def now(self) -> datetime:
        self._refresh()
        return datetime.now(UTC) + self._offset

    def _refresh(self) -> None:
        if self._file is None:
            return
        try:
            stamp = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            self._stamp, self._offset = None, timedelta()
            return
        if stamp != self._stamp:
            self._stamp, self._offset = stamp, _read(self._file)


def set_offset(offset_file: Path, business_now: datetime | None) -> None:
    """From now on it is `business_now` (aware) for the rules; None returns to the machine's clock."""
    if business_now is None:
        offset_file.unlink(missing_ok=True)
        return
    offset = (business_now - datetime.now(UTC)).total_seconds()
    fresh = offset_file.with_suffix(".new")
    fresh.write_text(f"{offset:.3f}\n", encoding="ascii")
    fresh.replace(offset_file)


def _read(path: Path) -> timedelta:
    try:
        offset = timedelta(seconds=float(path.read_text(encoding="ascii")))
        datetime.now(UTC) + offset
    except (OSError, ValueError, OverflowError) as error:
        raise OperatorError(f"{path} must hold a number of seconds; set it with `ivr clock`") from error
    return offset
