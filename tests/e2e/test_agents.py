"""Agents on real SIP phones: they answer, decline, do not answer, drop, transfer, pause; callers wait for them.

One line of scenarios for each queue, with agents of its own, is played side by side.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from recordings import loudness, samples_of
from records import Records
from side_by_side import Played, names, play
from system import OPEN, RunningSystem

from ivr.testing.caller import LeavesQueue, Move, Press, Talk
from ivr.testing.phones import Answer, Decline, Ignore, Transfer
from ivr.testing.sipp_xml import ScriptedCall
from ivr.testing.timeline import plan
from ivr.testing.waiting import eventually

ANSWERED = LeavesQueue("ANSWERED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One queue and those who play in it."""

    system: RunningSystem
    records: Records
    queue: str
    key: str
    """Of the main menu."""
    label: str
    first: str
    """Agent of tier 1 who serves no other stage's queue."""
    second: str = ""
    """Of tier 2."""

    def call(self, caller: str, *moves: Move) -> ScriptedCall:
        """Through the menus to the queue in English, then `moves`."""
        to_queue = (Press("2"), Press(self.key), Press("1"))
        timeline = plan(
            self.system.centre, (*to_queue, *moves), at=OPEN, seconds=self.system.prompts.seconds, caller=caller
        )
        return ScriptedCall(script=timeline.script(), caller=caller)

    @asynccontextmanager
    async def caller(self, *moves: Move) -> AsyncIterator[str]:
        """Calls at once; the call is over after the context."""
        number = self.system.new_caller()
        async with self.system.calling([self.call(number, *moves)]):
            yield number

    async def ended(self, caller: str) -> dict[str, Any]:
        return await self.records.ended_call(caller)


async def agent_answers(stage: Stage) -> None:
    async with stage.system.on_duty(stage.first, Answer(talk_s=3)) as phone:
        async with stage.caller(ANSWERED) as caller:
            pass
        shown = (await phone.stop()).logged
    call = await stage.ended(caller)
    assert (call["outcome"], call["ended_by"], call["language"]) == ("answered", "agent", "en")
    assert call["category"] == "pension"
    assert [caller in line and stage.label in line for line in shown] == [True], "the phone shows who calls and why"
    (leg,) = await stage.records.legs(call["id"], "agent")
    assert (leg["agent"], leg["hangup_cause"]) == (stage.first, 16)
    assert leg["talk_s"] == pytest.approx(3, abs=0.5)
    (talk,) = await stage.records.talks(call["id"])
    assert talk["seconds"] == pytest.approx(3, abs=0.5)
    heard = samples_of(stage.system.recording(talk["file"]))
    assert loudness(heard) > 300, "the agent's voice is in the recording"


async def caller_hangs_up_in_the_talk(stage: Stage) -> None:
    async with stage.system.on_duty(stage.first, Answer()), stage.caller(ANSWERED, Talk(4)) as caller:
        pass
    call = await stage.ended(caller)
    assert (call["outcome"], call["ended_by"]) == ("answered", "caller")


async def agent_drops(stage: Stage) -> None:
    async with stage.system.on_duty(stage.first, Answer(talk_s=0.2)), stage.caller(ANSWERED) as caller:
        pass
    call = await stage.ended(caller)
    assert (call["outcome"], call["ended_by"]) == ("answered", "agent")


async def nobody_answers_in_time(stage: Stage) -> None:
    async with stage.system.on_duty(stage.first, Ignore()), stage.caller(LeavesQueue("TIMEOUT")) as caller:
        pass
    call = await stage.ended(caller)
    assert call["outcome"] == "abandoned"
    node = f"{stage.queue}_queue"
    assert (node, "", "timeout", f"{stage.queue}_timeout") in await stage.records.steps(call["id"])


async def agent_declines(stage: Stage) -> None:
    async with (
        stage.system.on_duty(stage.first, Decline()),
        stage.system.on_duty(stage.second, Answer(talk_s=1)),
        stage.caller(ANSWERED) as caller,
    ):
        pass
    call = await stage.ended(caller)
    assert call["outcome"] == "answered"
    legs = await stage.records.legs(call["id"], "agent")
    assert (legs[0]["agent"], legs[0]["hangup_cause"]) == (stage.first, 17)
    assert [leg["agent"] for leg in legs if leg["answered_at"]] == [stage.second]


async def agent_does_not_answer(stage: Stage) -> None:
    async with (
        stage.system.on_duty(stage.first, Ignore()),
        stage.system.on_duty(stage.second, Answer(talk_s=1)),
        stage.caller(ANSWERED) as caller,
    ):
        pass
    call = await stage.ended(caller)
    assert call["outcome"] == "answered"
    legs = await stage.records.legs(call["id"], "agent")
    assert (legs[0]["agent"], legs[0]["answered_at"]) == (stage.first, None)
    (answered,) = [leg for leg in legs if leg["answered_at"]]
    assert answered["agent"] == stage.second
    waited = (answered["created_at"] - call["queued_at"]).total_seconds()
    escalate_after_s = stage.system.centre.queues[stage.queue].escalate_after_s
    assert waited >= escalate_after_s - 1, "the second tier rang too early"


