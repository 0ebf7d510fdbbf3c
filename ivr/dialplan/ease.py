"""Whether callers can cope: menus not too deep, prompts not too long, keys that mean one thing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from ivr.dialplan.document import Document
from ivr.dialplan.nodes import spoken_parts
from ivr.domain.flow import Collect, End, Enqueue, Menu, Message, Node, NodeId, Prompt, Survey, Transfer, targets

Seconds = Callable[[str, str], float | None]
"""(language, prompt key) -> how long it plays, None when it was not rendered."""


def check_keys(nodes: Mapping[NodeId, Node], document: Document) -> None:
    """No key of a menu is the beginning of another: nobody could say which of the two a caller means."""
    for node in nodes.values():
        if isinstance(node, Menu):
            for key in node.choices:
                for other in node.choices:
                    if key != other and other.startswith(key):
                        document.key_problem(
                            ("nodes", node.id, "choices", other), "ambiguous_key", key=other, short=key
                        )


def check_depth(nodes: Mapping[NodeId, Node], start: NodeId, limit: int, document: Document) -> None:
    """No caller has to choose in more than `limit` menus on end. Every target must exist."""
    for name, depth in menu_depths(nodes, start).items():
        if depth == limit + 1:  # those below it are deeper only because it is
            document.key_problem(("nodes", name), "menu_too_deep", node=name, depth=str(depth), limit=str(limit))


def menu_depths(nodes: Mapping[NodeId, Node], start: NodeId) -> dict[NodeId, int]:
    """Menu -> how many menus on end a caller has heard with it, on the shortest way. Talking to somebody, waiting,
    typing or recording something begins anew."""
    passed: dict[NodeId, int] = {start: 0}
    waiting = deque([start])
    while waiting:
        name = waiting.popleft()
        node = nodes[name]
        leaving = passed[name] + 1 if isinstance(node, Menu) else 0 if _begins_anew(node) else passed[name]
        for target in targets(node).values():
            if target not in passed or leaving < passed[target]:
                passed[target] = leaving
                waiting.append(target)
    return {name: passed[name] + 1 for name, node in nodes.items() if isinstance(node, Menu) and name in passed}


def _begins_anew(node: Node) -> bool:
    return isinstance(node, Collect | Enqueue | Message | Survey | Transfer | End)


def check_lengths(
    nodes: Mapping[NodeId, Node],
    languages: tuple[str, ...],
    limit_s: float,
    seconds: Seconds,
    document: Document,
) -> None:
    """Nothing that is said at one go lasts longer than `limit_s`. Spoken values are not counted: they are short."""
    for node in nodes.values():
        for path, prompts in spoken_parts(node, document):
            fixed = [prompt for prompt in prompts if isinstance(prompt, Prompt)]
            lengths = {
                language: sum(seconds(prompt.language or language, prompt.key) or 0.0 for prompt in fixed)
                for language in languages
            }
            longest = max(lengths, key=lambda language: lengths[language], default=None)
            if longest is not None and lengths[longest] > limit_s:
                details = {"language": longest, "seconds": f"{round(lengths[longest], 1):g}", "limit": f"{limit_s:g}"}
                document.problem(path, "prompt_too_long", **details)
