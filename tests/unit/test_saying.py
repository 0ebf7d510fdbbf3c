"""What `say` produces, read back as the words a caller hears."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain import saying

LANGUAGES = st.sampled_from(saying.LANGUAGES)


def words(how: str, value: str, language: str) -> str:
    return " ".join(saying.say(how, value, language))


@pytest.mark.parametrize(
    ("how", "value", "language", "spoken"),
    [
        ("digits", "900101", "ko", "digits/9 digits/0 digits/0 digits/1 digits/0 digits/1"),
        ("digits", "*#+", "en", "digits/star digits/hash digits/plus"),
        ("number", "0", "ko", "number/0"),
        ("number", "10000", "ko", "number/man"),
        ("number", "12345", "ko", "number/man number/2000 number/300 number/45"),
        ("number", "110000", "ko", "number/11 number/man"),
        ("number", "100", "ko", "number/100"),
        ("number", "12345", "en", "number/12 number/thousand number/3 number/hundred number/45"),
        ("number", "1000000", "en", "number/1 number/million"),
        ("number", "100010000", "ko", "number/1 number/eok number/1 number/man"),
        ("money", "12000", "ko", "number/man number/2000 won"),
        ("money", "12000", "en", "number/12 number/thousand won"),
        ("money", "0", "ko", "number/0 won"),
        ("count", "3", "ko", "count/3"),
        ("count", "20", "ko", "count/20"),
        ("count", "0", "ko", "number/0"),
        ("count", "100", "ko", "number/100"),
        ("count", "3", "en", "number/3"),
        ("date", "20261124", "en", "month/11 day/24 number/20 number/26"),
        ("date", "901124", "ko", "number/90 year month/11 day/24"),
        ("date", "051124", "ko", "digits/0 digits/5 year month/11 day/24"),
        ("date", "000229", "en", "month/2 day/29 number/oh number/oh"),
        ("date", "901124", "en", "month/11 day/24 number/90"),
        ("date", "2026-11-24", "ko", "number/2000 number/26 year month/11 day/24"),
        ("date", "2026-11-24", "en", "month/11 day/24 number/20 number/26"),
        ("date", "2005-01-01", "en", "month/1 day/1 number/2 number/thousand number/5"),
        ("date", "1905-01-01", "en", "month/1 day/1 number/19 number/oh number/5"),
        ("date", "1900-01-01", "en", "month/1 day/1 number/19 number/hundred"),
        ("time", "2026-11-24T09:00:00+09:00", "ko", "am hour/9"),
        ("time", "2026-11-24T13:05:00+09:00", "ko", "pm hour/1 minute/5"),
        ("time", "2026-11-24T00:00:00+09:00", "ko", "midnight"),
        ("time", "2026-11-24T12:00:00+09:00", "en", "noon"),
        ("time", "2026-11-24T12:30:00+09:00", "ko", "pm hour/12 minute/30"),
        ("time", "2026-11-24T00:05:00+09:00", "en", "number/12 number/oh number/5 am"),
        ("time", "2026-11-24T09:30:00Z", "en", "number/9 number/30 am"),
        ("datetime", "2026-11-24T09:00:00+09:00", "ko", "month/11 day/24 weekday/tue am hour/9"),
        ("datetime", "2026-11-24T09:00:00+09:00", "en", "weekday/tue month/11 day/24 at number/9 am"),
    ],
)
def test_says(how: str, value: str, language: str, spoken: str) -> None:
    assert words(how, value, language) == spoken


@pytest.mark.parametrize(
    ("number", "groups"),
    [
        ("01012345678", ["010", "1234", "5678"]),
        ("010-1234-5678", ["010", "1234", "5678"]),
        ("0111234567", ["011", "123", "4567"]),
        ("0212345678", ["02", "1234", "5678"]),
        ("021234567", ["02", "123", "4567"]),
        ("0311234567", ["031", "123", "4567"]),
        ("050712345678", ["0507", "1234", "5678"]),
        ("15881234", ["1588", "1234"]),
        ("1345", ["1345"]),
        ("+821012345678", ["+821012345678"]),
    ],
)
def test_telephone_numbers_are_spoken_in_groups(number: str, groups: list[str]) -> None:
    spoken = " ".join(key.removeprefix("digits/") for key in saying.say("digits", number, "ko"))
    assert [group.replace(" ", "").replace("plus", "+") for group in spoken.split(" pause ")] == groups


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    ("how", "value"),
    [
        ("digits", ""),
        ("digits", "12a"),
        ("digits", "١٢"),
        ("number", "-1"),
        ("number", "1.5"),
        ("number", ""),
        ("number", "1000000000000"),
        ("money", "12.50"),
        ("money", "free"),
        ("count", "-1"),
        ("number", "9" * 5000),
        ("date", "991301"),
        ("date", "010229"),
        ("date", "2026-02-30"),
        ("date", "12345a"),
        ("time", "08:15"),
        ("datetime", "2027-01-01T08:15:00"),
        ("datetime", "tomorrow"),
        ("shout", "secret-9"),
    ],
)
def test_what_cannot_be_spoken_is_refused_without_repeating_it(how: str, value: str, language: str) -> None:
    with pytest.raises(ValueError, match=r"^(not |an instant|unknown way)") as refused:
        saying.say(how, value, language)
    assert not value or value not in str(refused.value)


def test_unknown_language_is_named() -> None:
    for call in (lambda: saying.keys("fr"), lambda: saying.say("number", "1", "fr")):
        with pytest.raises(ValueError, match="'fr'"):
            call()


@given(st.integers(0, saying.HIGHEST_NUMBER))
def test_korean_numbers_read_back(number: int) -> None:
    assert read_korean(saying.say("number", str(number), "ko")) == number


@given(st.integers(0, saying.HIGHEST_NUMBER))
def test_english_numbers_read_back(number: int) -> None:
    assert read_english(saying.say("number", str(number), "en")) == number


@given(LANGUAGES, st.text("0123456789*#+ -", min_size=1).filter(lambda text: text.strip(" -")))
def test_digits_read_back(language: str, pressed: str) -> None:
    names = {"plus": "+", "star": "*", "hash": "#", "pause": ""}
    keys = [key.removeprefix("digits/") for key in saying.say("digits", pressed, language)]
    assert "".join(names.get(key, key) for key in keys) == pressed.replace(" ", "").replace("-", "")
    assert keys[0] != "pause" != keys[-1]


@given(LANGUAGES, st.datetimes(), st.integers(-12 * 4, 14 * 4))
def test_instants_read_back_in_their_own_offset(language: str, wall: datetime, quarters: int) -> None:
    at = wall.replace(tzinfo=timezone(timedelta(minutes=15 * quarters)))
    spoken = saying.say("datetime", at.isoformat(), language)
    assert f"month/{at.month}" in spoken
    assert f"day/{at.day}" in spoken
    assert clock(saying.say("time", at.isoformat(), language), language) == (at.hour, at.minute)
    assert spoken[-len(saying.say("time", at.isoformat(), language)) :] == saying.say("time", at.isoformat(), language)


@given(LANGUAGES, st.dates())
def test_dates_read_back(language: str, day: date) -> None:
    spoken = list(saying.say("date", day.isoformat(), language))
    at = spoken.index(f"month/{day.month}")
    assert spoken[at + 1] == f"day/{day.day}"
    if language == "ko":
        assert spoken[at - 1] == "year"
        assert read_korean(tuple(spoken[: at - 1])) == day.year


@given(LANGUAGES, st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.datetimes(timezones=st.just(UTC)))
def test_only_keys_that_are_announced(language: str, day: date, at: datetime) -> None:
    known = saying.keys(language)
    said = [
        saying.say("date", day.strftime("%y%m%d"), language),
        saying.say("date", at.date().isoformat(), language),
        saying.say("datetime", at.isoformat(), language),
        saying.say("number", str(at.microsecond * 99), language),
        saying.say("digits", "0123456789*#+", language),
    ]
    assert known.issuperset(key for keys in said for key in keys)


@pytest.mark.parametrize("language", saying.LANGUAGES)
def test_no_key_is_announced_that_nothing_says(language: str) -> None:
    # Digits with a pause, every number below 100,000 that is round or small, and a year of minutes.
    said: set[str] = {*saying.say("digits", "01012345678", language)}
    said.update(saying.say("digits", "9+*#", language))
    numbers = (*range(100), *range(100, 10_000, 100), 10_000, 100_000, 1_000_000, 10**9)
    ways = ("number", "money", "count")
    said.update(key for how in ways for number in numbers for key in saying.say(how, str(number), language))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for minutes in range(0, 365 * 24 * 60, 61):
        said.update(saying.say("datetime", (start + timedelta(minutes=minutes)).isoformat(), language))
    said.update(
        saying.say("time", "2026-01-01T00:00:00Z", language), saying.say("time", "2026-01-01T12:00:00Z", language)
    )
    said.update(saying.say("date", "050101", language))
    assert saying.keys(language) == said


def read_korean(keys: tuple[str, ...]) -> int:
    total, part = 0, 0
    for name in (key.removeprefix("number/") for key in keys):
        if name == "eok":
            total, part = part * 100_000_000, 0
        elif name == "man":
            assert part > 0 or total == 0, "일만 after 억"
            total, part = total + (part or 1) * 10_000, 0
        else:
            assert int(name) < 100 or int(name) % 100 == 0, "one prompt of at most two figures"
            assert part == 0 or len(name) < len(str(part)), "larger units first"
            part += int(name)
    return total + part


def read_english(keys: tuple[str, ...]) -> int:
    total, part = 0, 0
    for name in (key.removeprefix("number/") for key in keys):
        match name:
            case "billion" | "million" | "thousand":
                size = {"billion": 10**9, "million": 10**6, "thousand": 1000}[name]
                total, part = total + part * size, 0
            case "hundred":
                part *= 100
            case _:
                part += int(name)
    return total + part


def clock(keys: tuple[str, ...], language: str) -> tuple[int, int]:
    if keys in (("midnight",), ("noon",)):
        return (0 if keys == ("midnight",) else 12), 0
    afternoon = 12 if "pm" in keys else 0
    figures = [int(key.split("/")[1]) for key in keys if key not in ("am", "pm", "number/oh")]
    assert keys[0 if language == "ko" else -1] in ("am", "pm")
    return figures[0] % 12 + afternoon, (figures[1] if len(figures) > 1 else 0)
