"""The `Clock` port, and the shift of the real one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.adapters.clock import SystemClock, set_offset
from ivr.engine.ports import Clock
from ivr.errors import OperatorError
from ivr.testing.worlds import ManualClock

TRIAL = datetime(2026, 11, 23, 10, tzinfo=ZoneInfo("Asia/Seoul"))
CLOSE = timedelta(seconds=5)


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(TRIAL)], ids=["system", "manual"])
def test_now_is_an_instant(clock: Clock) -> None:
    assert clock.now().utcoffset() is not None
    assert clock.now() <= clock.now()


class TestSystemClock:
    def test_without_a_file_it_is_the_machines(self, tmp_path: Path) -> None:
        for clock in (SystemClock(), SystemClock(tmp_path / "clock")):
            assert abs(clock.now() - datetime.now(UTC)) < CLOSE

    def test_a_shift_takes_effect_at_once_and_goes_away(self, tmp_path: Path) -> None:
        file = tmp_path / "clock"
        clock = SystemClock(file)
        clock.now()
        set_offset(file, TRIAL)
        assert abs(clock.now() - TRIAL) < CLOSE
        set_offset(file, TRIAL + timedelta(hours=10))
        assert abs(clock.now() - TRIAL - timedelta(hours=10)) < CLOSE
        set_offset(file, None)
        assert abs(clock.now() - datetime.now(UTC)) < CLOSE
        set_offset(file, None)

    def test_it_goes_on_from_the_shift(self, tmp_path: Path) -> None:
        file = tmp_path / "clock"
        set_offset(file, TRIAL)
        clock = SystemClock(file)
        assert clock.now() < clock.now()

    @pytest.mark.parametrize("content", ["", "tomorrow", "nan", "inf", "1e300", "\xff"])
    def test_a_file_that_is_no_number_is_the_operators_matter(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "clock"
        file.write_text(content, encoding="utf-8")
        with pytest.raises(OperatorError, match="ivr clock"):
            SystemClock(file).now()
