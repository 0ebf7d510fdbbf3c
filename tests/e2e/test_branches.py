"""Every branch of the shipped flow in both languages, and a hang-up wherever a caller can be: each is a real call whose
path in Postgres must be the one that the flow says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
from records import Records
from system import CLOSED, OPEN, RunningSystem

from ivr.domain.flow import Enqueue, targets
from ivr.testing.branches import Branch, Way, World, find_places, find_ways
from ivr.testing.caller import LeavesQueue, Move
from ivr.testing.phones import Ignore
from ivr.testing.sipp_xml import ScriptedCall
from ivr.testing.timeline import Place, Timeline, plan

CLOSED_WORLDS = (
    World(name="closed", at=CLOSED, caller_known=True, queue_ends=()),
    World(name="closed, number withheld", at=CLOSED, caller_known=False, queue_ends=()),
)
EMPTY_WORLDS = (
    World(name="open, no agents", at=OPEN, caller_known=True, queue_ends=("JOINEMPTY",)),
    World(name="open, no agents, number withheld", at=OPEN, caller_known=False, queue_ends=("JOINEMPTY",)),
)
BUSY_WORLDS = (World(name="open, agents busy", at=OPEN, caller_known=True, queue_ends=("KEY", "TIMEOUT")),)
WORLDS = (*CLOSED_WORLDS, *EMPTY_WORLDS, *BUSY_WORLDS)
CALLS_PER_SECOND = 6
ONLY_WITHOUT_WORDS = {("question", "on_failure")}
"""Edges that no timed caller takes for sure: see test_after_hours."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A caller's way through the flow, and where they hang up if the flow does not end first."""

    moves: tuple[Move, ...]
    leaves_at: Place | None


def errands(system: RunningSystem, world: World) -> list[Errand]:
    """Those of this world that no earlier world has covered."""
    taken: set[Branch] = set()
    left: set[tuple[str, Place]] = set()
    for earlier in WORLDS:
        ways = find_ways(system.centre, earlier, without=taken)
        chosen = [Errand(_through_queue(system, earlier, way), None) for way in ways]
        taken.update(branch for way in ways for branch in way.branches)
        left.update(_end(way) for way in ways)
        for place, way in find_places(system.centre, earlier).items():
            if place not in left and not _is_passed(system, earlier, place[1]):
                left.add(place)
                chosen.append(Errand(way.moves, place[1]))
        if earlier == world:
            return chosen
    raise AssertionError(world)


def _is_passed(system: RunningSystem, world: World, place: Place) -> bool:
    """A queue that nobody can wait in."""
    return isinstance(system.centre.flow.node(place.node), Enqueue) and "JOINEMPTY" in world.queue_ends


def _through_queue(system: RunningSystem, world: World, way: Way) -> tuple[Move, ...]:
    return (*way.moves, LeavesQueue("JOINEMPTY")) if _is_passed(system, world, way.places[-1]) else way.moves


def _end(way: Way) -> tuple[str, Place]:
    return way.branches[-1].language, way.places[-1]


def test_worlds_cover_every_edge(system: RunningSystem) -> None:
    taken: set[Branch] = set()
    for world in WORLDS:
        taken.update(branch for way in find_ways(system.centre, world, without=taken) for branch in way.branches)
    by_language = {
        language: {(branch.place.node, branch.to) for branch in taken if branch.language == language}
        for language in system.centre.languages
    }
    first = system.centre.languages[0]
    before_choice = {"greeting", "language"}  # nobody has chosen a language there yet
    for node in system.centre.flow.nodes.values():
        for label, target in targets(node).items():
            if (node.id, label) in ONLY_WITHOUT_WORDS:
                continue
            for language in [first] if node.id in before_choice else system.centre.languages:
                assert (node.id, target) in by_language[language], f"nobody takes {node.id} {label} in {language}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("worlds", [CLOSED_WORLDS, EMPTY_WORLDS, BUSY_WORLDS], ids=lambda worlds: str(worlds[0].name))
async def test_every_branch(system: RunningSystem, records: Records, worlds: tuple[World, ...]) -> None:
    system.set_clock(worlds[0].at)
    timelines = [_timeline(system, world, errand) for world in worlds for errand in errands(system, world)]
    voice = system.prompts.path("en", "greeting")
    before = await records.count_calls()
    async with _agents(system, worlds[0]):
        await system.call_all(
            [ScriptedCall(script=each.script(voice=voice), caller=each.caller) for each in timelines],
            per_second=CALLS_PER_SECOND,
        )
    known = {each.caller: each for each in timelines if each.caller is not None}
    ended = await records.ended_calls(list(known))
    found = [await records.steps(call["id"]) for call in ended]
    wrong = [
        f"{each.script(voice=voice).moves}\n  should {each.steps}\n  did    {steps}"
        for each, steps in zip(known.values(), found, strict=True)
        if steps != each.steps
    ]
    assert not wrong, f"{len(wrong)} of {len(timelines)} calls took another path:\n" + "\n".join(wrong[:5])
    withheld = [each.steps for each in timelines if each.caller is None]
    paths = await records.paths_of_withheld(len(withheld), ended=before + len(timelines))
    assert sorted(paths, key=repr) == sorted(withheld, key=repr)


def _timeline(system: RunningSystem, world: World, errand: Errand) -> Timeline:
    return plan(
        system.centre,
        errand.moves,
        at=world.at,
        seconds=system.prompts.seconds,
        caller=system.new_caller() if world.caller_known else None,
        hang_up_in=errand.leaves_at,
    )


@asynccontextmanager
async def _agents(system: RunningSystem, world: World) -> AsyncIterator[None]:
    """Where callers wait in vain, an agent of each queue is logged in, but paused."""
    async with AsyncExitStack() as phones:
        if "TIMEOUT" in world.queue_ends:
            for agent in ("1001", "1002", "1003"):
                phone = await phones.enter_async_context(system.on_duty(agent, Ignore()))
                assert phone.pid
                await system.phone(agent).dial("*13")
        yield


def test_only_queues_need_agents(system: RunningSystem) -> None:
    waiting = {node.queue for node in system.centre.flow.nodes.values() if isinstance(node, Enqueue)}
    paused = [system.centre.agents[agent].queues for agent in ("1001", "1002", "1003")]
    assert waiting == {queue for queues in paused for queue in queues}
