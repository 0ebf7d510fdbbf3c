"""What a reload says has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from ivr.domain.changes import SHOWN, Kind, changes, differences
from ivr.domain.flow import End, Menu
from ivr.testing.centres import small_centre, with_nodes


def test_equal_centres_made_twice_do_not_differ() -> None:
    one, two = small_centre(), small_centre()

    def no_holiday(_: date) -> str | None:
        return None

    calendar = replace(two.calendars["centre"], holiday_name=no_holiday)
    assert differences(one, replace(two, calendars={"centre": calendar}, version="v2")) == ()


def test_each_part_that_differs_is_named() -> None:
    before = small_centre()
    menu = before.flow.nodes["main"]
    assert isinstance(menu, Menu)
    after = with_nodes(before, replace(menu, choices={}), End(id="added", prompts=()))
    nodes = {name: node for name, node in after.flow.nodes.items() if name != "survey"}
    queue = replace(after.queues["pension"], timeout_s=7)
    after = replace(
        after,
        flow=replace(after.flow, nodes=nodes),
        queues={**after.queues, "pension": queue},
        numbers=("120", "129"),
        message_retention_days=3,
    )
    assert set(differences(before, after)) == {
        "nodes: added added; removed survey; changed main",
        "queues: changed pension",
        "numbers: 120, 1588 -> 120, 129",
        "message_retention_days changed",
    }


def test_of_many_names_the_first_are_told() -> None:
    before = small_centre()
    after = with_nodes(before, *(End(id=f"end{number:02d}", prompts=()) for number in range(SHOWN + 3)))
    (line,) = differences(before, after)
    assert line.endswith("end07 and 3 more")


def test_centres_come_go_change_and_stay() -> None:
    old, new = small_centre(version="v1"), small_centre(version="v2")
    other, third = replace(old, id="other"), replace(old, id="third")
    told = changes({"small": old, "other": other, "same": old}, {"small": new, "third": third, "same": old})
    assert [(change.centre, change.kind, change.before, change.after) for change in told] == [
        ("other", Kind.REMOVED, "v1", None),
        ("same", Kind.SAME, "v1", "v1"),
        ("small", Kind.CHANGED, "v1", "v2"),
        ("third", Kind.ADDED, None, "v1"),
    ]
