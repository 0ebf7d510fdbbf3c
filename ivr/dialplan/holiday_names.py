"""Public holidays by country, substitute days included, from the `holidays` package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache

import holidays

LANGUAGES = {"en": ("en_US", "en_GB", "en"), "ko": ("ko",)}
"""Our language -> what the package may call it."""


class PublicHolidays:
    """Implements `ivr.domain.hours.HolidayName` for a country; each year is worked out once."""

    def __init__(self, country: str) -> None:
        # Asked for here, so that an unknown country fails when a centre is loaded and not in a call.
        found = holidays.country_holidays(country)
        self.country = country
        self._default = found.default_language
        self._languages = found.supported_languages
        self._of_year = cache(self._work_out)

    def __call__(self, day: date) -> str | None:
        return self._of_year(day.year, self._default).get(day)

    def name_in(self, language: str, day: date) -> str | None:
        """The name in a language, or in the country's own where the package has no other."""
        known = next((name for name in LANGUAGES.get(language, (language,)) if name in self._languages), self._default)
        return self._of_year(day.year, known).get(day)

    def _work_out(self, year: int, language: str | None) -> Mapping[date, str]:
        # Copied to a plain dict: the package's own look-up adds years by itself and takes 20 times as long. The
        # language is named, because the package would otherwise take that of the machine's locale.
        return dict(holidays.country_holidays(self.country, years=year, language=language))


def holiday_name(country: str) -> PublicHolidays:
    """A look-up of the holiday on a local date of `country` (ISO 3166 code).

    Raises NotImplementedError for a country that the package does not know; the schema refuses those before.
    """
    return PublicHolidays(country)
