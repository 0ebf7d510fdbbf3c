"""Whether digits that a caller typed can be a number to call back, from the `phonenumbers` package."""

from __future__ import annotations

from datetime import datetime

import phonenumbers

from ivr.domain.checks import Check

_COSTLY = (phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST)


def phone_check(country: str) -> Check:
    """A check for valid numbers of `country`. Numbers abroad and at premium rates are refused: dialling them costs."""

    def is_phone(digits: str, at: datetime) -> bool:
        try:
            number = phonenumbers.parse(digits, country)
        except phonenumbers.NumberParseException:
            return False
        if phonenumbers.number_type(number) in _COSTLY:
            return False
        return phonenumbers.is_valid_number_for_region(number, country)

    return is_phone
