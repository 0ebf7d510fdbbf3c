"""Dialplans changed while people call: nobody is dropped or on a mixed version, and a wrong folder changes nothing.

IVR_RELOAD_S=60 keeps the calls coming for a minute (10 a second, 60 at once); without it, for a few seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from records import Records
from system import CLOSED, OPEN, RunningSystem

from ivr.bootstrap import Installation
from ivr.domain.centre import Centre
from ivr.settings import CHECKOUT
from ivr.testing.caller import LeavesQueue, Move, Press, Talk
from ivr.testing.phones import AgentPhone, Answer
from ivr.testing.sipp import find_free_port
from ivr.testing.sipp_xml import AwaitBye, CallerScript, ScriptedCall
from ivr.testing.timeline import Timeline, plan
from ivr.testing.waiting import eventually

SECONDS = float(os.environ.get("IVR_RELOAD_S", "12"))
RATE = 10
MOVES = (Press("2"), Press("9"), Press("9"), Press("1"))
"""After hours, where a key cuts every prompt: English, the subjects three times, pension; then the caller leaves."""
THINK_S = 1.4
"""At the subjects, so that a call lasts about six seconds."""
DETOURS = {
    "2: {language: en, next: opening_hours": "2: {language: en, next: detour",
    "1: {category: pension, next: ask_birth_date}": "1: {category: pension, next: late_detour}",
    "nodes:\n": """nodes:
  detour: {choose: language, cases: {en: opening_hours}, otherwise: opening_hours}
  late_detour: {choose: language, cases: {en: ask_birth_date}, otherwise: ask_birth_date}
