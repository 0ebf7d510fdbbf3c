"""A compiled centre as text: the same centre again, or a refusal."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr import compiled
from ivr.adapters.prompts.catalogue import load_catalogue
from ivr.compiled import UnreadableError, from_text, release, to_text
from ivr.dialplan.compiler import load_centres
from ivr.domain.centre import Centre
from ivr.domain.conditions import During, Share, VariableIs
from ivr.domain.flow import Case, Decide, Flow, Lookup
from ivr.domain.hours import Calendar, DayException, Span
from ivr.testing.centres import small_centre

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def shipped() -> Centre:
    prompts = {language: load_catalogue(ROOT / "prompts", language).keys() for language in ("ko", "en")}
    return load_centres(ROOT / "dialplans", prompts).need_all()["120"]


def back(centre: Centre) -> Centre:
    return from_text(to_text(centre, TODAY))


def test_the_shipped_centre_is_the_same_again(shipped: Centre) -> None:
    found = back(shipped)
    rest = [each.name for each in fields(Centre) if each.name not in ("calendars", "checks")]
    assert [getattr(found, name) for name in rest] == [getattr(shipped, name) for name in rest]
    assert list(found.flow.nodes) == list(shipped.flow.nodes)
    assert to_text(found, TODAY) == to_text(shipped, TODAY)


def test_every_hour_of_two_years_is_judged_alike(shipped: Centre) -> None:
    found = back(shipped)
    begin = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    for name, calendar in shipped.calendars.items():
        for hours in range(0, 2 * 365 * 24, 3):
            at = begin + timedelta(hours=hours)
            assert found.calendars[name].verdict(at) == calendar.verdict(at)


@pytest.mark.parametrize("year", [2020, 2040])
def test_holidays_of_years_far_away_are_worked_out(shipped: Centre, year: int) -> None:
    """A trial clock may stand anywhere."""
    assert back(shipped).calendars["centre"].holiday_name(date(year, 12, 25)) is not None


@pytest.mark.parametrize("digits", ["01012345678", "0602345678", "119", ""])
def test_numbers_to_call_back_are_judged_alike(shipped: Centre, digits: str) -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    for name, check in shipped.checks.items():
        assert back(shipped).checks[name](digits, at) is check(digits, at)


def test_every_kind_of_value() -> None:
    centre = small_centre()
    conditions = (
        During(first=date(2026, 1, 1), weekdays=frozenset({0, 6}), calendar="centre"),
        Share(0, 100),
        VariableIs("a", ("b", "c")),
    )
    node = Decide(id="d", cases=(Case(conditions=conditions, next="e"),), otherwise="f")
    lookup = Lookup(
        id="e", url="https://x", method="GET", query={"a": "$b"}, body={}, headers={}, secrets={}, personal=False,
        within_s=1.5, retries=0, take={}, found="d", not_found="d", timeout="d", error="d",
    )  # fmt: skip
    calendar = Calendar(
        timezone=ZoneInfo("Asia/Seoul"),
        week={0: (Span(time(9), time(18, 30)),)},
        exceptions={date(2026, 5, 1): DayException("노동절")},
    )
    flow = Flow(start="d", nodes={"d": node, "e": lookup}, apology=())
    given = replace(centre, flow=flow, calendars={"centre": calendar}, numbers=(), agents={})
    assert back(given) == given


@pytest.mark.parametrize("place", [0, 20, 60, 200, -3])
def test_a_damaged_text_is_refused(place: int) -> None:
    text = to_text(small_centre(), TODAY)
    with pytest.raises(UnreadableError):
        from_text(text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :])
    for cut in (0, 30, 100, len(text) - 2):
        with pytest.raises(UnreadableError):
            from_text(text[:cut])


def test_another_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = to_text(small_centre(), TODAY)
    monkeypatch.setattr(compiled, "release", lambda: "9.9.9-000000000000")
    with pytest.raises(UnreadableError, match="another release"):
        from_text(text)


def test_a_release_is_another_when_a_field_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = release()
    shapes = {name: kind for name, kind in compiled._SHAPES.items() if name != "Limits"}
    monkeypatch.setattr(compiled, "_SHAPES", shapes)
    release.cache_clear()
    try:
        assert release() != before
    finally:
        release.cache_clear()


def test_what_cannot_be_told_is_a_fault_and_not_left_out() -> None:
    centre = small_centre()
    calendar = replace(centre.calendars["centre"], holiday_name=lambda _: "every day")
    for strange in (replace(centre, calendars={"centre": calendar}), replace(centre, title={"ko": b"bytes"})):  # type: ignore[dict-item]
        with pytest.raises((TypeError, AttributeError)):
            to_text(strange, TODAY)
