"""Which centre a call gets: the live one by number, its own version to the end."""

from __future__ import annotations

from ivr.domain.centre import Centre
from ivr.engine.centres import REMEMBERED, LiveCentres
from ivr.testing.centres import small_centre


def test_the_next_call_takes_the_newest_and_a_call_in_progress_its_own() -> None:
    old, new = small_centre(version="v1"), small_centre(version="v2")
    centres = LiveCentres([old])
    centres.replace([new])
    assert centres.find_by_number("120") is new
    assert centres.find_version("small", "v1") is old
    assert centres.find_version("small", "v2") is new
    assert centres.all == (new,)


def test_a_centre_that_was_removed_takes_no_call_and_finishes_those_it_has() -> None:
    old = small_centre()
    centres = LiveCentres([old])
    centres.replace([])
    assert centres.find_by_number("120") is None
    assert centres.find_version("small", "v1") is old


def test_a_version_from_before_a_restart_is_looked_up_once() -> None:
    asked: list[tuple[str, str]] = []
    kept = small_centre(version="v0")

    def find(centre: str, version: str) -> Centre | None:
        asked.append((centre, version))
        return kept if version == "v0" else None

    centres = LiveCentres([small_centre(version="v1")], find)
    assert centres.find_version("small", "v0") is kept
    assert centres.find_version("small", "v0") is kept
    assert asked == [("small", "v0")]
    assert centres.find_version("small", "never") is None


def test_memory_does_not_grow_with_reloads() -> None:
    asked: list[str] = []

    def find(_: str, version: str) -> Centre | None:
        asked.append(version)
        return small_centre(version=version)

    centres = LiveCentres([small_centre(version="v0")], find)
    for number in range(1, REMEMBERED + 2):
        centres.replace([small_centre(version=f"v{number}")])
    assert centres.find_version("small", "v1") is not None
    assert asked == []
    assert centres.find_version("small", "v0") is not None
    assert asked == ["v0"]
