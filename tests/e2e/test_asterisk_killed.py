"""Asterisk itself is killed with callers in every state: each call is closed, what was said is a message, agents are as
they were, and the next caller is served. (A controller's death is in test_killing.py.)"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import wave
from contextlib import AsyncExitStack
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from records import Records
from sip_peer import sip_peer
from system import CLOSED, OPEN, RunningSystem
from test_after_hours import TO_QUESTION

from ivr.adapters.runtime.process import find_process
from ivr.errors import PeerError
from ivr.testing.caller import HangUp, LeavesQueue, Move, Press, Talk
from ivr.testing.phones import Answer, Behaviour, Ignore
from ivr.testing.sipp_xml import ScriptedCall
from ivr.testing.timeline import plan
from ivr.testing.voice import spoken_rhythm
from ivr.testing.waiting import eventually

RECORDED_BYTES = 80_000
"""Of a recording under way, 5 s: Asterisk writes in pieces of 32 KB."""
STATES: dict[str, tuple[Move, ...]] = {
    "menu": (Press("2"), Press("1"), HangUp()),
    "talk": (Press("2"), Press("1"), Press("1"), LeavesQueue("ANSWERED"), Talk(90)),
    "ringing": (Press("2"), Press("2"), Press("1"), LeavesQueue("TIMEOUT")),
    "waiting": (Press("2"), Press("3"), Press("1"), LeavesQueue("TIMEOUT")),
}
PHONES: dict[str, Behaviour] = {"1001": Answer(), "1002": Ignore(), "1003": Ignore(), "1004": Ignore()}


@pytest.mark.timeout(300)
async def test_every_call_is_closed_and_agents_are_as_they_were(system: RunningSystem, records: Records) -> None:
    layout = system.installation.layout
    callers = {state: system.new_caller() for state in (*STATES, "message")}
    voice = system.folder / "killed.ulaw"
    voice.write_bytes(spoken_rhythm(seed=7, seconds=60))

    def script(state: str) -> ScriptedCall:
        moves, at = (STATES[state], OPEN) if state in STATES else ((*TO_QUESTION, Talk(60)), CLOSED)
        think = {"main_menu": 90.0} if state == "menu" else {}
        timeline = plan(system.centre, moves, at=at, seconds=system.prompts.seconds, caller=callers[state], think=think)
        return ScriptedCall(script=timeline.script(voice=voice), caller=callers[state])

    async with AsyncExitStack() as stack:
        phones = {agent: system.phone(agent) for agent in PHONES}
        for agent, phone in phones.items():
            await stack.enter_async_context(phone.serving(PHONES[agent]))
        await asyncio.gather(*(phones[agent].log_in() for agent in ("1001", "1002", "1003")))
        await phones["1003"].dial("*13")

        system.set_clock(CLOSED)
        placed = [await stack.enter_async_context(await system.sipp.start_calls([script("message")]))]
        system.placed += 1
        speaker = (await records.live_call(callers["message"]))["id"]
        # The clock may change once that caller has found the line closed.
        await eventually(
            lambda: records.steps(speaker), lambda steps: "opening_hours" in [node for node, *_ in steps], within_s=30
        )
        system.set_clock(OPEN)
        placed.append(await stack.enter_async_context(await system.sipp.start_calls([script(s) for s in STATES])))
        system.placed += len(STATES)

        async def in_their_states() -> dict[str, bool]:
            ids = {state: (await records.live_call(caller))["id"] for state, caller in callers.items()}
            waits = await records.rows("SELECT queued_at FROM ivr.calls WHERE id = $1", ids["waiting"])
            return {
                **{name: _recorded(layout.recordings, ids[name]) for name in ("talk", "message")},
                "ringing": bool(await records.legs(ids["ringing"], "agent")),
                "waiting": waits[0]["queued_at"] is not None,
            }

        await eventually(in_their_states, lambda there: all(there.values()), within_s=60)
        # The last word of an agent before the end: whoever heard that they are logged in, is.
        await phones["1004"].log_in()
        killed = find_process("asterisk", layout.pid_file("asterisk"))
        assert killed is not None
        os.kill(killed.pid, signal.SIGKILL)

        async def again() -> bool:
            now = find_process("asterisk", layout.pid_file("asterisk"))
            try:
                return now is not None and now.pid != killed.pid and "1001" in await queue_of(system, "pension")
            except PeerError:
                return False

        await eventually(again, within_s=40)
        for process in placed:
            await process.kill()

        ended = dict(zip(callers, await records.ended_calls(list(callers.values()), within_s=40), strict=True))
        outcomes = {state: call["outcome"] for state, call in ended.items()}
        assert outcomes == {
            "menu": "failed", "talk": "answered", "ringing": "failed", "waiting": "failed", "message": "message_saved",
        }  # fmt: skip
        for call in ended.values():
            assert all(leg["ended_at"] is not None for leg in await records.legs(call["id"]))
        (message,) = await records.messages(ended["message"]["id"])
        (talk,) = await records.talks(ended["talk"]["id"])
        assert message["state"] == "kept"
        for recording in (message, talk):
            assert recording["seconds"] >= 4
            check_playable(system.recording(recording["file"]), recording["seconds"])
        spoken = system.recording(message["file"])
        assert sha256(spoken).hexdigest() == message["sha256"], "of the file as it was mended"

        queues = {name: await queue_of(system, name) for name in ("pension", "injury", "health")}
        assert set(queues["pension"]) == {"1001", "1004"}
        assert set(queues["injury"]) == {"1002", "1004"}
        assert set(queues["health"]) == {"1003", "1004"}
        assert "paused" in queues["health"]["1003"]
        lines = [line for queue in queues.values() for agent, line in queue.items() if agent != "1003"]
        assert not [line for line in lines if "paused" in line]

        with sip_peer(system.sipp.server) as peer:
            call = peer.ask("INVITE", system.centre.numbers[0], sender=system.new_caller())
            assert call.code == 200, "the next caller is served"
            system.placed += 1
            peer.hang_up(call)
        await asyncio.gather(*(phone.dial("*12") for phone in phones.values()))
        await asyncio.gather(*(phone.register(expires_s=0) for phone in phones.values()))


async def queue_of(system: RunningSystem, name: str) -> dict[str, str]:
    """Agent -> what Asterisk says of them in this queue."""
    told = await system.asterisk.command(f"queue show {system.centre.queues[name].asterisk_name}")
    return {found[1]: line for line in told.splitlines() if (found := re.search(r"\(PJSIP/(\w+)\)", line))}


def _recorded(folder: Path, call: str) -> bool:
    return any(path.stat().st_size >= RECORDED_BYTES for path in folder.rglob(f"{call}-*.wav"))


def check_playable(recording: bytes, seconds: float) -> None:
    """The header that Asterisk could not finish says what there is."""
    with wave.open(BytesIO(recording)) as played:
        assert abs(played.getnframes() / played.getframerate() - seconds) < 0.01
