"""What keys do in the nodes that ask for them: menus and collected digits."""

from __future__ import annotations

from ivr.domain.actions import Keyed
from ivr.domain.flow import Collect, Menu
from ivr.domain.run import Run, key_of
from ivr.domain.values import Personal, Value

ACCEPT, AGAIN = "1", "2"
"""Keys of a read-back."""


def chose(run: Run, menu: Menu, event: Keyed) -> None:
    """A key in a menu."""
    key = key_of(event)
    choice = menu.choices.get(key)
    if choice is None:
        run.failed(menu.retry, key)
        return
    run.happened("match", got=key, to=choice.next)
    run.set_values(choice.assign, category=choice.category, language=choice.language)
    run.go(choice.next)


def collected(run: Run, node: Collect, event: Keyed) -> None:
    """Digits, or the answer to their read-back."""
    if run.state.phase == "confirm":
        _confirmed(run, node, event)
        return
    digits = event.digits
    got: Value = Personal(digits) if node.personal else digits
    if not _is_right(run, node, digits):
        run.failed(node.retry, digits, got=got if digits else None)
        return
    following = run.state.node if node.read_back else node.next
    run.happened("match", got=got, to=following)
    run.state = run.state.with_variable(node.into, got)
    if node.read_back:
        run.move("confirm")
    else:
        run.go(node.next)


def _is_right(run: Run, node: Collect, digits: str) -> bool:
    if not digits.isdecimal() or not max(1, node.min_digits) <= len(digits) <= node.max_digits:
        return False
    return node.check is None or run.centre.checks[node.check](digits, run.at)


def _confirmed(run: Run, node: Collect, event: Keyed) -> None:
    key = key_of(event)
    if key == ACCEPT:
        run.happened("match", got=key, to=node.next)
        run.go(node.next)
    elif key == AGAIN:
        run.happened("match", got=key, to=run.state.node)
        run.move("")
    else:
        run.failed(node.retry, key)
