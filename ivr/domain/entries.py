"""What keys do in the nodes that ask for them: menus, collected digits and scores."""

from __future__ import annotations

from ivr.domain import notes
from ivr.domain.actions import Keyed
from ivr.domain.flow import Collect, Menu, Survey
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
    if node.terminator is None and event.terminated and len(digits) < node.max_digits:
        digits += "#"  # a wrong key like any other, which makes the entry wrong
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
    if node.value_range is not None and not node.value_range[0] <= int(digits) <= node.value_range[1]:
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
    elif key == "#" and node.terminator == "#":
        # It was to end an entry that was full already, as callers are told to do: no wrong answer.
        run.happened("again", to=run.state.node)
    else:
        run.failed(node.retry, key)


def scored(run: Run, node: Survey, event: Keyed) -> None:
    """A score. A survey is a favour: without one the caller goes on all the same."""
    digits = event.digits
    if not digits.isdecimal() or not node.lowest <= int(digits) <= node.highest:
        run.failed(node.retry, key_of(event))
        return
    run.happened("match", got=digits, to=node.next)
    run.note(
        notes.survey(
            node=node.id,
            metric=node.metric,
            lowest=node.lowest,
            highest=node.highest,
            score=int(digits),
            of=node.of,
            language=run.state.language,
            category=run.state.category,
        )
    )
    run.go(node.next)
