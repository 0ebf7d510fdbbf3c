"""Which branches of a flow calls have taken, told from their journal notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.domain.centre import Centre
from ivr.domain.flow import Choose, Flow, Node, NodeId, targets

FAILED_TRY = ("no_match", "no_input")


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One branch: a node and the label that `flow.targets` gives it."""

    node: NodeId
    label: str

    def __str__(self) -> str:
        return f"{self.node} --{self.label}-->"


def edges(centre: Centre) -> frozenset[Edge]:
    """Every branch of the centre's flow that a call can take."""
    return frozenset(
        Edge(name, label)
        for name, node in centre.flow.nodes.items()
        for label in targets(node)
        if not (label == "otherwise" and isinstance(node, Choose) and _names_all(centre, node))
    )


def _names_all(centre: Centre, node: Choose) -> bool:
    """Whether the cases name everything that the variable can be, so that nothing is left for `otherwise`."""
    everything = {"caller": ("known", "unknown"), "language": centre.languages}.get(node.on)
    return everything is not None and set(everything) <= node.cases.keys()


def edges_taken(flow: Flow, notes: Iterable[Mapping[str, Any]]) -> list[Edge]:
    """The branches that one call took, in order; steps within a node are none."""
    taken = []
    for note in notes:
        if note["k"] == "step" and note.get("to") is not None and note["node"] in flow.nodes:
            label = _label(flow.nodes[note["node"]], note)
            if label is not None:
                taken.append(Edge(note["node"], label))
    return taken


def nodes_passed(notes: Iterable[Mapping[str, Any]]) -> list[NodeId]:
    """The nodes that one call was in, in order, each once however often it repeated itself."""
    path: list[NodeId] = []
    for note in notes:
        if note["k"] == "step" and path[-1:] != [note["node"]]:
            path.append(note["node"])
    return path


def _label(node: Node, note: Mapping[str, Any]) -> str | None:
    leading = [label for label, target in targets(node).items() if target == note["to"]]
    result, got = str(note["result"]), note.get("got")
    if result in FAILED_TRY:
        # A failed try leads back to the node itself, as may a key; only the last one leads on.
        if "on_failure" in leading and note["to"] != node.id:
            return "on_failure"
        return "next" if "next" in leading and note["to"] != node.id else None
    for label in (got, result, result.partition(":")[0]):
        if isinstance(label, str) and label in leading:
            return label
    rest = [label for label in leading if label != "on_failure"]
    return rest[0] if rest and (note["to"] != node.id or got in rest) else None
