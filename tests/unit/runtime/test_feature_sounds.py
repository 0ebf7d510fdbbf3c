"""A transfer whose announcement cannot be played does not happen: every sound of features.conf must be a prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.adapters.prompts.catalogue import load_catalogue

CHECKOUT = Path(__file__).parents[3]
FALLS_BACK = {"transferannouncesound", "transferretrysound", "transferinvalidsound", "xfersound", "xferfailsound"}
"""Options that name a sound of Asterisk's own set when they are not given; that set is not installed."""


def sounds() -> dict[str, str]:
    lines = (CHECKOUT / "asterisk-config" / "features.conf").read_text(encoding="utf-8").splitlines()
    options = (line.partition("=") for line in lines if not line.startswith(";"))
    return {name.strip(): value.strip() for name, _, value in options if name.strip().endswith("sound")}


def test_no_sound_is_left_to_asterisks_own_set() -> None:
    assert sounds().keys() >= FALLS_BACK


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_sound_is_a_prompt(language: str) -> None:
    assert set(sounds().values()) <= load_catalogue(CHECKOUT / "prompts", language).keys()
