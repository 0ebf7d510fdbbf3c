"""All controllers are killed among twenty callers: nobody notices, nothing is missing."""

from __future__ import annotations

import signal

from records import Records
from system import OPEN, RunningSystem

from ivr.testing.caller import LeavesQueue, Press
from ivr.testing.sipp_xml import ScriptedCall
from ivr.testing.timeline import Timeline, plan
from ivr.testing.waiting import eventually

CROWD = 20
RESTART_S = 9.0
"""How long callers think in the main menu while controllers are killed and come back."""


async def test_callers_go_on_where_they_were_when_controllers_are_killed(
    system: RunningSystem, records: Records
) -> None:
    """Kill -9 with twenty callers in a menu: the next controller asks each of them the same question again."""
    system.set_clock(OPEN)
    timelines = [_thoughtful(system) for _ in range(CROWD)]
    calls = [ScriptedCall(script=each.script(), caller=each.caller) for each in timelines]
    killed = system.controllers
    async with system.calling(calls, per_second=20):

        async def in_menu() -> int:
            return await records.count_live("main_menu")

        await eventually(in_menu, lambda count: count == CROWD, within_s=12)
        for process in killed:
            process.send_signal(signal.SIGKILL)
        await system.replaced(killed)
    ended = await records.ended_calls([each.caller or "" for each in timelines])
    assert [await records.steps(call["id"]) for call in ended] == [each.steps for each in timelines]
    assert [await records.resumed_in(call["id"]) for call in ended] == [["main_menu"]] * CROWD
    assert {call["outcome"] for call in ended} == {"abandoned"}


def _thoughtful(system: RunningSystem) -> Timeline:
    return plan(
        system.centre,
        (Press("2"), Press("1"), Press("9"), Press("2"), Press("1"), LeavesQueue("JOINEMPTY")),
        at=OPEN,
        seconds=system.prompts.seconds,
        caller=system.new_caller(),
        think={"main_menu": RESTART_S},
    )
