"""Simulated is live: the most different scenarios of the shipped centre are played on real Asterisk by SIPp, and path,
prompts heard and outcome in Postgres must be those of the simulation."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

import pytest
from records import Records
from system import RunningSystem

from ivr.dialplan.scenarios import load_scenarios
from ivr.domain.actions import Speak
from ivr.domain.coverage import Edge
from ivr.domain.moves import HangUp, LeavesQueue, Move, Phrase, Talk
from ivr.settings import CHECKOUT
from ivr.testing.caller import Turn
from ivr.testing.phones import Answer, Behaviour, Ignore
from ivr.testing.scenarios import Verdict, run
from ivr.testing.sipp_xml import ScriptedCall
from ivr.testing.timeline import plan

AT_LEAST = 10
AT_MOST = 12
CALLS_PER_SECOND = 3
AGENTS = ("1001", "1002", "1003")
"""One for each queue, so that callers wait where agents are busy."""
Group = tuple[datetime, str]
"""Business time and what the agents do: calls that can be made side by side."""


def chosen(system: RunningSystem) -> list[Verdict]:
    """The scenarios that differ most: each takes as many branches as possible that none before it took."""
    scenarios, problems = load_scenarios(CHECKOUT / "dialplans" / "120", system.centre)
    assert not problems
    left = [verdict for scenario in scenarios for verdict in [run(system.centre, scenario)] if _can_be_timed(verdict)]
    taken: set[tuple[str, Edge]] = set()
    picked: list[Verdict] = []
    while left and len(picked) < AT_MOST:
        best = max(left, key=lambda verdict: len(_branches(verdict) - taken))
        if len(picked) >= AT_LEAST and not _branches(best) - taken:
            break
        picked.append(best)
        left.remove(best)
        taken |= _branches(best)
    return picked


def _branches(verdict: Verdict) -> set[tuple[str, Edge]]:
    """With what tells calls apart beyond branches: how the call ended and who could take it."""
    assert verdict.call is not None
    ended = Edge(verdict.call.outcome, verdict.scenario.agents)
    return {("branch", edge) for edge in verdict.edges} | {("ended", ended)}


def _can_be_timed(verdict: Verdict) -> bool:
    """SIPp presses keys and is found by its number; callers who speak to a menu, send no sound, are answered late or
    withhold their number are for other tests."""
    moves = verdict.scenario.moves
    answered_late = verdict.scenario.agents == "busy" and LeavesQueue("ANSWERED") in moves
    spoken = any(isinstance(move, Phrase) or move == Talk(0.0) for move in moves)
    return not (verdict.failures or answered_late or spoken or verdict.scenario.caller is None)


def groups(verdicts: list[Verdict]) -> Iterator[tuple[Group, list[Verdict]]]:
    by_group: dict[Group, list[Verdict]] = {}
    for verdict in verdicts:
        by_group.setdefault((verdict.scenario.at, verdict.scenario.agents), []).append(verdict)
    yield from sorted(by_group.items())


@pytest.mark.timeout(420)
async def test_simulated_is_live(system: RunningSystem, records: Records) -> None:
    picked = chosen(system)
    assert len(picked) >= AT_LEAST
    wrong: list[str] = []
    for (at, agents), verdicts in groups(picked):
        system.set_clock(at)
        async with _agents(system, agents):
            wrong += await _compare(system, records, verdicts)
    assert not wrong, f"{len(wrong)} of {len(picked)} calls differ from their simulation:\n" + "\n".join(wrong)


async def _compare(system: RunningSystem, records: Records, verdicts: list[Verdict]) -> list[str]:
    voice = system.prompts.path("en", "greeting")
    calls: list[ScriptedCall] = []
    numbers = [system.new_caller() for _ in verdicts]
    for verdict, number in zip(verdicts, numbers, strict=True):
        assert verdict.call is not None
        timeline = plan(
            system.centre,
            _moves(verdict.call.turns),
            at=verdict.scenario.at,
            seconds=system.prompts.seconds,
            caller=number,
        )
        calls.append(ScriptedCall(script=timeline.script(voice=voice), caller=number))
    await system.call_all(calls, per_second=CALLS_PER_SECOND)
    wrong = []
    for verdict, number in zip(verdicts, numbers, strict=True):
        wrong += await _differences(records, verdict, await records.ended_call(number))
    return wrong


async def _differences(records: Records, verdict: Verdict, call: dict[str, object]) -> list[str]:
    scenario, simulated = verdict.scenario, verdict.call
    assert simulated is not None
    should = [
        (note["node"], note["phase"], note["result"], note["to"], _to_the_hour(" ".join(note["heard"])))
        for note in simulated.notes
        if note["k"] == "step"
    ]
    rows = await records.rows("SELECT * FROM ivr.steps WHERE call = $1 ORDER BY seq, idx", call["id"])
    did = [(row["node"], row["phase"] or "", row["result"], row["to_node"], _to_the_hour(row["heard"])) for row in rows]
    wrong = []
    if did != should:
        lines = [f"    should {a}\n    did    {b}" for a, b in zip(should, did, strict=False) if a != b]
        wrong.append(f"{scenario.name}: {len(did)} steps instead of {len(should)}\n" + "\n".join(lines[:3]))
    if call["outcome"] != simulated.outcome:
        wrong.append(f"{scenario.name}: {call['outcome']} instead of {simulated.outcome}")
    return wrong


def _to_the_hour(heard: str) -> str:
    """Spoken times without minutes: a real call takes time, a simulated one none."""
    return re.sub(r"(datetime:[\d-]+T\d\d):\S+", r"\1", heard)


def _moves(turns: list[Turn]) -> list[Move]:
    """What the simulated caller did, waits included. A hang-up where something is asked is the end of the moves."""
    moves = [turn.move for turn in turns if turn.move is not None and not isinstance(turn.move, HangUp)]
    last = turns[-1]
    left_early = isinstance(last.action, Speak) and last.node not in ("goodbye",)
    return [*moves, HangUp()] if left_early else moves


@asynccontextmanager
async def _agents(system: RunningSystem, agents: str) -> AsyncIterator[None]:
    """free: they answer and hang up; busy: they are logged in and paused; none: nobody is there."""
    behaviour: Behaviour = Answer(after_s=0.5, talk_s=2.0) if agents == "free" else Ignore()
    async with AsyncExitStack() as phones:
        for agent in () if agents == "none" else AGENTS:
            phone = await phones.enter_async_context(system.on_duty(agent, behaviour))
            assert phone.pid
            if agents == "busy":
                await system.phone(agent).dial("*13")
        yield
