"""Sub-flows: what several places of a flow do alike is written once under `flows:` and stands in for a node by name.

They are put in place before anything else looks at the nodes: a call `own_number: {flow: ask_number}` becomes the nodes
`own_number/<name>` of that sub-flow, with every `<placeholder>` filled in, so that the engine, the record and a resume
know plain nodes only. Problems are told where the author wrote what is wrong: the document keeps that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.dialplan.document import Data, Document, Path, TooManyProblemsError
from ivr.dialplan.target import INSIDE, Resolved, Scope
from ivr.dialplan.values import NAME, meant
from ivr.domain.flow import NodeId

CALL = "flow"
"""The key that makes a mapping a call of a sub-flow."""
PASSED = "with"
"""The key of a call that holds the values of the parameters."""
MAX_NODES = 5_000
"""Nodes of a centre with all sub-flows in place. Ten flows that call each other ten times would be millions."""

MAX_NESTING = 8
"""Sub-flows within sub-flows."""

_PLACEHOLDER = re.compile(rf"<({NAME.pattern})>")


@dataclass(frozen=True, slots=True)
class NodeSource:
    """One node as it is to be read. `data` is None for a call that could not be put in place."""

    data: Data | None
    scope: Scope
    """What the names in it lead to."""


@dataclass(frozen=True, slots=True)
class _Subflow:
    """A part of the file that calls are replaced with."""

    name: str
    parameters: tuple[str, ...]
    exits: tuple[str, ...]
    start: str
    nodes: Mapping[str, Data]


def expand(document: Document) -> tuple[dict[NodeId, NodeSource], Scope]:
    """The nodes of a flow by id, sub-flows in place, and what the names at the top of the file lead to.

    What is wrong with sub-flows and their calls is added to the document, whose shape need not be right yet. Raises
    TooManyProblemsError.
    """
    expansion = _Expansion(document)
    nodes = document.data.get("nodes")
    top = nodes if isinstance(nodes, dict) else {}
    scope = expansion.scope(top, "", ())
    expansion.add(top, scope, ())
    expansion.find_unused()
    return expansion.found, scope


class _Expansion:
    """One file on its way. `trail` is the names of the sub-flows around what is being put in place."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._flows = _read_flows(document)
        self._put_in: set[str] = set()
        self._filled: set[tuple[str, str]] = set()
        self.found: dict[NodeId, NodeSource] = {}

    def scope(self, nodes: Mapping[str, Data], prefix: str, trail: tuple[str, ...]) -> Scope:
        return Scope(prefix, {name: self._entry(name, nodes, prefix, trail) for name in nodes})

    def _entry(self, name: str, nodes: Mapping[str, Data], prefix: str, trail: tuple[str, ...]) -> NodeId:
        """The node that a caller comes to who is led to `name`: of a call, the first node of what is put there."""
        flow = self._flows.get(_called_flow(nodes.get(name)) or "")
        if flow is None or flow.name in trail or len(trail) >= MAX_NESTING:
            return prefix + name
        return self._entry(flow.start, flow.nodes, f"{prefix}{name}{INSIDE}", (*trail, flow.name))

    def add(self, nodes: Mapping[str, Data | None], scope: Scope, trail: tuple[str, ...]) -> None:
        """Nodes of one place, None for one that is known to be wrong. Raises TooManyProblemsError."""
        for name, data in nodes.items():
            node = scope.prefix + name
            if data is None or _called_flow(data) is None:
                self.found[node] = NodeSource(data, scope)
            elif len(self.found) >= MAX_NODES:
                self._document.key_problem(("flows",), "too_many_nodes", limit=str(MAX_NODES))
                raise TooManyProblemsError
            elif not self._put(node, data, scope, trail):
                # Under the id that others are led to, so that they are not told that there is no such node.
                self.found[scope.names[name]] = NodeSource(None, scope)

    def _put(self, node: NodeId, call: Data, scope: Scope, trail: tuple[str, ...]) -> bool:
        """Puts the nodes of the sub-flow in the place of a call; False when the call is wrong."""
        path: Path = ("nodes", node)
        name = _called_flow(call) or ""
        flow = self._flows.get(name)
        if flow is None:
            known = self._document.data.get("flows")
            if not (isinstance(known, dict) and name in known):  # else what is wrong with it is told there
                self._document.problem((*path, CALL), "unknown_flow", **meant(name, self._flows))
            return False
        if name in trail:
            circle = " -> ".join((*trail[trail.index(name) :], name))
            self._document.problem((*path, CALL), "recursive_flow", flows=circle)
            return False
        if len(trail) >= MAX_NESTING:
            self._document.problem((*path, CALL), "flows_too_deep", limit=str(MAX_NESTING))
            return False
        given = self._given(path, call, flow, scope)
        if given is None:
            return False
        self._put_in.add(name)
        inside = self.scope(flow.nodes, f"{node}{INSIDE}", (*trail, name))
        filled: dict[str, Data | None] = {}
        for inner, data in flow.nodes.items():
            place: Path = ("nodes", inside.prefix + inner)
            self._document.origins[place] = ("flows", name, "nodes", inner)
            so_far = len(self._document.found)
            made = self._fill(data, given, flow, place)
            filled[inner] = made if len(self._document.found) == so_far else None
        self.add(filled, inside, (*trail, name))
        return True

    def _given(self, path: Path, call: Data, flow: _Subflow, scope: Scope) -> dict[str, tuple[Data, Path]] | None:
        """Placeholder -> what the call puts there and where that is written; None when something is wrong."""
        assert isinstance(call, dict)
        passed = call.get(PASSED, {})
        if not isinstance(passed, dict):
            self._document.problem((*path, PASSED), "not_mapping")
            return None
        wrong = False
        given: dict[str, tuple[Data, Path]] = {}
        for name, value in passed.items():
            given[name] = (value, (*path, PASSED, name))
            if name not in flow.parameters:
                wrong = True
                self._document.key_problem((*path, PASSED, name), "unknown_parameter", **meant(name, flow.parameters))
        for name in flow.parameters:
            if name not in passed:
                wrong = True
                self._document.key_problem((*path, PASSED, name), "missing_parameter", name=name, flow=flow.name)
        for name, target in call.items():
            if name in (CALL, PASSED):
                continue
            if name not in flow.exits:
                wrong = True
                self._document.key_problem((*path, name), "unknown_exit", **meant(name, flow.exits))
            elif not isinstance(target, str) or not target.strip():
                wrong = True
                self._document.problem((*path, name), "not_text" if target else "empty_value")
            elif (leads := scope.find(target)) is None:
                wrong = True
                self._document.problem((*path, name), "unknown_node", **meant(target, scope.names))
            else:
                given[name] = (Resolved(leads), (*path, name))
        for name in flow.exits:
            if name not in call:
                wrong = True
                self._document.key_problem((*path, name), "missing_exit", name=name, flow=flow.name)
        return None if wrong else given

    def _fill(self, data: Data, given: Mapping[str, tuple[Data, Path]], flow: _Subflow, path: Path) -> Data:
        """`data` with its placeholders filled in; `path` is where it will stand."""
        match data:
            case dict():
                filled: dict[str, Data] = {}
                for key, value in data.items():
                    here = self._key(key, given, flow, (*path, key))
                    if here in filled:
                        line = str(self._document.line((*path, here)))
                        self._document.key_problem((*path, key), "duplicate_key", key=here, line=line)
                        continue
                    if here != key:
                        self._document.origins[(*path, here)] = (*path, key)
                    filled[here] = self._fill(value, given, flow, (*path, here))
                return filled
            case list():
                return [self._fill(value, given, flow, (*path, index)) for index, value in enumerate(data)]
            case _:
                return self._text(data, given, flow, path)

    def _key(self, key: str, given: Mapping[str, tuple[Data, Path]], flow: _Subflow, path: Path) -> str:
        filled = self._text(key, given, flow, path)
        if not isinstance(filled, str):
            self._document.key_problem(path, "placeholder_within_text", name=key.strip("<>"))
            return key
        return filled

    def _text(self, text: str, given: Mapping[str, tuple[Data, Path]], flow: _Subflow, path: Path) -> Data:
        names = _PLACEHOLDER.findall(text)
        for name in names:
            self._filled.add((flow.name, name))
            if name not in given:
                known = (*flow.parameters, *flow.exits)
                self._document.problem(path, "unknown_placeholder", **meant(name, known))
                return text
        if len(names) == 1 and text == f"<{names[0]}>":
            value, written = given[names[0]]
            self._document.origins[path] = written
            return value
        for name in names:
            value, _ = given[name]
            if not isinstance(value, str):
                self._document.problem(path, "placeholder_within_text", name=name)
                return text
            text = text.replace(f"<{name}>", value)
        return text

    def find_unused(self) -> None:
        """Sub-flows that nothing calls, and parameters and exits that nothing in a sub-flow mentions."""
        top = self._document.data.get("nodes")
        places = [top if isinstance(top, dict) else {}, *(flow.nodes for flow in self._flows.values())]
        called = {_called_flow(node) for nodes in places for node in nodes.values()}
        for name in self._flows.keys() - called:
            self._document.key_problem(("flows", name), "unused_flow", name=name)
        for name, flow in self._flows.items():
            if name not in self._put_in:
                continue  # nothing is known of what it uses
            for kind, declared in (("parameters", flow.parameters), ("exits", flow.exits)):
                for index, placeholder in enumerate(declared):
                    if (name, placeholder) not in self._filled:
                        self._document.problem(("flows", name, kind, index), "unused_placeholder", name=placeholder)


def _called_flow(data: Data | None) -> str | None:
    """The name of the sub-flow that a node calls, or None if the node is no call."""
    name = data.get(CALL) if isinstance(data, dict) else None
    return name if isinstance(name, str) and name.strip() else None


def _read_flows(document: Document) -> dict[str, _Subflow]:
    """The sub-flows of a file as far as they are well formed; the schema tells what is wrong with the others."""
    flows = document.data.get("flows")
    found: dict[str, _Subflow] = {}
    for name, data in flows.items() if isinstance(flows, dict) else ():
        nodes = data.get("nodes") if isinstance(data, dict) else None
        start = data.get("start") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(nodes, dict) or not isinstance(start, str):
            continue
        if start not in nodes:
            document.problem(("flows", name, "start"), "unknown_node", **meant(start, nodes))
            continue
        parameters, exits = _names(data.get("parameters")), _names(data.get("exits"))
        found[name] = _Subflow(name=name, parameters=parameters, exits=exits, start=start, nodes=nodes)
    return found


def _names(data: Data | None) -> tuple[str, ...]:
    items = data if isinstance(data, list) else [data]
    return tuple(item for item in items if isinstance(item, str) and item)
