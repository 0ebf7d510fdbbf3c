"""Names in the flow that must mean something: nodes, queues, categories, languages, calendars, variables, checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from ivr.dialplan import graph
from ivr.dialplan.calendars import DEFAULT
from ivr.dialplan.document import Document, Path
from ivr.dialplan.nodes import CALLER_CASES, edge_path, spoken_parts
from ivr.dialplan.raw_centre import RawCentre
from ivr.dialplan.values import meant
from ivr.domain.conditions import CategoryIs, Condition, During, LanguageIs, VariableIs
from ivr.domain.flow import (
    Assign,
    Callback,
    Choose,
    Collect,
    Decide,
    Destination,
    Enqueue,
    Hours,
    Lookup,
    Menu,
    Message,
    Node,
    NodeId,
    Playback,
    Say,
    Transfer,
    targets,
)

CHECKS = {
    "birth_date": (6, 6),
    "phone": (7, 15),
    "date": (6, 8),
    "number": (1, 12),
    "luhn": (8, 19),
    "business_number": (10, 10),
}
"""Name of a check -> least and most digits that it can accept."""
PERSONAL_CHECKS = ("birth_date", "phone", "luhn")
"""What they let through says who somebody is, or what card they have."""
DATE_CHECKS = ("birth_date", "date")
GIVEN = ("caller", "language", "category", "opens_at", "callback_due")
"""Variables that the engine sets; a flow may read them only."""
_INSTANTS = ("opens_at", "callback_due")
_INSTANT_SAYINGS = ("date", "time", "datetime")


class Need(Protocol):
    """Tells the document when `name` is given and not among those known."""

    def __call__(self, path: Path, kind: str, name: str | None, known: Iterable[str]) -> None: ...


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
            case Transfer(to=Destination("queue", name)):
                need((*path, "transfer", "queue"), "unknown_queue", name, centre.queues)
            case Transfer(to=Destination("agent", name)):
                need((*path, "transfer", "agent"), "unknown_agent", name, centre.agents)
            case Transfer(to=Destination(_, name)):
                need((*path, "transfer"), "unknown_transfer", name, centre.transfers)
            case Assign():
                need((*path, "category"), "unknown_category", node.category, centre.categories)
                need((*path, "language"), "unknown_language", node.language, centre.languages)
            case Decide():
                for place, decided in enumerate(node.cases):
                    for condition in decided.conditions:
                        _check_condition(condition, (*path, "choose", place, "if"), centre, need)
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


def _check_condition(condition: Condition, path: Path, centre: RawCentre, need: Need) -> None:
    match condition:
        case LanguageIs(names):
            for name in names:
                need((*path, "language"), "unknown_language", name, centre.languages)
        case CategoryIs(names):
            for name in names:
                need((*path, "category"), "unknown_category", name, centre.categories)
        case During(calendar=name):
            need((*path, "date", "hours"), "unknown_calendar", name, (DEFAULT, *centre.calendars))
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
            case Assign() | Lookup():
                part, names = ("set", node.assign) if isinstance(node, Assign) else ("take", node.take)
                for name in names:
                    if name in GIVEN:
                        document.problem((*path, part, name), "given_variable", name=name)
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
    if node.value_range is not None and not digits[0] <= len(str(node.value_range[1])) <= digits[1]:
        document.problem((*path, "range"), "range_digits", least=str(digits[0]), most=str(digits[1]))
    if not node.personal and (node.check in PERSONAL_CHECKS or node.into in called):
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
                        if not _can_be_said(nodes, how, what):
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
            case Assign():
                for target, value in node.assign.items():
                    if value.startswith("$"):
                        need((*base, "set", target), value[1:], arriving)
            case Lookup():
                for part, fields in (("query", node.query), ("body", node.body)):
                    for field, value in fields.items():
                        if value.startswith("$"):
                            need((*base, part, field), value[1:], arriving)
            case Decide():
                for place, decided in enumerate(node.cases):
                    for condition in decided.conditions:
                        if isinstance(condition, VariableIs) and condition.name not in known | {"category"}:
                            here = (*base, "choose", place, "if", "variable", condition.name)
                            document.key_problem(here, "unknown_variable", **meant(condition.name, variables))
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


def _can_be_said(nodes: Mapping[NodeId, Node], how: str, variable: str) -> bool:
    """Instants are said as such, and so is what another system told; digits that were checked as a date, as a date."""
    if (variable in _INSTANTS) == (how in _INSTANT_SAYINGS):
        return True
    if any(isinstance(node, Lookup) and variable in node.take for node in nodes.values()):
        return True
    return how == "date" and any(
        isinstance(node, Collect) and node.into == variable and node.check in DATE_CHECKS for node in nodes.values()
    )
