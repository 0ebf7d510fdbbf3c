"""A flow as boxes and arrows, and as text for tools that draw them: Mermaid and Graphviz."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.dialplan.target import INSIDE
from ivr.domain.flow import (
    Callback,
    Choose,
    Collect,
    Decide,
    End,
    Enqueue,
    Flow,
    Hours,
    Lookup,
    Menu,
    Message,
    Node,
    NodeId,
    Play,
    Transfer,
    targets,
)

Ways = Mapping[tuple[NodeId, NodeId], int]
"""(node, next node) -> calls that went so."""
THINNEST, THICKEST = 1.5, 9.0
"""Arrows, in pixels."""
FAILURES = ("on_failure", "timeout", "no_agents", "error", "failed", "not_found", "busy", "no_answer")
"""Labels of the ways that callers take when something does not go as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One node."""

    id: NodeId
    name: str
    """Without the sub-flow that it is in."""
    group: str
    """The node that the sub-flow stands for, or empty."""
    kind: str
    says: str
    """What it is about: a queue, a calendar, the first prompt."""
    shape: str
    """round | ask | branch | wait | plain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """All ways from one node to another."""

    source: NodeId
    target: NodeId
    label: str
    calls: int | None
    """How many went so; None when nobody counted."""
    width: float
    is_failure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """What is drawn."""

    title: str
    start: NodeId
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    @property
    def groups(self) -> dict[str, list[Box]]:
        found: dict[str, list[Box]] = {}
        for box in self.boxes:
            found.setdefault(box.group, []).append(box)
        return found


def diagram(title: str, flow: Flow, ways: Ways | None = None) -> Diagram:
    """The flow, its busiest ways thicker where calls were counted."""
    most = max(ways.values(), default=0) if ways else 0
    arrows: list[Arrow] = []
    for name, node in flow.nodes.items():
        labels: dict[NodeId, list[str]] = {}
        for label, target in targets(node).items():
            labels.setdefault(target, []).append(label)
        for target, named in labels.items():
            calls = None if ways is None else ways.get((name, target), 0)
            arrows.append(
                Arrow(
                    source=name,
                    target=target,
                    label="" if named == ["next"] else ", ".join(named),
                    calls=calls,
                    width=THINNEST if not most else THINNEST + (THICKEST - THINNEST) * (calls or 0) / most,
                    is_failure=all(label in FAILURES for label in named),
                )
            )
    return Diagram(
        title=title, start=flow.start, boxes=tuple(_box(node) for node in flow.nodes.values()), arrows=tuple(arrows)
    )


def mermaid(drawn: Diagram) -> str:
    """Text that GitHub, GitLab and most wikis draw."""
    ids = {box.id: f"n{number}" for number, box in enumerate(drawn.boxes)}
    lines = [f"%% {drawn.title}", "flowchart TD"]
    for number, (group, boxes) in enumerate(drawn.groups.items()):
        shown = [f"  {ids[box.id]}{_mermaid_box(box)}" for box in boxes]
        lines += shown if not group else [f'  subgraph g{number}["{_plain(group)}"]', *shown, "  end"]
    for arrow in drawn.arrows:
        label = f'|"{_plain(text_of(arrow))}"|' if text_of(arrow) else ""
        lines.append(f"  {ids[arrow.source]} {'-.->' if arrow.is_failure else '-->'}{label} {ids[arrow.target]}")
    lines += [
        f"  linkStyle {place} stroke-width:{arrow.width:.1f}px"
        for place, arrow in enumerate(drawn.arrows)
        if arrow.width > THINNEST
    ]
    lines.append(f"  style {ids[drawn.start]} stroke-width:3px")
    return "\n".join(lines) + "\n"


def dot(drawn: Diagram) -> str:
    """Text for Graphviz."""
    lines = [f"digraph {_quoted(drawn.title)} {{", '  node [shape=box, fontname="sans-serif"]; edge [fontsize=10];']
    for number, (group, boxes) in enumerate(drawn.groups.items()):
        shown = [
            f"  {_quoted(box.id)} [label={_quoted(_label(box))}, shape={_DOT_SHAPES[box.shape]}"
            f"{', penwidth=3' if box.id == drawn.start else ''}];"
            for box in boxes
        ]
        lines += shown if not group else [f"  subgraph cluster_{number} {{ label={_quoted(group)};", *shown, "  }"]
    for arrow in drawn.arrows:
        style = ", style=dashed" if arrow.is_failure else ""
        about = f"label={_quoted(text_of(arrow))}, penwidth={arrow.width:.1f}{style}"
        lines.append(f"  {_quoted(arrow.source)} -> {_quoted(arrow.target)} [{about}];")
    return "\n".join([*lines, "}"]) + "\n"


def text_of(arrow: Arrow) -> str:
    """What stands beside an arrow."""
    return " ".join(part for part in (arrow.label, f"({arrow.calls})" if arrow.calls else "") if part)


def _box(node: Node) -> Box:
    group, _, name = node.id.rpartition(INSIDE)
    says, shape = _about(node)
    return Box(id=node.id, name=name, group=group, kind=_kind(node), says=says, shape=shape)


def _kind(node: Node) -> str:
    """As it is written in flow.yaml."""
    names = {"Enqueue": "queue", "Assign": "set", "Decide": "choose"}
    name = type(node).__name__
    return names.get(name, name.lower())


def _about(node: Node) -> tuple[str, str]:
    match node:
        case Hours():
            return node.calendar, "branch"
        case Choose():
            return node.on, "branch"
        case Decide():
            return "conditions", "branch"
        case Enqueue():
            return node.queue, "wait"
        case Transfer():
            return node.to.name, "wait"
        case Menu() | Collect() | Message():
            return "", "ask"
        case Callback() | Play():
            return "", "plain"
        case Lookup():
            return "", "branch"
        case End():
            return "", "round"
        case _:
            return "", "plain"


def _label(box: Box) -> str:
    return f"{box.name}\n{box.kind} {box.says}".rstrip()


_MERMAID_SHAPES = {
    "round": ("([", "])"),
    "ask": ("[/", "/]"),
    "branch": ("{{", "}}"),
    "wait": ("[[", "]]"),
    "plain": ("[", "]"),
}
_DOT_SHAPES = {"round": "oval", "ask": "parallelogram", "branch": "hexagon", "wait": "box3d", "plain": "box"}


def _mermaid_box(box: Box) -> str:
    opening, closing = _MERMAID_SHAPES[box.shape]
    return f'{opening}"{_plain(_label(box)).replace(chr(10), "<br/>")}"{closing}'


def _plain(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
