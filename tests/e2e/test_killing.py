"""The controller is killed among twenty callers: nobody notices, nothing is missing."""

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
"""How long callers think in the main menu while the controller is killed and comes back."""


async def test_callers_go_on_where_they_were_when_the_controller_is_killed(
    system: RunningSystem, records: Records
) -> None:
    """Kill -9 with twenty callers in a menu: the next controller asks each of them the same question again."""
    system.set_clock(OPEN)
    timelines = [_thoughtful(system) for _ in range(CROWD)]
    calls = [ScriptedCall(script=each.script(), caller=each.caller) for each in timelines]
    killed = system.controller
    async with system.calling(calls, per_second=20):

        async def in_menu() -> int:
            return await records.count_live("main_menu")

        await eventually(in_menu, lambda count: count == CROWD, within_s=12)
        killed.send_signal(signal.SIGKILL)

        async def successor() -> int | None:
            return system.controller_pid

        await eventually(successor, lambda pid: pid not in (None, killed.pid))
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
