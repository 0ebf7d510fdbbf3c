"""Text of a YAML file to typed values: durations, hours, names, prompts. Each refusal is a kind of `texts_*.py`."""

from __future__ import annotations

import re
from datetime import date, time
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from typing import Annotated, LiteralString
from zoneinfo import ZoneInfo, available_timezones

import holidays
from pydantic import BeforeValidator, PlainValidator
from pydantic_core import PydanticCustomError

from ivr.dialplan.written import TEXT, Converter, OneOrMore, Written, choice, digits, words
from ivr.domain.flow import Playback, Prompt, Say, Spoken
from ivr.domain.hours import Span
from ivr.domain.saying import WAYS

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MENU_KEYS = (*"0123456789", "*", "#")

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PROMPT = re.compile(r"(?P<key>[a-z][a-z0-9_]{0,63})(@(?P<language>[a-z]{2,3}))?")
_DURATION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})? ?[smhd]")
_SPAN = re.compile(r"(\d{1,2}):(\d{2}) ?- ?(\d{1,2}):(\d{2})")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_YES, _NO = ("yes", "true"), ("no", "false")


def nearest(wrong: str, known: object) -> str:
    """The known word that was probably meant, or ''."""
    words = [str(word) for word in known] if isinstance(known, list | tuple | set | frozenset | dict) else []
    return next(iter(get_close_matches(wrong, sorted(words), n=1, cutoff=0.6)), "")


def meant(wrong: str, known: object) -> dict[str, str]:
    """Details for texts of the form "no such thing: …": the nearest word and all there are."""
    words = sorted(str(word) for word in known) if isinstance(known, list | tuple | set | frozenset | dict) else []
    shown = ", ".join(words[:12]) + (", …" if len(words) > 12 else "")
    return {"name": wrong, "nearest": nearest(wrong, known) or shown or "-"}


def refuse(kind: LiteralString, **details: object) -> PydanticCustomError:
    return PydanticCustomError(kind, kind, details)


def text(value: object) -> str:
    if not isinstance(value, str):
        raise refuse("not_text")
    if not value.strip():
        raise refuse("empty_value")
    if "\n" in value:
        raise refuse("several_lines")
    return value


def name(value: object) -> str:
    found = text(value)
    if not NAME.fullmatch(found):
        raise refuse("bad_name", name=found)
    return found


def language(value: object) -> str:
    found = text(value)
    if not re.fullmatch("[a-z]{2,3}", found):
        raise refuse("bad_language", name=found)
    return found


def many(value: object) -> object:
    """A single value where a list may stand is a list of one."""
    return value if isinstance(value, list) else [value]


def some(value: object) -> object:
    """Like `many`, but not an empty list."""
    if value == [] or value == {}:
        raise refuse("empty_value")
    return many(value)


def filled(value: object) -> object:
    """A mapping with something in it."""
    if value == {}:
        raise refuse("empty_value")
    return value


def agent_id(value: object) -> str:
    found = text(value)
    if not re.fullmatch("[a-z0-9]{2,16}", found):
        raise refuse("bad_agent", name=found)
    return found


def whole(lowest: int, highest: int) -> Converter[int]:
    def convert(value: object) -> int:
        found = text(value)
        if not re.fullmatch(r"-?[0-9]{1,9}", found):
            raise refuse("not_a_number", value=found, lowest=lowest, highest=highest)
        if not lowest <= int(found) <= highest:
            raise refuse("number_range", value=found, lowest=lowest, highest=highest)
        return int(found)

    schema = {"type": "integer", "minimum": lowest, "maximum": highest}
    return Converter(convert, Written(f"whole number, {lowest} to {highest}", schema))


def duration(lowest: str, highest: str, unit: str = "s", *, fractions: bool = False) -> Converter[float]:
    """Converter of `30s`, `2m`, `1h`, `90d` to a count of `unit`s within the limits, which are written alike."""
    low, high = _in_seconds(lowest), _in_seconds(highest)

    def convert(value: object) -> float:
        found = text(value)
        count = _in_seconds(found) / _UNIT_S[unit] if _DURATION.fullmatch(found) else None
        if count is None or not (fractions or count.is_integer()):
            raise refuse("bad_duration", value=found, example="90d" if unit == "d" else "30s")
        if not low <= count * _UNIT_S[unit] <= high:
            raise refuse("duration_range", value=found, lowest=lowest, highest=highest)
        return count

    schema = {"type": "string", "pattern": f"^{_DURATION.pattern}$"}
    return Converter(convert, Written(f"length of time, {lowest} to {highest}", schema, unit))


