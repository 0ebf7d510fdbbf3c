"""Postgres stands still while callers call: nobody notices, the record follows, and the books balance."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime

import psutil
from records import Records
from system import OPEN, SEOUL, RunningSystem

from ivr.testing.caller import LeavesQueue, Press
from ivr.testing.sipp_xml import ScriptedCall
from ivr.testing.timeline import plan

CROWD = 5


async def test_a_mute_postgres_is_not_heard_and_the_books_balance(system: RunningSystem, records: Records) -> None:
    system.set_clock(OPEN)
    moves = (Press("2"), Press("1"), Press("9"), Press("2"), Press("1"), LeavesQueue("JOINEMPTY"))
    timelines = [
        plan(system.centre, moves, at=OPEN, seconds=system.prompts.seconds, caller=system.new_caller())
        for _ in range(CROWD)
    ]
    calls = [ScriptedCall(script=each.script(), caller=each.caller) for each in timelines]
    server = system.find_worker("postgres")
    assert server is not None
    stopped = [server, *server.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        async with system.calling(calls, per_second=5):
            pass
    finally:
        for process in stopped:
            _go_on(process)
    ended = await records.ended_calls([each.caller or "" for each in timelines], within_s=40)
    assert [await records.steps(call["id"]) for call in ended] == [each.steps for each in timelines]
    day = datetime.now(SEOUL).date().isoformat()
    # Every call of this system so far, whatever other tests did to it.
    report = json.loads(system.run("reconcile", "--from", day, "--json"))
    assert report["balanced"]
    assert sum(each["arrived"] for each in report["days"]) >= CROWD


def _go_on(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.resume()
