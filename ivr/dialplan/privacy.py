"""Personal data: asked only with a stated legal basis, kept only for a stated time."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.dialplan.document import Document
from ivr.dialplan.raw_centre import RawCentre, RawLegalBasis
from ivr.dialplan.values import meant
from ivr.domain.flow import Collect, Message, Node, NodeId

RESIDENT_NUMBER_DIGITS = 13
_COUNTED_CHECKS = (None, "number")
"""Checks that say nothing of what a number is."""


def check_resident_numbers(
    nodes: Mapping[NodeId, Node], basis: Mapping[str, RawLegalBasis], document: Document
) -> None:
    """A resident registration number may only be asked where a statute names it (PIPA art. 24-2)."""
    for node in nodes.values():
        if isinstance(node, Collect) and may_be_resident_number(node):
            stated = basis.get(node.into)
            if stated is None or stated.statute is None:
                document.problem(("nodes", node.id, "digits"), "resident_number", variable=node.into)
            elif not node.personal:
                document.key_problem(("nodes", node.id), "personal_unmarked", variable=node.into)


def may_be_resident_number(node: Collect) -> bool:
    return node.check in _COUNTED_CHECKS and node.min_digits <= RESIDENT_NUMBER_DIGITS <= node.max_digits


def check_legal_basis(nodes: Mapping[NodeId, Node], raw: RawCentre, document: Document) -> None:
    """Each variable that holds personal data has a legal basis in centre.yaml."""
    told: set[str] = set()
    for node in nodes.values():
        if isinstance(node, Collect) and node.personal and not may_be_resident_number(node):
            if node.into not in told and node.into not in raw.legal_basis:
                document.problem(("nodes", node.id, "into"), "missing_legal_basis", variable=node.into)
            told.add(node.into)


def check_unused_basis(nodes: Mapping[NodeId, Node], raw: RawCentre, centre: Document) -> None:
    """A legal basis for what nobody asks is a slip of the pen. All nodes of the flow must be there."""
    asked = {node.into for node in nodes.values() if isinstance(node, Collect)}
    for variable in raw.legal_basis:
        if variable not in asked:
            centre.key_problem(("legal_basis", variable), "unused_legal_basis", **meant(variable, asked))


def check_retention(nodes: Mapping[NodeId, Node], raw: RawCentre, centre: Document) -> None:
    """What is recorded or asked of callers is deleted after a time that the centre states."""
    keeps = any(isinstance(node, Message) or (isinstance(node, Collect) and node.personal) for node in nodes.values())
    if keeps and raw.retention.messages is None:
        centre.key_problem(("retention", "messages"), "missing_retention", what="messages")
    if raw.retention.talk is None and any(queue.record_talk for queue in raw.queues.values()):
        centre.key_problem(("retention", "talk"), "missing_retention", what="talk")
