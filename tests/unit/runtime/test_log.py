"""The net under the rule that no personal data goes into a log."""

from __future__ import annotations

import pytest

from ivr.log import mask_long_digits


@pytest.mark.parametrize("text", ["from 01012345678", "+82 10-1234-5678 again", "010-1234-5678", "born 19900101"])
def test_long_runs_of_digits_are_masked(text: str) -> None:
    masked = mask_long_digits(None, "info", {"event": text})["event"]
    assert "<digits>" in masked
    assert not any(letter.isdigit() for letter in masked)


@pytest.mark.parametrize(
    "text", ["n1-1795320249.0", "port 5060", "2026-11-23 10:00", "call n1-1795320249.12 ended", "v0.123456"]
)
def test_ids_ports_and_times_are_left(text: str) -> None:
    assert mask_long_digits(None, "info", {"event": text})["event"] == text


def test_fields_of_ours_are_left() -> None:
    event = {"call_id": "1795320249", "version": "123456789012", "n": 12345678}
    assert mask_long_digits(None, "info", dict(event)) == event
