"""Names of nodes, wherever a flow says where a caller goes on, and what they lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo

from ivr.dialplan.values import meant, refuse, text
from ivr.dialplan.written import Written
from ivr.domain.flow import NodeId

INSIDE = "/"
"""Stands in the id of a node between the name of a call and that of the node in the sub-flow."""


class Resolved(str):
    """A node's id, in the place of a name that is still to be looked up."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What names lead to: at the top of a flow, or in a sub-flow put in the place of one call."""

    prefix: str
    """Of the ids of the nodes here; empty at the top."""
    names: Mapping[str, NodeId]

    def find(self, name: str) -> NodeId | None:
        """The node that `name` leads to, or None if there is none."""
        return str(name) if isinstance(name, Resolved) else self.names.get(name)


def target(value: object, info: ValidationInfo) -> str:
    """The id of the node named. At the top a name that is nobody's is kept, to be told with all the others."""
    found = text(value)
    scope = info.context
    assert isinstance(scope, Scope | None)
    if scope is None or isinstance(value, Resolved):
        return str(found)
    if INSIDE in found:
        raise refuse("node_inside_flow", name=found, call=found.partition(INSIDE)[0])
    leads = scope.find(found)
    if leads is None and scope.prefix:
        raise refuse("unknown_node", **meant(found, scope.names))
    return leads or found


Target = Annotated[str, BeforeValidator(target), Written("node", {"type": "string"})]
