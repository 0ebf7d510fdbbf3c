"""Drawings of a flow: every node and way is in them, and boxes do not lie on one another."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.dialplan.compiler import load_centres
from ivr.dialplan.diagram import THICKEST, THINNEST, diagram, dot, mermaid
from ivr.dialplan.diagram_svg import svg
from ivr.dialplan.layout import layout
from ivr.domain.flow import Choice, End, Flow, Menu, Play, Prompt, Retry, targets
from ivr.testing.centres import small_centre

REPO = Path(__file__).parents[3]
FLOW = Flow(
    start="hello",
    nodes={
        "hello": Play(id="hello", prompts=(Prompt("hello"),), next="main/menu"),
        "main/menu": Menu(
            id="main/menu",
            prompts=(),
            choices={"1": Choice(next="bye"), "2": Choice(next="bye"), "9": Choice(next="main/menu")},
            retry=Retry(on_failure="hello"),
        ),
        "bye": End(id="bye", prompts=()),
    },
)
WAYS = {("hello", "main/menu"): 40, ("main/menu", "bye"): 20, ("gone", "away"): 10}


def test_mermaid() -> None:
    assert mermaid(diagram('A "line"', FLOW, WAYS)).splitlines() == [
        '%% A "line"',
        "flowchart TD",
        '  n0["hello<br/>play"]',
        '  n2(["bye<br/>end"])',
        '  subgraph g1["main"]',
        '  n1[/"menu<br/>menu"/]',
        "  end",
        '  n0 -->|"(40)"| n1',
        '  n1 -->|"1, 2 (20)"| n2',
        '  n1 -->|"9"| n1',
        '  n1 -.->|"on_failure"| n0',
        "  linkStyle 0 stroke-width:9.0px",
        "  linkStyle 1 stroke-width:5.2px",
        "  style n0 stroke-width:3px",
    ]


def test_dot() -> None:
    text = dot(diagram('A "line"', FLOW))
    assert text.startswith('digraph "A \\"line\\"" {')
    assert '  "main/menu" -> "bye" [label="1, 2", penwidth=1.5];' in text
    assert '  "main/menu" -> "hello" [label="on_failure", penwidth=1.5, style=dashed];' in text
    assert '  subgraph cluster_1 { label="main";' in text


def test_ways_are_as_thick_as_they_are_busy() -> None:
    widths = {(arrow.source, arrow.target): arrow.width for arrow in diagram("x", FLOW, WAYS).arrows}
    assert widths["hello", "main/menu"] == THICKEST
    assert widths["main/menu", "bye"] == pytest.approx((THINNEST + THICKEST) / 2)
    assert widths["main/menu", "hello"] == THINNEST


@pytest.fixture(scope="module")
def shipped() -> Flow:
    known = {language: load_catalogue(REPO / "prompts", language).keys() for language in ("ko", "en")}
    return load_centres(REPO / "dialplans", known).need_all()["120"].flow


@pytest.mark.parametrize("flow", ["shipped", "small"])
def test_the_drawing_has_every_node_and_way(flow: str, shipped: Flow) -> None:
    drawn = shipped if flow == "shipped" else small_centre().flow
    root = ElementTree.fromstring(svg(diagram("x < y & z", drawn)))
    space = {"s": "http://www.w3.org/2000/svg"}
    titles = [title.text or "" for title in root.iterfind("s:g/s:title", space)]
    assert {title for title in titles if " -> " not in title} == set(drawn.nodes)
    ways = {(name, target) for name, node in drawn.nodes.items() for target in targets(node).values()}
    assert {tuple(title.partition(":")[0].split(" -> ")) for title in titles if " -> " in title} == ways
    corners = [(float(box.get("x", "")), float(box.get("y", ""))) for box in root.iterfind("s:g/s:rect", space)]
    for index, (x, y) in enumerate(corners):
        assert all(y != other_y or abs(x - other_x) > 170 for other_x, other_y in corners[index + 1 :])
    _, _, width, height = (float(part) for part in root.get("viewBox", "").split())
    drawn_to = [
        float(number)
        for path in root.iterfind("s:g/s:path", space)
        for number in re.findall("[0-9]+", path.get("d", ""))
    ]
    assert max(drawn_to) <= max(width, height)


GRAPHS = st.integers(1, 14).flatmap(
    lambda size: st.tuples(
        st.just([f"n{index}" for index in range(size)]),
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=40),
    )
)


@given(GRAPHS)
def test_any_graph_can_be_laid_out(graph: tuple[list[str], list[tuple[int, int]]]) -> None:
    boxes, pairs = graph
    edges = [(boxes[source], boxes[target]) for source, target in pairs]
    placed = layout(boxes, edges, boxes[0])
    assert set(placed.places) == set(boxes)
    for source, target in edges:
        edge = (source, target)
        if edge in placed.back:
            continue
        rows = [row for _, row in (placed.places[source], *placed.bends[edge], placed.places[target])]
        assert rows == list(range(rows[0], rows[-1] + 1)), "an arrow passes each row once, downwards"
        assert rows[-1] > rows[0]
    taken: dict[int, list[float]] = {}
    for x, row in [*placed.places.values(), *(bend for bends in placed.bends.values() for bend in bends)]:
        assert x >= 0
        assert all(abs(x - other) > 0.99 for other in taken.setdefault(row, []))
        taken[row].append(x)
