"""A flow as a drawing that any browser shows, without a tool that draws."""

from __future__ import annotations

from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from ivr.dialplan.diagram import Arrow, Box, Diagram, text_of
from ivr.dialplan.layout import Layout, layout

WIDTH, HEIGHT = 176, 42
"""Of a box, in pixels."""
COLUMN, ROW, MARGIN = 206, 96, 60
_FILL = {"round": "#e3e8ee", "ask": "#e7f1fd", "branch": "#fff4d6", "wait": "#e5f6e8", "plain": "#ffffff"}
_STYLE = """
text { font: 12px sans-serif; fill: #1c2733; text-anchor: middle }
text.about { font-size: 10px; fill: #5b6b7a }
text.label { font-size: 10px; fill: #33414e; paint-order: stroke; stroke: #fff; stroke-width: 3px }
rect { stroke: #7c8b99 }
path { fill: none; stroke: #51606e }
path.failure { stroke: #b9a4a4; stroke-dasharray: 5 4 }
path.back { stroke: #8d9ebf }
""".strip()

Point = tuple[float, float]


def svg(drawn: Diagram) -> str:
    """The whole drawing as one file."""
    placed = layout(
        [box.id for box in drawn.boxes], [(arrow.source, arrow.target) for arrow in drawn.arrows], drawn.start
    )
    points = [*placed.places.values(), *(bend for bends in placed.bends.values() for bend in bends)]
    width = 2 * MARGIN + COLUMN * max((x for x, _ in points), default=0.0) + WIDTH
    height = 2 * MARGIN + ROW * max((row for _, row in points), default=0) + HEIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}">',
            f"<title>{escape(drawn.title)}</title>",
            f"<style>{_STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" '
            'style="fill:#51606e;stroke:none"/></marker></defs>',
            *(_arrow(arrow, placed) for arrow in drawn.arrows),
            *(_box(box, placed, box.id == drawn.start) for box in drawn.boxes),
            "</svg>",
            "",
        ]
    )


def _at(place: tuple[float, int]) -> Point:
    """The centre of a place, in pixels."""
    x, row = place
    return MARGIN + WIDTH / 2 + x * COLUMN, MARGIN + HEIGHT / 2 + row * ROW


def _box(box: Box, placed: Layout, is_start: bool) -> str:
    x, y = _at(placed.places[box.id])
    corner = HEIGHT / 2 if box.shape == "round" else 10 if box.shape == "branch" else 3
    about = " ".join(part for part in (box.kind, box.says, f"in {box.group}" if box.group else "") if part)
    return (
        f"<g><title>{escape(box.id)}</title>"
        f'<rect x="{x - WIDTH / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="{corner:g}" '
        f'fill="{_FILL[box.shape]}" stroke-width="{3 if is_start else 1}"/>'
        f'<text x="{x:.0f}" y="{y - 3:.0f}">{escape(_short(box.name, 24))}</text>'
        f'<text class="about" x="{x:.0f}" y="{y + 12:.0f}">{escape(_short(about, 32))}</text></g>'
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _arrow(arrow: Arrow, placed: Layout) -> str:
    edge = (arrow.source, arrow.target)
    if edge in placed.back:
        path, label = _round(_at(placed.places[arrow.source]), _at(placed.places[arrow.target]))
    else:
        path, label = _down(
            _at(placed.places[arrow.source]),
            [_at(bend) for bend in placed.bends[edge]],
            _at(placed.places[arrow.target]),
        )
    kind = "back" if edge in placed.back else "failure" if arrow.is_failure else "way"
    title = f"<title>{escape(f'{arrow.source} -> {arrow.target}: {text_of(arrow)}')}</title>"
    text = _short(text_of(arrow), 40)
    shown = f'<text class="label" x="{label[0]:.0f}" y="{label[1]:.0f}">{escape(text)}</text>' if text else ""
    return (
        f"<g>{title}<path class={quoteattr(kind)} d={quoteattr(path)} "
        f'stroke-width="{arrow.width:.1f}" marker-end="url(#tip)"/>{shown}</g>'
    )


def _down(source: Point, bends: list[Point], target: Point) -> tuple[str, Point]:
    """From the lower edge of one box to the upper edge of another, and where the label stands."""
    points = [(source[0], source[1] + HEIGHT / 2), *bends, (target[0], target[1] - HEIGHT / 2)]
    parts = [f"M{points[0][0]:.0f} {points[0][1]:.0f}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) / 2
        parts.append(f"C{x:.0f} {middle:.0f} {to_x:.0f} {middle:.0f} {to_x:.0f} {to_y:.0f}")
    near = points[1]
    return " ".join(parts), (points[0][0] * 0.55 + near[0] * 0.45, points[0][1] * 0.55 + near[1] * 0.45)


def _round(source: Point, target: Point) -> tuple[str, Point]:
    """Back up, along the right of the boxes."""
    right = max(source[0], target[0]) + WIDTH / 2 + 34
    start, end = (source[0] + WIDTH / 2, source[1]), (target[0] + WIDTH / 2, target[1])
    if source == target:
        start, end = (start[0], start[1] - 8), (end[0], end[1] + 8)
    path = (
        f"M{start[0]:.0f} {start[1]:.0f} C{right:.0f} {start[1]:.0f} {right:.0f} {end[1]:.0f} {end[0]:.0f} {end[1]:.0f}"
    )
    return path, (right - 8, (start[1] + end[1]) / 2)
