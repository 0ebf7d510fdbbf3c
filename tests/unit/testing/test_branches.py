"""The search for callers: every edge of a flow is found, along short ways that the flow really takes."""

from __future__ import annotations

import pytest

from ivr.domain.flow import targets
from ivr.testing.branches import Branch, World, find_places, find_ways
from ivr.testing.centres import CLOSED_AT, OPEN_AT, small_centre
from ivr.testing.timeline import Place, plan

EMPTY = World(name="no agents", at=OPEN_AT, caller_known=True, queue_ends=("JOINEMPTY",))
BUSY = World(name="busy", at=OPEN_AT, caller_known=True, queue_ends=("KEY", "TIMEOUT"))
CLOSED = World(name="closed", at=CLOSED_AT, caller_known=True, queue_ends=())
WITHHELD = World(name="withheld", at=CLOSED_AT, caller_known=False, queue_ends=())


@pytest.mark.parametrize("world", [EMPTY, BUSY, CLOSED, WITHHELD], ids=lambda world: world.name)
def test_a_way_goes_where_it_says(world: World) -> None:
    centre = small_centre()
    caller = "0212345678" if world.caller_known else None
    for way in find_ways(centre, world):
        timeline = plan(centre, way.moves, at=world.at, seconds=lambda *_: 2.0, caller=caller)
        path = [(Place(node, phase), result, to) for node, phase, result, to in timeline.steps]
        assert path[: len(way.branches)] == [(each.place, each.result, each.to) for each in way.branches]


def test_known_branches_are_not_walked_again() -> None:
    centre = small_centre()
    ways = find_ways(centre, CLOSED)
    taken = {branch for way in ways for branch in way.branches}
    assert find_ways(centre, CLOSED, without=taken) == ()
    assert {branch for way in ways for branch in way.newest} <= taken


def test_worlds_together_reach_every_edge_but_those_of_agents() -> None:
    centre = small_centre()
    taken: set[Branch] = set()
    for world in (EMPTY, BUSY, CLOSED, WITHHELD):
        taken.update(branch for way in find_ways(centre, world) for branch in way.branches)
    edges = {(node.id, target) for node in centre.flow.nodes.values() for target in targets(node).values()}
    missed = edges - {(branch.place.node, branch.to) for branch in taken}
    # An agent must hang up for `after`; 0000 is typed by nobody; a caller who speaks has a message.
    assert {node for node, _ in missed} <= {"pension_queue", "survey", "by_member", "by_birth", "message"}


def test_places_are_those_where_a_caller_waits() -> None:
    places = {place for _, place in find_places(small_centre(), CLOSED)}
    assert {
        Place("birth"),
        Place("birth", "confirm"),
        Place("message"),
        Place("message", "review"),
        Place("bye"),
    } <= places
    assert Place("line_open") not in places
