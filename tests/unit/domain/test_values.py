"""Personal values do not show by accident."""

from __future__ import annotations

import pytest

from ivr.domain.values import BlindIndex, Personal, text_of

SECRET = "01098765432"


@pytest.mark.parametrize("value", [Personal(SECRET), BlindIndex(SECRET)])
def test_neither_repr_nor_str_nor_format_shows_it(value: Personal | BlindIndex) -> None:
    assert SECRET not in f"{value} {value!r} {value!s} {[value]} { ({'a': value}) }"
    assert SECRET not in "{} {!r}".format(value, [value])  # noqa: UP032 - another way to print


def test_text_of() -> None:
    assert (text_of("plain"), text_of(Personal(SECRET))) == ("plain", SECRET)


def test_a_personal_text_is_not_equal_to_the_plain_one() -> None:
    plain: object = "1"
    assert Personal("1") != plain
    assert Personal("1") == Personal("1")
