"""What the shape of a flow alone can tell: nodes nobody reaches, callers who never get out, values nobody set.

Pure functions over the nodes of the domain; every target must exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ivr.domain.conditions import UNKNOWN, CallerMatches, CategoryIs, Condition, VariableIs
from ivr.domain.flow import (
    Assign,
    Callback,
    Choose,
    Collect,
    Decide,
    End,
    Enqueue,
    Hours,
    Lookup,
    Menu,
    Message,
    Node,
    NodeId,
    Play,
    Survey,
    Transfer,
    targets,
)

Nodes = Mapping[NodeId, Node]

RECORDING = "a recording"
"""Stands among the variables for the caller's own recording. No name of a variable has a space."""


def unreachable(nodes: Nodes, start: NodeId) -> list[NodeId]:
    """Nodes that no path from `start` leads to."""
    reached = _closure({start}, {name: set(targets(node).values()) for name, node in nodes.items()})
    return [name for name in nodes if name not in reached]


def without_exit(nodes: Nodes) -> list[NodeId]:
    """Nodes from which no path leads to an end."""
    backwards: dict[NodeId, set[NodeId]] = {name: set() for name in nodes}
    for name, node in nodes.items():
        for target in targets(node).values():
            backwards[target].add(name)
    leaving = _closure({name for name, node in nodes.items() if isinstance(node, End)}, backwards)
    return [name for name in nodes if name not in leaving]


def idle_loops(nodes: Nodes) -> list[tuple[NodeId, ...]]:
    """Circles that a caller who does nothing goes round for ever, each as its nodes in order, told once.

    Waiting in a queue until its timeout is no such doing: a caller may be taken back to the queue as often as they let.
    """
    idle = {name: _idle_targets(node) for name, node in nodes.items()}
    done: set[NodeId] = set()
    circles: list[tuple[NodeId, ...]] = []
    for first in nodes:
        # Depth-first with an explicit stack: a long chain of nodes must not meet Python's recursion limit.
        trail: list[NodeId] = []
        on_trail: set[NodeId] = set()
        stack: list[tuple[NodeId, bool]] = [(first, True)]
        while stack:
            name, entering = stack.pop()
            if not entering:
                on_trail.discard(trail.pop())
                done.add(name)
            elif name in on_trail:
                circles.append(tuple(trail[trail.index(name) :]))
            elif name not in done:
                trail.append(name)
                on_trail.add(name)
                stack.append((name, False))
                stack.extend((target, True) for target in idle[name])
    return circles


def _idle_targets(node: Node) -> list[NodeId]:
    """Where a node may lead when the caller presses and says nothing."""
    match node:
        case Play() | Callback() | Assign():
            return [node.next]
        case Hours() | Choose() | Decide() | Lookup():
            return list(dict.fromkeys(targets(node).values()))
        case Menu() | Collect() | Survey() | Message():
            return [node.retry.on_failure]
        case Transfer():
            return [node.busy, node.failed]
        case Enqueue():
            return [node.no_agents]
        case End():
            return []


def set_on_arrival(nodes: Nodes, start: NodeId) -> dict[NodeId, frozenset[str]]:
    """The variables that are surely set when a caller arrives in a node, whatever way they came."""
    arriving: dict[NodeId, frozenset[str]] = {start: frozenset({"language"})}
    pending = [start]
    while pending:
        name = pending.pop()
        for label, target in targets(nodes[name]).items():
            leaving = arriving[name] | gained(nodes[name], label)
            before = arriving.get(target)
            after = leaving if before is None else before & leaving
            if after != before:
                arriving[target] = after
                pending.append(target)
    return arriving


def gained(node: Node, label: str) -> frozenset[str]:
    """The variables that leaving `node` by the edge `label` sets."""
    match node:
        case Menu() if label in node.choices:
            choice = node.choices[label]
            return frozenset(choice.assign) | ({"category"} if choice.category else set())
        case Collect() if label == "next":
            return frozenset({node.into})
        case Assign():
            return frozenset(node.assign) | ({"category"} if node.category else set())
        case Lookup() if label == "found":
            return frozenset(node.take)
        case Decide() if label.isdecimal():
            return frozenset().union(*(_implied(condition) for condition in node.cases[int(label) - 1].conditions))
        case Hours() if label == "closed":
            return frozenset({"opens_at"})
        case Choose() if node.on == "caller" and label == "known":
            return frozenset({"caller"})
        case Choose() if node.on == "category" and label in node.cases:
            return frozenset({"category"})
        case Callback():
            return frozenset({"callback_due"})
        case Message() if label == "next":
            return frozenset({RECORDING})
        case _:
            return frozenset()


def _implied(condition: Condition) -> frozenset[str]:
    """The variables that are surely set where a condition holds."""
    match condition:
        case CallerMatches(patterns) if UNKNOWN not in patterns:
            return frozenset({"caller"})
        case CategoryIs():
            return frozenset({"category"})
        case VariableIs(name, _):
            return frozenset({name})
        case _:
            return frozenset()


def assigned(nodes: Nodes) -> frozenset[str]:
    """Every variable that something in the flow may set."""
    edges = ((node, label) for node in nodes.values() for label in targets(node))
    return frozenset({"caller", "language"}).union(*(gained(node, label) for node, label in edges))


def _closure(start: set[NodeId], following: Mapping[NodeId, Iterable[NodeId]]) -> set[NodeId]:
    reached = set(start)
    pending = list(start)
    while pending:
        for target in following[pending.pop()]:
            if target not in reached:
                reached.add(target)
                pending.append(target)
    return reached
