"""What a call costs that no controller answers: the start of a process, beside the same call by a controller."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import pytest

from ivr.adapters.agi.codec import Header
from ivr.adapters.agi.line import AgiLine, Folders, arrival_of
from ivr.adapters.agi.server import AgiConnection, AgiServer
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.local_agi import check_launcher, write_launcher
from ivr.adapters.vault import KeyVault
from ivr.adapters.versions import Live, Publication, State, VersionStore
from ivr.compiled import to_text
from ivr.domain.saying import keys as spoken_keys
from ivr.engine.session import Engine
from ivr.testing.caller import moves_from_keys
from ivr.testing.centres import OPEN_AT, prompt_keys, small_centre
from ivr.testing.fake_asterisk import FakeAsterisk, write_prompts
from ivr.testing.worlds import FixedCentres, ManualClock

CALLS = 20
KEYS = ["2", "1", "queue:JOINEMPTY", "hangup"]
"""Two menus, a queue without agents: two entries."""
LIMIT = 25
"""Starts of the local AGI, ready for a caller, in starts of a bare interpreter."""


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    layout, centre = Layout(var=tmp_path_factory.mktemp("var")), small_centre()
    layout.create()
    for language in centre.languages:
        write_prompts(layout.prompts, prompt_keys(centre) | spoken_keys(language), [language])
    layout.seal_key.write_text(bytes(32).hex(), encoding="ascii")
    source = layout.var / "folder"
    source.mkdir()
    (source / "flow.yaml").touch()
    store = VersionStore(layout.versions)
    store.keep(centre.id, centre.version, source, {})
    store.note(centre.id, centre.version, Publication(at=OPEN_AT, who="bench", how="start"))
    store.put_compiled(centre.id, centre.version, to_text(centre, OPEN_AT.date()))
    store.set_state(State(live={centre.id: Live(version=centre.version)}))
    write_launcher(layout)
    assert check_launcher(layout) is None  # the first start compiles what it imports
    return layout


def _start_s(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one start, the best of some."""
    wall = cpu = float("inf")
    for _ in range(CALLS):
        before, began = _children_cpu_s(), time.perf_counter()
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        wall, cpu = min(wall, time.perf_counter() - began), min(cpu, _children_cpu_s() - before)
    return wall, cpu


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_start_of_a_local_agi(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    bare_wall, bare_cpu = _start_s([sys.executable, "-I", "-c", "pass"])
    wall, cpu = _start_s([str(layout.local_agi), "check"])
    with capsys.disabled():
        print(  # noqa: T201
            f"\nlocal AGI ready in {wall * 1000:.0f} ms, {cpu * 1000:.0f} ms CPU: {cpu / bare_cpu:.1f} times"
            f" a bare interpreter ({bare_wall * 1000:.0f} ms, {bare_cpu * 1000:.0f} ms CPU)"
        )
    assert cpu < LIMIT * bare_cpu


def test_a_call_by_a_process_of_its_own_and_by_a_controller(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    controller, local = asyncio.run(_by_controller(layout)), asyncio.run(_by_local_agi(layout))
    with capsys.disabled():
        print(  # noqa: T201
            f"\nCPU a call of two entries: local AGI {local * 1000:.0f} ms, controller {controller * 1000:.1f} ms"
            f" (fake Asterisk included): {local / controller:.0f} times"
        )
    assert local > controller, "then the controller would be the slow one, and this comparison is wrong"


async def _by_controller(layout: Layout) -> float:
    engine = Engine(centres=FixedCentres((small_centre(),)), vault=KeyVault(bytes(32)), clock=ManualClock(OPEN_AT))
    folders = Folders(prompts=layout.prompts, recordings=layout.recordings, spoken=layout.spoken)

    async def handler(connection: AgiConnection, header: Header) -> None:
        await engine.run(AgiLine(connection, folders), arrival_of(header))

    async with AgiServer(host="127.0.0.1", port=0, handlers={"call": handler}) as server:
        return await _cpu_a_call(
            lambda: FakeAsterisk(host=server.host, port=server.port, moves=moves_from_keys(KEYS)).place_call()
        )


async def _by_local_agi(layout: Layout) -> float:
    program = (str(layout.local_agi),)
    return await _cpu_a_call(lambda: FakeAsterisk(program=program, moves=moves_from_keys(KEYS)).place_call())


async def _cpu_a_call(place: Callable[[], Awaitable[None]]) -> float:
    await place()
    before = time.process_time() + _children_cpu_s()
    for _ in range(CALLS):
        await place()
    return (time.process_time() + _children_cpu_s() - before) / CALLS