def _in_seconds(written: str) -> float:
    return float(written[:-1]) * _UNIT_S[written[-1]]


def truth(value: object) -> bool:
    found = text(value)
    if found.lower() not in _YES + _NO:
        raise refuse("bad_boolean", value=found)
    return found.lower() in _YES


def one_of(*known: str) -> Converter[str]:
    def convert(value: object) -> str:
        found = text(value)
        if found not in known:
            raise refuse("not_one_of", **meant(found, known))
        return found

    return Converter(convert, choice(*known))


def dialled(value: object) -> str:
    found = text(value)
    if not re.fullmatch(r"\+?[0-9]{2,15}", found):
        raise refuse("bad_dialled_number", value=found)
    return found


def day(value: object) -> date:
    found = text(value)
    try:
        return date.fromisoformat(found) if re.fullmatch(r"\d{4}-\d\d-\d\d", found) else _no_date()
    except ValueError:
        raise refuse("bad_date", value=found) from None


def _no_date() -> date:
    raise ValueError


def weekdays(written: str) -> tuple[int, ...]:
    """`mon-fri`, `sat`, `mon, wed` to Monday = 0; `fri-mon` runs over the week's end. Raises ValueError."""
    days: list[int] = []
    for part in written.split(","):
        ends = [WEEKDAYS.index(end.strip().lower()) for end in part.split("-")]
        if len(ends) > 2:
            raise ValueError(written)
        first, last = ends[0], ends[-1]
        days += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return tuple(days)


def days_key(value: object) -> str:
    found = text(value)
    try:
        weekdays(found)
    except ValueError:
        raise refuse("bad_days", value=found) from None
    return found


def span(value: object) -> Span:
    found = text(value)
    match = _SPAN.fullmatch(found)
    if match is None:
        raise refuse("bad_hours", value=found)
    opens_h, opens_m, closes_h, closes_m = (int(part) for part in match.groups())
    opens, closes = opens_h * 60 + opens_m, closes_h * 60 + closes_m
    if opens_m > 59 or closes_m > 59 or opens >= 1440 or closes > 1440:
        raise refuse("bad_hours", value=found)
    if closes <= opens:
        raise refuse("hours_inverted", value=found)
    return Span(time(opens_h, opens_m), time(closes_h % 24, closes_m))


def spans(value: object) -> object:
    return [] if value == "closed" else some(value)


def apart(value: tuple[Span, ...]) -> tuple[Span, ...]:
    """Spans in order. Refuses two that overlap."""
    ordered = sorted(value, key=lambda item: item.opens)
    for earlier, later in pairwise(ordered):
        if earlier.contains(later.opens):
            raise refuse("hours_overlap", first=_shown(earlier), second=_shown(later))
    return tuple(ordered)


def _shown(item: Span) -> str:
    closes = "24:00" if item.closes == time.min else f"{item.closes:%H:%M}"
    return f"{item.opens:%H:%M}-{closes}"


def timezone(value: object) -> ZoneInfo:
    found = text(value)
    if found not in _timezones():
        raise refuse("unknown_timezone", name=found, nearest=nearest(found, _timezones()) or "Asia/Seoul")
    return ZoneInfo(found)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def country(value: object) -> str:
    found = text(value)
    known = holidays.list_supported_countries()
    if found not in known:
        raise refuse("unknown_country", name=found)
    return found


def country_or_off(value: object) -> str | None:
    return None if value == "off" else country(value)


def digit_count(value: object) -> tuple[int, int]:
    """`6` or `8-11` to (least, most)."""
    found = re.fullmatch(r"(\d{1,2})(?: ?- ?(\d{1,2}))?", text(value))
    if found is None:
        raise refuse("bad_digits", value=text(value))
    least, most = int(found[1]), int(found[2] or found[1])
    if most < least:
        raise refuse("digits_inverted", value=found[0])
    if not 1 <= least <= most <= 20:
        raise refuse("number_range", value=found[0], lowest=1, highest=20)
    return least, most


def number_range(value: object) -> tuple[int, int]:
    """`[1, 500]` to (least, greatest)."""
    ends = [str(end) for end in value] if isinstance(value, list) else []
    if len(ends) != 2 or not all(re.fullmatch(r"[0-9]{1,12}", end) for end in ends):
        raise refuse("bad_range")
    least, greatest = (int(end) for end in ends)
    if greatest < least:
        raise refuse("digits_inverted", value=f"{least}, {greatest}")
    return least, greatest


