"""Where boxes go in a drawing of a flow: rows from top to bottom, few crossings, arrows that bend around boxes.

The usual way of drawing layers (Sugiyama): arrows that lead back are set aside, every box is one row below the lowest
that leads to it, long arrows pass each row between the boxes, and rows are put in order by what is connected to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SWEEPS = 12
"""Times that every row is put in order by its neighbours, downwards and upwards in turn."""

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Centres of the boxes in units: one a row, one a place in a row."""

    places: Mapping[str, tuple[float, int]]
    """Box -> (place from the left, row from the top)."""
    bends: Mapping[Edge, tuple[tuple[float, int], ...]]
    """Arrow that leads down -> the points between its ends, one for each row that it passes."""
    back: frozenset[Edge]
    """Arrows that lead up or sideways."""


def layout(boxes: Sequence[str], edges: Sequence[Edge], start: str) -> Layout:
    """Rows and places for boxes; `edges` lead from box to box."""
    back = _leading_back([start, *boxes], edges)
    forward = [edge for edge in dict.fromkeys(edges) if edge not in back]
    rows = _rows(boxes, forward)
    grid = _Grid(rows)
    chains = {edge: grid.chain(edge) for edge in forward}
    grid.order()
    places = grid.places()
    bends = {edge: tuple((places[point], grid.row_of[point]) for point in chain) for edge, chain in chains.items()}
    return Layout(places={box: (places[box], grid.row_of[box]) for box in boxes}, bends=bends, back=frozenset(back))


def _leading_back(boxes: Sequence[str], edges: Sequence[Edge]) -> set[Edge]:
    """The arrows that close a circle, seen from the start."""
    following: dict[str, list[str]] = {box: [] for box in boxes}
    for source, target in edges:
        following[source].append(target)
    back: set[Edge] = set()
    done: set[str] = set()
    for first in boxes:
        trail: set[str] = set()
        stack: list[tuple[str, str, bool]] = [("", first, True)]
        while stack:
            source, box, entering = stack.pop()
            if not entering:
                trail.discard(box)
                done.add(box)
            elif box in trail:
                back.add((source, box))
            elif box not in done:
                trail.add(box)
                stack.append((source, box, False))
                stack += [(box, target, True) for target in reversed(following[box])]
    return back


def _rows(boxes: Sequence[str], forward: Sequence[Edge]) -> dict[str, int]:
    """One row below the lowest box that leads to it."""
    before: dict[str, list[str]] = {box: [] for box in boxes}
    waiting = dict.fromkeys(boxes, 0)
    following: dict[str, list[str]] = {box: [] for box in boxes}
    for source, target in forward:
        before[target].append(source)
        following[source].append(target)
        waiting[target] += 1
    rows: dict[str, int] = {}
    ready = [box for box in boxes if not waiting[box]]
    for box in ready:
        rows[box] = max((rows[source] + 1 for source in before[box]), default=0)
        for target in following[box]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return rows


@dataclass(slots=True)
class _Grid:
    """Boxes and the points of long arrows, row by row."""

    row_of: dict[str, int]
    above: dict[str, list[str]] = field(default_factory=dict)
    below: dict[str, list[str]] = field(default_factory=dict)
    rows: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.row_of = dict(self.row_of)
        self.rows = [[] for _ in range(max(self.row_of.values(), default=0) + 1)]
        for box, row in self.row_of.items():
            self.rows[row].append(box)

    def chain(self, edge: Edge) -> list[str]:
        """Points for the rows that an arrow passes."""
        source, target = edge
        points: list[str] = []
        last = source
        for row in range(self.row_of[source] + 1, self.row_of[target]):
            point = f"{source} > {target} @ {row}"
            self.row_of[point] = row
            self.rows[row].append(point)
            points.append(point)
            self._connect(last, point)
            last = point
        self._connect(last, target)
        return points

    def _connect(self, upper: str, lower: str) -> None:
        self.below.setdefault(upper, []).append(lower)
        self.above.setdefault(lower, []).append(upper)

    def order(self) -> None:
        """Puts each row in the order of the middle of what its boxes are connected to."""
        place = {name: index for row in self.rows for index, name in enumerate(row)}
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            neighbours = self.above if down else self.below
            for row in self.rows if down else reversed(self.rows):
                middle = {name: _mean([place[n] for n in neighbours.get(name, ())], place[name]) for name in row}
                row.sort(key=middle.__getitem__)
                place |= {name: index for index, name in enumerate(row)}

    def places(self) -> dict[str, float]:
        """Left to right, at least one unit apart, near what each is connected to."""
        places = {name: float(index) for row in self.rows for index, name in enumerate(row)}
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            neighbours = self.above if down else self.below
            for row in self.rows if down else reversed(self.rows):
                wanted = [_mean([places[n] for n in neighbours.get(name, ())], places[name]) for name in row]
                places |= dict(zip(row, _apart(wanted), strict=True))
        least = min(places.values(), default=0.0)
        return {name: place - least for name, place in places.items()}


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(wanted: Sequence[float]) -> list[float]:
    """The nearest places in this order that are a unit apart: runs that collide share their middle."""
    runs: list[tuple[float, int]] = []
    """(sum of the wanted first places, how many)"""
    for index, place in enumerate(wanted):
        runs.append((place - index, 1))
        while len(runs) > 1 and runs[-2][0] / runs[-2][1] > runs[-1][0] / runs[-1][1]:
            last, before = runs.pop(), runs.pop()
            runs.append((last[0] + before[0], last[1] + before[1]))
    firsts = [total / count for total, count in runs for _ in range(count)]
    return [first + index for index, first in enumerate(firsts)]
