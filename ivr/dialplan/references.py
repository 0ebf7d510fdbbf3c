"""Names in the flow that must mean something: nodes, queues, categories, languages, calendars, variables, checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ivr.dialplan import graph
from ivr.dialplan.calendars import DEFAULT
from ivr.dialplan.document import Document, Path
from ivr.dialplan.nodes import CALLER_CASES, edge_path, spoken_parts
from ivr.dialplan.schema import RawCentre
from ivr.dialplan.values import meant
from ivr.domain.flow import (
    Callback,
    Choose,
    Collect,
    Enqueue,
    Hours,
    Menu,
    Message,
    Node,
    NodeId,
    Playback,
    Say,
    targets,
)

CHECKS = {"birth_date": (6, 6), "phone": (7, 15)}
"""Name of a check -> least and most digits that it can accept."""
RESIDENT_NUMBER_DIGITS = 13
GIVEN = ("caller", "language", "category", "opens_at", "callback_due")
"""Variables that the engine sets; a flow may read them only."""
_INSTANTS = ("opens_at", "callback_due")
_INSTANT_SAYINGS = ("date", "time", "datetime")


def check_targets(nodes: Mapping[NodeId, Node], names: Iterable[NodeId], document: Document) -> None:
    """Every edge leads to a node of the file (`names`: also those that could not be compiled)."""
    known = set(names)
    for node in nodes.values():
        for label, target in targets(node).items():
            if target not in known:
                document.problem(edge_path(node, label, document), "unknown_node", **meant(target, known))


def check_names(nodes: Mapping[NodeId, Node], centre: RawCentre, document: Document) -> None:
    """What the flow takes from centre.yaml is there."""

    def need(path: Path, kind: str, name: str | None, known: Iterable[str]) -> None:
        if name is not None and name not in (known := tuple(known)):
            document.problem(path, kind, **meant(name, known))

    for node in nodes.values():
        path: Path = ("nodes", node.id)
        match node:
            case Menu():
                for key, choice in node.choices.items():
                    here = (*path, "choices", key)
                    need((*here, "category"), "unknown_category", choice.category, centre.categories)
                    need((*here, "language"), "unknown_language", choice.language, centre.languages)
            case Hours():
                need((*path, "hours"), "unknown_calendar", node.calendar, (DEFAULT, *centre.calendars))
            case Callback():
                need((*path, "calendar"), "unknown_calendar", node.calendar, (DEFAULT, *centre.calendars))
            case Enqueue():
                need((*path, "queue"), "unknown_queue", node.queue, centre.queues)
            case Choose():
                known: dict[str, tuple[str, Iterable[str]]] = {
                    "caller": ("unknown_caller_case", CALLER_CASES),
                    "language": ("unknown_language", centre.languages),
                    "category": ("unknown_category", centre.categories),
                }
                if node.on in known:
                    for case in node.cases:
                        need((*path, "cases", case), known[node.on][0], case, known[node.on][1])
            case _:
                pass


def check_digits(nodes: Mapping[NodeId, Node], document: Document) -> None:
    """Collected digits suit their check, and personal data is marked as such."""
    called = {node.number for node in nodes.values() if isinstance(node, Callback)}
    for node in nodes.values():
        path: Path = ("nodes", node.id)
        match node:
            case Collect():
                _check_collect(node, path, called, document)
            case Menu():
                for key, choice in node.choices.items():
                    for name in choice.assign:
                        if name in GIVEN:
                            document.problem((*path, "choices", key, "set", name), "given_variable", name=name)
            case Message() if len({node.keep_key, node.again_key, node.cancel_key}) < 3:
                document.key_problem(path, "same_keys")
            case _:
                pass


def _check_collect(node: Collect, path: Path, called: set[str], document: Document) -> None:
    digits = (node.min_digits, node.max_digits)
    if node.into in GIVEN:
        document.problem((*path, "into"), "given_variable", name=node.into)
    if node.check is not None and node.check not in CHECKS:
        document.problem((*path, "check"), "unknown_check", **meant(node.check, CHECKS))
    elif node.check is not None:
        least, most = CHECKS[node.check]
        if not least <= digits[0] <= digits[1] <= most:
            wanted = str(least) if least == most else f"{least}-{most}"
            document.problem((*path, "digits"), "check_digits", check=node.check, wanted=wanted)
    elif digits[0] <= RESIDENT_NUMBER_DIGITS <= digits[1]:
        document.problem((*path, "digits"), "resident_number")
    if not node.personal and (node.check is not None or node.into in called):
        document.key_problem(path, "personal_unmarked", variable=node.into)


def check_variables(nodes: Mapping[NodeId, Node], start: NodeId, document: Document) -> None:
    """A variable is known, and set on every way to where it is needed. Every target must exist."""
    known = graph.assigned(nodes)
    variables = known - {graph.RECORDING}
    for name, arriving in graph.set_on_arrival(nodes, start).items():
        node = nodes[name]

        def need(path: Path, variable: str, there: frozenset[str]) -> None:
            if variable not in known:
                document.problem(path, "unknown_variable", **meant(variable, variables))
            elif variable not in there:
                document.problem(path, "variable_unset", name=variable)

        for path, prompts in spoken_parts(node, document):
            there = arriving | _set_inside(node, str(path[-1]))
            for index, prompt in enumerate(prompts):
                match prompt:
                    case Say(how, what):
                        need((*path, index), what, there)
                        if (what in _INSTANTS) != (how in _INSTANT_SAYINGS) and not _is_birth_date(nodes, how, what):
                            document.problem((*path, index), "wrong_saying", how=how, name=what)
                    case Playback() if graph.RECORDING not in there:
                        document.problem((*path, index), "nothing_recorded")
                    case _:
                        pass
        base: Path = ("nodes", name)
        match node:
            case Menu():
                for key, choice in node.choices.items():
                    for target, value in choice.assign.items():
                        if value.startswith("$"):
                            need((*base, "choices", key, "set", target), value[1:], arriving)
            case Callback():
                need((*base, "callback"), node.number, arriving)
            case Choose() if node.on not in known | {"category"}:
                document.problem((*base, "choose"), "unknown_variable", **meant(node.on, variables))
            case _:
                pass
        if isinstance(node, Message | Callback):
            for index, variable in enumerate(node.data):
                if variable not in variables:
                    document.problem((*base, "data", index), "unknown_variable", **meant(variable, variables))


def _set_inside(node: Node, part: str) -> frozenset[str]:
    """What is set by the time a part of the node is spoken, beyond what was set on arrival."""
    match node, part:
        case Collect(), "read_back":
            return frozenset({node.into})
        case Message(), "review":
            return frozenset({graph.RECORDING})
        case _:
            return frozenset()


def _is_birth_date(nodes: Mapping[NodeId, Node], how: str, variable: str) -> bool:
    """Digits checked as a birth date may be said as a date."""
    return how == "date" and any(
        isinstance(node, Collect) and node.into == variable and node.check == "birth_date" for node in nodes.values()
    )
