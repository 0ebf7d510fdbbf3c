"""How often callers went which way, from the record."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from journals import CALLS, interleaved
from test_ingest import ingest_all
from test_records import derived

from ivr.adapters.db.paths import count_ways
from ivr.adapters.db.pool import open_pool
from ivr.settings import CHECKOUT


@pytest.fixture
async def recorded(dsn: str, tmp_path: Path) -> str:
    """One of each recorded call."""
    journal = tmp_path / "journal.csv"
    journal.write_bytes(b"".join(interleaved(CALLS)))
    await ingest_all(dsn, journal)
    return dsn


async def test_ways_are_counted_for_a_centre_and_a_time(recorded: str) -> None:
    calls = [derived(name) for name in CALLS]
    centre = next(call.centre for call in calls if call.centre is not None and call.steps)
    wanted = Counter(
        (step.node, step.to)
        for call in calls
        if call.centre == centre
        for step in call.steps
        if step.to is not None and step.to != step.node
    )
    latest = max(call.entered_at for call in calls)
    async with open_pool(recorded) as pool:
        assert await count_ways(pool, centre) == wanted
        assert await count_ways(pool, "elsewhere") == {}
        assert await count_ways(pool, centre, since=latest + timedelta(seconds=1)) == {}
        assert await count_ways(pool, centre, until=latest + timedelta(seconds=1)) == wanted
        assert sum((await count_ways(pool, centre, until=latest)).values()) <= sum(wanted.values())


FLOW = """
start: greeting
apology: apology
defaults: {on_failure: bye}
nodes:
  greeting: {play: greeting, next: menu}
  menu: {menu: main_menu, choices: {1: {category: pension, next: agents}}}
  agents: {queue: pension, no_agents: bye, timeout: bye}
  bye: {end: goodbye}
"""
"""The part of the recorded calls' flow that most of them took."""


async def test_the_drawing_shows_them(recorded: str, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    centre = tmp_path / "120"
    centre.mkdir()
    (centre / "flow.yaml").write_text(FLOW, encoding="utf-8")
    base = (CHECKOUT / "tests" / "data" / "wrong" / "_base" / "centre.yaml").read_text(encoding="utf-8")
    (centre / "centre.yaml").write_text(base.replace("legal_basis: {number: consent}", ""), encoding="utf-8")
    graph = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr", "graph", str(centre), "--calls"),
        env={**os.environ, "DATABASE_URL": recorded, "IVR_VAR": str(tmp_path / "var")},
        cwd=CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    drawn, complaint = await graph.communicate()
    assert complaint == b""
    async with open_pool(recorded) as pool:
        ways = await count_ways(pool, "120")
    lines = drawn.decode().splitlines()
    assert f'  n0 -->|"({ways["greeting", "menu"]})"| n1' in lines
    assert f'  n1 -->|"1 ({ways["menu", "agents"]})"| n2' in lines
    assert "  linkStyle 0 stroke-width:9.0px" in lines