def scale(value: object) -> tuple[int, int]:
    """`1-5` or `0-10`."""
    found = text(value)
    if found not in ("1-5", "0-10"):
        raise refuse("bad_scale", value=found)
    least, _, greatest = found.partition("-")
    return int(least), int(greatest)


def menu_key(value: object) -> str:
    found = text(value)
    if found not in MENU_KEYS:
        raise refuse("bad_menu_key", value=found)
    return found


def choice_key(value: object) -> str:
    """A key of a menu: one of the telephone's, or up to four digits."""
    found = text(value)
    if not re.fullmatch(r"[0-9]{1,4}|[*#]", found):
        raise refuse("bad_choice_key", value=found)
    return found


def spoken(value: object) -> Spoken:
    """`key`, `key@language`, `{datetime: variable}` or `{playback: message}`."""
    if isinstance(value, dict) and len(value) == 1:
        ((how, what),) = value.items()
        if how == "playback" and what == "message":
            return Playback()
        if how in WAYS and isinstance(what, str) and NAME.fullmatch(what):
            return Say(how, what)
        raise refuse("bad_prompt")
    if not isinstance(value, str):
        raise refuse("bad_prompt")
    match = _PROMPT.fullmatch(text(value))
    if match is None:
        raise refuse("bad_prompt")
    return Prompt(match["key"], match["language"])


_LANGUAGE_CODE = words("language code", "[a-z]{2,3}")
_PROMPT_ENTRY = Written(
    "prompt",
    {
        "anyOf": [
            {"type": "string", "pattern": f"^{NAME.pattern}(@[a-z]{{2,3}})?$"},
            {
                "type": "object",
                "properties": {**{way: {"type": "string"} for way in WAYS}, "playback": {"enum": ["message"]}},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    },
)

Text = Annotated[str, BeforeValidator(text), TEXT]
Name = Annotated[str, BeforeValidator(name), words("name", NAME.pattern)]
Language = Annotated[str, BeforeValidator(language), _LANGUAGE_CODE]
Truth = Annotated[bool, BeforeValidator(truth), choice("yes", "no")]
Day = Annotated[date, PlainValidator(day), words("date, such as 2026-12-24", r"\d{4}-\d\d-\d\d")]
DAYS = words("days: mon-fri, sat or mon,wed,fri", "[a-zA-Z, -]+")
Days = Annotated[str, BeforeValidator(days_key), DAYS]
Dialled = Annotated[str, BeforeValidator(dialled), digits("2 to 15 digits", r"\+?[0-9]{2,15}")]
AgentId = Annotated[str, BeforeValidator(agent_id), words("2 to 16 of a-z and 0-9", "[a-z0-9]{2,16}")]
MenuKey = Annotated[str, BeforeValidator(menu_key), digits('key: 0 to 9, "*" or "#"', "[0-9*#]", most=9)]
ChoiceKey = Annotated[
    str, BeforeValidator(choice_key), digits('key: 0 to 9, "*", "#", or up to four digits', "[0-9]{1,4}|[*#]")
]
Digits = Annotated[tuple[int, int], PlainValidator(digit_count), digits("count: 6 or 8-11", r"\d{1,2}( ?- ?\d{1,2})?")]
Range = Annotated[
    tuple[int, int],
    PlainValidator(number_range),
    Written("[least, greatest]", {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}),
]
Scale = Annotated[tuple[int, int], PlainValidator(scale), choice("1-5", "0-10")]
SpokenEntry = Annotated[Spoken, PlainValidator(spoken), _PROMPT_ENTRY]
Prompts = Annotated[tuple[SpokenEntry, ...], BeforeValidator(some), OneOrMore()]
PromptsOrNone = Annotated[tuple[SpokenEntry, ...], BeforeValidator(many), OneOrMore()]
Timezone = Annotated[ZoneInfo, PlainValidator(timezone), words("time zone, such as Asia/Seoul", "[A-Za-z0-9_+/-]+")]
Country = Annotated[str, BeforeValidator(country), words("country code, such as KR", "[A-Z]{2}")]
CountryOrOff = Annotated[str | None, PlainValidator(country_or_off), words("country code, or off", "[A-Z]{2}|off")]
_SPAN_OR_CLOSED = words('"09:00-18:00", or closed', f"{_SPAN.pattern}|closed")
Spans = Annotated[
    tuple[Annotated[Span, PlainValidator(span), _SPAN_OR_CLOSED], ...], BeforeValidator(spans), OneOrMore()
]
"""Before they are known not to overlap: see `Hours` in schema.py."""
Labels = dict[Language, Text]
