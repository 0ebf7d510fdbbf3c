"""Whether digits that a caller typed can be a number to call back, from the `phonenumbers` package."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import phonenumbers

_COSTLY = (phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST)


@dataclass(frozen=True, slots=True)
class PhoneCheck:
    """A check for valid numbers of `country`. Numbers abroad and at premium rates are refused: dialling them costs."""

    country: str

    def __call__(self, digits: str, at: datetime) -> bool:
        try:
            number = phonenumbers.parse(digits, self.country)
        except phonenumbers.NumberParseException:
            return False
        if phonenumbers.number_type(number) in _COSTLY:
            return False
        return phonenumbers.is_valid_number_for_region(number, self.country)