""",
}
"""What the new version does: nothing that a caller hears, but one node more at the beginning and one at the end."""
LIVE_WITHIN_S = 1.0
NEW_CENTRE = {
    "numbers: [120]": "numbers: [121]",
    "\n  1001:": "\n  3001:",
    "\n  1002:": "\n  3002:",
    "\n  1003:": "\n  3003:",
    "\n  1004:": "\n  3004:",
    "\n  2001:": "\n  4001:",
    "\n  2002:": "\n  4002:",
}


@pytest.fixture(autouse=True)
def folder(system: RunningSystem) -> Iterator[Path]:
    """The dialplan folder, put back and live again after each test."""
    dialplans = system.installation.settings.dialplans
    before = system.folder / "dialplans-before"
    shutil.copytree(dialplans, before)
    system.set_clock(CLOSED)
    yield dialplans
    shutil.rmtree(dialplans)
    before.rename(dialplans)
    reload(system)


@pytest.mark.timeout(120 + 2 * SECONDS)
async def test_a_reload_under_fifty_calls(system: RunningSystem, records: Records, folder: Path) -> None:
    """Each call goes by one version from its first node to its last; those after the reload by the new one."""
    old = live(system)["120"]
    timelines = [timeline(system, old) for _ in range(round(SECONDS * RATE))]
    calls = [ScriptedCall(script=each.script(), caller=each.caller) for each in timelines]
    async with system.calling(calls, per_second=RATE):
        await eventually(lambda: count_live(records), lambda count: count >= min(50, SECONDS * RATE / 6))
        edit(folder / "120" / "flow.yaml", DETOURS)
        done = await asyncio.to_thread(reload, system, "--note", "detours")
        assert "nodes: added detour, late_detour; changed ask_category, language" in done
        new = live(system)["120"]
    assert new.version != old.version
    ended = await records.ended_calls([each.caller or "" for each in timelines])
    paths = {centre.version: timeline(system, centre).steps for centre in (old, new)}
    assert paths[old.version] != paths[new.version]
    for call in ended:
        assert await records.steps(call["id"]) == paths[call["version"]]
        assert (call["outcome"], call["faults"]) == ("abandoned", [])
    since = system.installation.publisher.store.get_version("120", new.version).publications[-1].at
    begun = {call["version"]: [c["entered_at"] for c in ended if c["version"] == call["version"]] for call in ended}
    assert set(begun) == {old.version, new.version}
    assert (max(begun[old.version]) - since).total_seconds() < LIVE_WITHIN_S
    # What only the old version needed is out of Asterisk once its last call is gone.
    await eventually(lambda: retiring(system), lambda left: not left)


async def test_restarted_controllers_keep_callers_on_their_version(
    system: RunningSystem, records: Records, folder: Path
) -> None:
    """A reload while ten callers think, then both controllers are killed: the next ones compile what was kept."""
    old = live(system)["120"]
    timelines = [timeline(system, old, moves=(Press("2"), Press("1")), think=12.0) for _ in range(10)]
    calls = [ScriptedCall(script=each.script(), caller=each.caller) for each in timelines]
    async with system.calling(calls, per_second=10):
        await eventually(lambda: records.count_live("ask_category"), lambda count: count == 10)
        edit(folder / "120" / "flow.yaml", DETOURS)
        await asyncio.to_thread(reload, system)
        killed = system.controllers
        for process in killed:
            process.send_signal(signal.SIGKILL)
        # Half a file at the moment of a crash is no reason not to come back.
        (folder / "120" / "centre.yaml").write_text("title:\n", encoding="utf-8")
        await system.replaced(killed)
    ended = await records.ended_calls([each.caller or "" for each in timelines])
    assert {call["version"] for call in ended} == {old.version}
    assert [await records.steps(call["id"]) for call in ended] == [each.steps for each in timelines]
    assert {tuple(await records.resumed_in(call["id"])) for call in ended} == {("ask_category",)}


async def test_a_wrong_folder_is_refused_whole_under_load(
    system: RunningSystem, records: Records, folder: Path
) -> None:
    old = live(system)["120"]
    timelines = [timeline(system, old) for _ in range(20)]
    calls = [ScriptedCall(script=each.script(), caller=each.caller) for each in timelines]
    flow = folder / "120" / "flow.yaml"
    shutil.copytree(folder / "120", folder / "121")
    edit(folder / "121" / "centre.yaml", NEW_CENTRE)
    edit(flow, {"next: pension_menu": "next: pension_men"})
    async with system.calling(calls, per_second=RATE):
        await eventually(lambda: count_live(records), lambda count: count >= 5)
        refused = await asyncio.to_thread(try_reload, system)
    assert refused.returncode == 1
    line = next(number for number, text in enumerate(flow.read_text("utf-8").splitlines(), 1) if "pension_men," in text)
    assert f"{flow}:{line}:" in refused.stdout
    # The good new centre beside it is not live either: all or nothing.
    assert {name: centre.version for name, centre in live(system).items()} == {"120": old.version}
    ended = await records.ended_calls([each.caller or "" for each in timelines])
    assert {call["version"] for call in ended} == {old.version}
    assert [await records.steps(call["id"]) for call in ended] == [each.steps for each in timelines]


async def test_a_centre_comes_and_goes_with_its_folder(system: RunningSystem, records: Records, folder: Path) -> None:
    """Its agent talks to a caller when the folder goes: the talk goes on, the next caller hears that there is no such
    number, and the agent's account is gone after the talk."""
    shutil.copytree(folder / "120", folder / "121")
    edit(folder / "121" / "centre.yaml", NEW_CENTRE)
    system.set_clock(OPEN)
    assert "centre 121: added" in reload(system)
    centre, phone = live(system)["121"], agent_phone(system, "3001")
    talking, late = system.new_caller(), system.new_caller()
    moves = (Press("2"), Press("1"), Press("1"), LeavesQueue("ANSWERED"), Talk(35.0))
    talk = plan(centre, moves, at=OPEN, seconds=system.prompts.seconds, caller=talking).script()
    refused = CallerScript(dial="121", moves=(AwaitBye(20.0),))
    async with phone.serving(Answer(after_s=0.5)):
        await phone.log_in()
        async with system.calling([ScriptedCall(script=talk, caller=talking)]):
            await eventually(lambda: count_answered(records), within_s=60)
            shutil.rmtree(folder / "121")
            assert "centre 121: removed" in await asyncio.to_thread(reload, system)
            assert list(live(system)) == ["120"]
            await system.call(refused, late)
            assert await has_endpoint(system, "3001"), "the agent is still talking"
            assert await count_answered(records) == 1
    await eventually(lambda: has_endpoint(system, "3001"), lambda there: not there)
    assert await retiring(system) == ()
    answered, blocked = await records.ended_calls([talking, late])
    assert (answered["outcome"], answered["centre"], answered["version"]) == ("answered", "121", centre.version)
    assert (blocked["outcome"], blocked["end_reason"]) == ("blocked", "not_in_service")


