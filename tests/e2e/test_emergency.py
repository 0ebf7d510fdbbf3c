"""`ivr close` and `ivr open` on a running system: the next call goes by them, without a restart."""

from __future__ import annotations

from datetime import timedelta

from records import Records
from system import OPEN, RunningSystem

from ivr.domain.hours import Emergency
from ivr.engine.emergencies import under
from ivr.testing.caller import Press
from ivr.testing.timeline import Timeline, plan

NOON = OPEN + timedelta(hours=2)


async def test_the_next_call_goes_by_the_order(system: RunningSystem, records: Records) -> None:
    system.set_clock(OPEN)
    system.run(
        "close", "--centre", "120", "--until", NOON.strftime("%Y-%m-%d %H:%M"), "--reason", "누수", "--by", "kim"
    )
    try:
        assert "ordered by kim: 누수" in system.run("status")
        closed = await _call(system, Emergency(is_open=False, since=OPEN, until=NOON))
    finally:
        system.run("open", "--centre", "120")
    again = await _call(system, None)
    assert "emergency:" not in system.run("status")
    for caller, timeline in (closed, again):
        call = await records.ended_call(caller)
        assert await records.steps(call["id"]) == timeline.steps
    assert ("opening_hours", "", "closed:emergency", "after_hours") in closed[1].steps
    assert ("opening_hours", "", "open", "recording_notice") in again[1].steps


async def _call(system: RunningSystem, emergency: Emergency | None) -> tuple[str, Timeline]:
    """A caller who chooses a language, hears what comes and leaves."""
    caller = system.new_caller()
    centre = under(system.centre, emergency)
    timeline = plan(centre, [Press("1")], at=OPEN, seconds=system.prompts.seconds, caller=caller)
    await system.call(timeline.script(), caller)
    return caller, timeline