async def agent_transfers_to_tier_two(stage: Stage) -> None:
    async with (
        stage.system.on_duty(stage.first, Transfer(talk_s=2)),
        stage.system.on_duty(stage.second, Answer(talk_s=2)) as expert,
    ):
        async with stage.caller(ANSWERED) as caller:
            pass
        shown = (await expert.stop()).logged
    call = await stage.ended(caller)
    assert (call["outcome"], call["ended_by"]) == ("answered", "agent")
    talked = [leg["agent"] for leg in await stage.records.legs(call["id"]) if leg["agent"] and leg["talk_s"] > 0]
    assert talked == [stage.first, stage.second]
    assert [caller in line and stage.label in line for line in shown] == [True], "the second phone shows it too"


async def agent_transfers_but_no_expert_is_there(stage: Stage) -> None:
    """The caller is not given back to the one who could not help, but told. Nowhere else can the agent send callers:
    not to a number outside, not to a phone, not to the menus, not into another context."""
    nowhere = ("01012345678", "1002", stage.system.centre.numbers[0], "120.agent.1002", "s")
    transfer = Transfer(talk_s=1, denied=nowhere)
    async with stage.system.on_duty(stage.first, transfer), stage.caller(ANSWERED, Talk(14)) as caller:
        pass
    call = await stage.ended(caller)
    assert call["outcome"] == "answered"
    assert [leg["agent"] for leg in await stage.records.legs(call["id"]) if leg["agent"]] == [stage.first]
    assert (f"{stage.queue}_queue", "", "no_agents", "no_agents") in await stage.records.steps(call["id"])


async def two_callers_and_one_agent(stage: Stage) -> None:
    callers = [stage.system.new_caller(), stage.system.new_caller()]
    async with stage.system.on_duty(stage.first, Answer(talk_s=3)):
        await stage.system.call_all([stage.call(caller, ANSWERED) for caller in callers], per_second=2)
    calls = await stage.records.ended_calls(callers)
    assert [call["outcome"] for call in calls] == ["answered", "answered"]
    legs = [leg for call in calls for leg in await stage.records.legs(call["id"], "agent") if leg["answered_at"]]
    first, second = sorted(legs, key=lambda leg: leg["answered_at"])
    pause = (second["answered_at"] - first["ended_at"]).total_seconds()
    assert pause >= stage.system.centre.queues[stage.queue].wrap_up_s - 0.5, "no time to wrap up"


async def caller_gives_up_while_it_rings(stage: Stage) -> None:
    async with stage.system.on_duty(stage.first, Ignore()) as phone:
        async with stage.caller(ANSWERED, Talk(3)) as caller:
            pass
        result = await phone.stop()
    assert (result.failed, len(result.logged)) == (0, 1), "the phone rang once and was told to stop"
    call = await stage.ended(caller)
    assert (call["outcome"], call["ended_by"]) == ("abandoned", "caller")


async def agent_pauses_and_resumes(stage: Stage) -> None:
    phone = stage.system.phone(stage.first)
    async with phone.serving(Answer(talk_s=1)):
        await phone.log_in()
        await phone.dial("*13")
        async with stage.caller(ANSWERED) as caller:
            call = await stage.records.live_call(caller)

            async def queued() -> bool:
                waiting = "SELECT 1 FROM ivr.calls WHERE id = $1 AND queued_at IS NOT NULL"
                return bool(await stage.records.rows(waiting, call["id"]))

            await eventually(queued, within_s=40)
            assert await stage.records.legs(call["id"], "agent") == []
            await phone.dial("*14")
        await phone.dial("*12")
        await phone.register(expires_s=0)
    assert (await stage.ended(caller))["outcome"] == "answered"

    async def last_actions() -> list[str]:
        return (await stage.records.agent_actions(stage.first))[-4:]

    await eventually(last_actions, lambda last: last == ["login", "pause", "resume", "logout"])


SCENARIOS = {
    "pension": (
        agent_answers,
        caller_hangs_up_in_the_talk,
        nobody_answers_in_time,
        agent_transfers_but_no_expert_is_there,
    ),
    "injury": (caller_gives_up_while_it_rings, agent_pauses_and_resumes, two_callers_and_one_agent, agent_drops),
    "health": (agent_declines, agent_does_not_answer, agent_transfers_to_tier_two),
}
"""Stage -> what is played there, one after the other."""


@asynccontextmanager
async def stage_of(system: RunningSystem, queue: str) -> AsyncIterator[Stage]:
    async with Records.open(system) as records:
        match queue:
            case "pension":
                yield Stage(system=system, records=records, queue=queue, key="1", label="[en] Pension", first="1001")
            case "injury":
                yield Stage(
                    system=system, records=records, queue=queue, key="2", label="[en] Work injury", first="1002"
                )
            case _:
                yield Stage(
                    system=system,
                    records=records,
                    queue=queue,
                    key="3",
                    label="[en] Health",
                    first="1003",
                    second="2002",
                )


@pytest.fixture(scope="module")
def played(system: RunningSystem) -> Played:
    system.set_clock(OPEN)
    return play(*((stage_of(system, queue), scenarios) for queue, scenarios in SCENARIOS.items()))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", [name for scenarios in SCENARIOS.values() for name in names(scenarios)])
def test_agents(played: Played, scenario: str) -> None:
    if (error := played[scenario]) is not None:
        raise error
