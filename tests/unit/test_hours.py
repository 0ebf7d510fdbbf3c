"""Opening hours at their edges, and against a search of every minute across clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.hours import Calendar, DayException, Span

SEOUL = ZoneInfo("Asia/Seoul")
NEW_YORK = ZoneInfo("America/New_York")
HOLIDAY = date(2026, 11, 25)
OFFICE = (Span(time(9), time(18)),)


def calendar() -> Calendar:
    """Monday to Friday 09:00-18:00 with one holiday and three exceptions."""
    return Calendar(
        timezone=SEOUL,
        week=dict.fromkeys(range(5), OFFICE),
        exceptions={
            date(2026, 11, 24): DayException("short", (Span(time(10), time(12)), Span(time(13), time(14)))),
            date(2026, 11, 28): DayException("fair", (Span(time(20), time.min),)),
            date(2026, 11, 26): DayException("closed"),
        },
        holiday_name=lambda day: "holiday" if day == HOLIDAY else None,
    )


def seoul(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("at", "is_open", "reason", "detail"),
    [
        ("2026-11-23 08:59:59.999999", False, "closed", ""),
        ("2026-11-23 09:00", True, "open", ""),
        ("2026-11-23 17:59:59.999999", True, "open", ""),
        ("2026-11-23 18:00", False, "closed", ""),
        ("2026-11-22 12:00", False, "closed", ""),  # Sunday
        ("2026-11-24 09:30", False, "exception", "short"),  # an exception wins over the week
        ("2026-11-24 10:00", True, "exception", "short"),
        ("2026-11-24 12:00", False, "exception", "short"),
        ("2026-11-24 13:59", True, "exception", "short"),
        ("2026-11-25 12:00", False, "holiday", "holiday"),
        ("2026-11-26 12:00", False, "exception", "closed"),
        ("2026-11-28 19:59", False, "exception", "fair"),
        ("2026-11-28 23:59:59", True, "exception", "fair"),  # 24:00 is the end of the day
        ("2026-11-29 00:00", False, "closed", ""),
    ],
)
def test_verdict_at_the_edges(at: str, is_open: bool, reason: str, detail: str) -> None:
    verdict = calendar().verdict(seoul(at))
    assert (verdict.is_open, verdict.reason, verdict.detail) == (is_open, reason, detail)


def test_an_exception_opens_a_holiday() -> None:
    open_day = Calendar(
        timezone=SEOUL,
        week={},
        exceptions={HOLIDAY: DayException("duty", OFFICE)},
        holiday_name=lambda day: "holiday" if day == HOLIDAY else None,
    )
    assert open_day.verdict(seoul("2026-11-25 12:00")).reason == "exception"
    assert open_day.is_open(seoul("2026-11-25 12:00"))


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-23 10:30", "2026-11-23 10:30"),  # open: now
        ("2026-11-23 08:00", "2026-11-23 09:00"),
        ("2026-11-23 18:00", "2026-11-24 10:00"),  # the exception's hours
        ("2026-11-24 12:30", "2026-11-24 13:00"),  # the second stretch of the day
        ("2026-11-24 14:00", "2026-11-27 09:00"),  # over a holiday and a closed day
        ("2026-11-27 18:00", "2026-11-28 20:00"),  # a Saturday that an exception opens
        ("2026-11-29 00:00", "2026-11-30 09:00"),
    ],
)
def test_next_open(at: str, opens: str) -> None:
    assert calendar().next_open(seoul(at)) == seoul(opens)


def test_the_zone_of_the_calendar_decides_not_that_of_the_instant() -> None:
    at = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 09:30 in Seoul
    assert calendar().is_open(at)
    found = calendar().next_open(datetime(2026, 11, 23, 23, 0, tzinfo=UTC))  # 08:00 on the 24th
    assert found is not None
    assert found.isoformat() == "2026-11-24T10:00:00+09:00"


def test_never_open_is_none_and_naive_is_refused() -> None:
    empty = Calendar(timezone=SEOUL, week={})
    assert empty.next_open(seoul("2026-11-23 10:00")) is None
    assert not empty.is_open(seoul("2026-11-23 10:00"))
    with pytest.raises(ValueError, match="time zone"):
        calendar().verdict(datetime(2026, 11, 23, 10))  # noqa: DTZ001 - a naive instant is the point
    with pytest.raises(ValueError, match="time zone"):
        calendar().next_open(datetime(2026, 11, 23, 10))  # noqa: DTZ001 - a naive instant is the point


def test_round_the_clock() -> None:
    always = Calendar(timezone=SEOUL, week=dict.fromkeys(range(7), (Span(time.min, time.min),)))
    for at in ("2026-11-23 00:00", "2026-11-23 23:59:59", "2026-11-29 12:00"):
        assert always.is_open(seoul(at))


def daily(*spans: Span, timezone: ZoneInfo = NEW_YORK) -> Calendar:
    return Calendar(timezone=timezone, week=dict.fromkeys(range(7), spans))


@pytest.mark.parametrize(
    ("spans", "at", "opens"),
    [
        # 8 March 2026: 02:00 EST becomes 03:00 EDT.
        ((Span(time(2, 30), time(5)),), "2026-03-08T06:59:00+00:00", "2026-03-08T03:00:00-04:00"),
        ((Span(time(2, 30), time(3, 15)),), "2026-03-08T06:59:00+00:00", "2026-03-08T03:00:00-04:00"),
        ((Span(time(2, 15), time(2, 45)),), "2026-03-08T06:59:00+00:00", "2026-03-09T02:15:00-04:00"),  # left out
        ((Span(time(9), time(18)),), "2026-03-08T06:59:00+00:00", "2026-03-08T09:00:00-04:00"),
        # 1 November 2026: 02:00 EDT becomes 01:00 EST.
        ((Span(time(1, 30), time(1, 40)),), "2026-11-01T05:45:00+00:00", "2026-11-01T01:30:00-05:00"),  # once more
        ((Span(time(0, 30), time(1, 15)),), "2026-11-01T05:20:00+00:00", "2026-11-01T01:00:00-05:00"),
        ((Span(time(9), time(18)),), "2026-10-31T22:00:00+00:00", "2026-11-01T09:00:00-05:00"),
    ],
)
def test_next_open_where_clocks_change(spans: tuple[Span, ...], at: str, opens: str) -> None:
    found = daily(*spans).next_open(datetime.fromisoformat(at))
    assert found is not None
    assert found.isoformat() == opens


CHANGES = {
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),  # by half an hour
    "Africa/Cairo": ("2026-04-23T22:00", "2026-10-29T21:00"),  # at midnight
}
"""Zone -> instants (UTC) at which its clocks change."""


@st.composite
def places_and_hours(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """Hours in the small of the night, and an instant shortly before or after a change of the clocks."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    quarters = sorted(draw(st.sets(st.sampled_from([*range(16), *range(88, 96)]), min_size=2, max_size=4)))
    spans = tuple(
        Span(time(first // 4, first % 4 * 15), time(last // 4, last % 4 * 15))
        for first, last in zip(quarters[::2], quarters[1::2], strict=False)
    )
    change = datetime.fromisoformat(draw(st.sampled_from(CHANGES[zone]))).replace(tzinfo=UTC)
    return daily(*spans, timezone=ZoneInfo(zone)), change + timedelta(minutes=draw(st.integers(-150, 90)))


@given(places_and_hours())
@settings(max_examples=300, deadline=None)
def test_next_open_is_the_first_open_minute(case: tuple[Calendar, datetime]) -> None:
    opening_hours, at = case
    found = opening_hours.next_open(at)
    minutes = (at + timedelta(minutes=count) for count in range(3 * 24 * 60))
    # In UTC: Python holds a time that a clock shows twice to be unequal to every time of another zone (PEP 495).
    in_utc = None if found is None else found.astimezone(UTC)
    assert in_utc == next((minute for minute in minutes if opening_hours.is_open(minute)), None)
