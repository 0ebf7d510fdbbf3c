"""Public holidays by country, substitute days included, from the `holidays` package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache

import holidays

from ivr.domain.hours import HolidayName


def holiday_name(country: str) -> HolidayName:
    """A look-up of the holiday on a local date of `country` (ISO 3166 code); each year is worked out once.

    Raises NotImplementedError for a country that the package does not know; the schema refuses those before.
    """
    # Asked for here, so that an unknown country fails when a centre is loaded and not in a call. Named explicitly,
    # because the package would otherwise take the language of the machine's locale.
    language = holidays.country_holidays(country).default_language

    @cache
    def of_year(year: int) -> Mapping[date, str]:
        # Copied to a plain dict: the package's own look-up adds years by itself and takes 20 times as long.
        return dict(holidays.country_holidays(country, years=year, language=language))

    return lambda day: of_year(day.year).get(day)