async def test_rollback_is_one_command_and_holds_until_the_next_reload(
    system: RunningSystem, records: Records, folder: Path
) -> None:
    old = live(system)["120"]
    edit(folder / "120" / "flow.yaml", DETOURS)
    reload(system, "--note", "a mistake")
    new = live(system)["120"]
    assert "rolled back" in system.run("rollback", "120", "--note", "as before")
    assert live(system)["120"].version == old.version
    planned = timeline(system, old)
    await system.call(planned.script(), planned.caller)
    call = await records.ended_call(planned.caller or "")
    assert (call["version"], await records.steps(call["id"])) == (old.version, planned.steps)
    listed = json.loads(system.run("versions", "120", "--json"))
    assert [each["version"] for each in listed if each["live"]] == [old.version]
    notes = {each["version"]: each["publications"][-1] for each in listed}
    assert (notes[old.version]["how"], notes[old.version]["note"]) == ("rollback", "as before")
    assert (notes[new.version]["how"], notes[new.version]["note"]) == ("reload", "a mistake")
    assert "centre 120: changed" in reload(system)
    assert live(system)["120"].version == new.version


def timeline(
    system: RunningSystem, centre: Centre, *, moves: Sequence[Move] = MOVES, think: float = THINK_S
) -> Timeline:
    return plan(
        centre,
        moves,
        at=CLOSED,
        seconds=system.prompts.seconds,
        caller=system.new_caller(),
        think={"ask_category": think},
    )


def live(system: RunningSystem) -> Mapping[str, Centre]:
    """What callers reach, as the store says."""
    return Installation(system.installation.settings).publisher.live()


def edit(file: Path, changes: Mapping[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{file.name} has no {old!r} any more: adapt this test"
        text = text.replace(old, new, 1)
    file.write_text(text, encoding="utf-8")


def reload(system: RunningSystem, *options: str) -> str:
    return system.run("reload", *options)


def try_reload(system: RunningSystem) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ivr", "reload"],
        env=system.environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def retiring(system: RunningSystem) -> tuple[Any, ...]:
    return system.installation.publisher.store.state().retiring


def endpoints(system: RunningSystem) -> str:
    return (system.installation.layout.asterisk_etc / "generated" / "pjsip.conf").read_text(encoding="utf-8")


async def has_endpoint(system: RunningSystem, agent: str) -> bool:
    return f"[{agent}]" in endpoints(system)


def agent_phone(system: RunningSystem, agent: str) -> AgentPhone:
    """A phone of an agent who came with a reload."""
    password = json.loads(system.installation.layout.agents_file.read_text(encoding="utf-8"))[agent]
    voice = system.prompts.path("en", "greeting")
    return AgentPhone(sipp=system.sipp, user=agent, password=password, port=find_free_port(), voice=voice)


async def count_live(records: Records) -> int:
    return len(await records.rows("SELECT id FROM ivr.calls WHERE ended_at IS NULL AND kind = 'inbound'"))


async def count_answered(records: Records) -> int:
    return len(await records.rows("SELECT id FROM ivr.calls WHERE ended_at IS NULL AND answered_at IS NOT NULL"))
