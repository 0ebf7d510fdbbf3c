"""Calls made up by chance, run again: on their own dialplan all ends the same, on another what differs is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.adapters.vault import KeyVault
from ivr.dialplan.compiler import load_centre
from ivr.domain.centre import Centre
from ivr.domain.records import CallRecord
from ivr.replay import Replayer
from ivr.testing.centres import small_centre
from ivr.testing.history import random_calls

ROOT = Path(__file__).resolve().parents[2]
VAULT = KeyVault(bytes(range(32)))
SINCE = datetime(2026, 11, 20, tzinfo=UTC)


def shipped() -> Centre:
    known = {language: load_catalogue(ROOT / "prompts", language).keys() for language in ("ko", "en")}
    return load_centre(ROOT / "dialplans" / "120", known).need_all()["120"]


def history(centre: Centre, count: int, seed: int = 1) -> list[CallRecord]:
    until = SINCE + timedelta(days=10)
    return list(random_calls(centre, count, since=SINCE, until=until, vault=VAULT, seed=seed))


@pytest.mark.parametrize("centre", [small_centre(), shipped()], ids=["small", "shipped"])
def test_against_its_own_dialplan_every_call_ends_as_it_did(centre: Centre) -> None:
    replayer = Replayer({centre.id: centre}, VAULT)
    different = [verdict for record in history(centre, 400) if (verdict := replayer.replay(record)).kind != "same"]
    assert different == []
