"""Which numbers outside may be dialled and what a minute costs: a whitelist by kind of number or first digits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import phonenumbers
from phonenumbers import PhoneNumberType
from pydantic import BeforeValidator

from ivr.dialplan.document import Document
from ivr.dialplan.raw import Raw
from ivr.dialplan.values import filled, refuse, text, whole
from ivr.dialplan.written import words

KINDS = {
    PhoneNumberType.FIXED_LINE: "fixed",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.UAN: "nationwide",
    PhoneNumberType.SHARED_COST: "nationwide",
}
"""What the numbering plan calls a number -> the word for it in `rates`. Premium rates have none."""
SHORT_DIGITS = 6
"""Service numbers such as 112 and 1345 are in no plan; what is longer and in none may be a premium rate miswritten."""
_RATE = re.compile(r"fixed|mobile|voip|personal|toll_free|nationwide|\+?[0-9]{2,15}")


def _rate(value: object) -> str:
    found = text(value)
    if not _RATE.fullmatch(found):
        raise refuse("bad_rate", value=found)
    return found


Amount = Annotated[int, BeforeValidator(whole(0, 1_000_000_000))]


class RawOutbound(Raw):
    """What may be dialled outside; without it nothing is."""

    rates: Annotated[
        dict[
            Annotated[str, BeforeValidator(_rate), words("kind of number, or its first digits", _RATE.pattern)],
            Amount,
        ],
        BeforeValidator(filled),
    ]
    """Kind (fixed, mobile, voip, personal, toll_free, nationwide such as 1588) or first digits -> price of a minute, a
    whole number of any unit. The longest first digits count before the kind; other numbers are not dialled. Numbers
    abroad need first digits with + or 00; premium rates are never dialled."""
    calls: Annotated[int, BeforeValidator(whole(1, 1000))] = 5
    """Most calls outside at once."""
    spend: Amount
    """Most that calls of one day may cost, in the unit of the prices."""
    minutes: Annotated[int, BeforeValidator(whole(1, 240))] = 60
    """Longest call outside; as long a one is set aside before it is dialled."""


def price_of(number: str, country: str, rates: Mapping[str, int]) -> int | None:
    """Of a minute to `number`, dialled from `country`; None: it may not be dialled."""
    prefix = max((rate for rate in rates if rate[-1].isdigit() and number.startswith(rate)), key=len, default=None)
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return rates[prefix] if prefix is not None else None
    kind = phonenumbers.number_type(parsed)
    if kind == PhoneNumberType.PREMIUM_RATE or (kind == PhoneNumberType.UNKNOWN and len(number) > SHORT_DIGITS):
        return None
    at_home = parsed.country_code == phonenumbers.country_code_for_region(country)
    if prefix is not None and (at_home or prefix.startswith(("+", "00"))):
        return rates[prefix]
    return rates.get(KINDS.get(kind, "")) if at_home else None


def check_numbers(numbers: Mapping[str, str], country: str, rates: Mapping[str, int], document: Document) -> None:
    """Every number of `transfers` (by name) may be dialled."""
    for name, number in numbers.items():
        if price_of(number, country, rates) is None:
            document.problem(("transfers", name, "number"), "number_not_allowed", number=number)
