"""Which numbers outside may be dialled, and at what price."""

from __future__ import annotations

import pytest

from ivr.dialplan.outbound import price_of

RATES = {"fixed": 39, "mobile": 90, "02": 30, "0212": 20, "+1": 500, "112": 0, "nationwide": 110, "060": 1}


@pytest.mark.parametrize(
    ("number", "price"),
    [
        ("0311234567", 39),
        ("01012345678", 90),
        ("+821012345678", 90),
        ("0234567890", 30),
        ("0212345678", 20),
        ("15881234", 110),
        ("112", 0),
        ("+14155550100", 500),
        # The prefix of a number abroad must say that it is abroad.
        ("00114155550100", None),
        ("+442071838750", None),
        ("00442071838750", None),
        # Premium rates, whatever the rules say.
        ("0601234567", None),
        ("060700123456", None),
        ("0602345678", None),
        ("0609123456", None),
        ("07012345678", None),
        ("0801234567", None),
        ("119", None),
        ("1", None),
    ],
)
def test_a_number_is_dialled_only_when_a_rule_allows_it(number: str, price: int | None) -> None:
    assert price_of(number, "KR", RATES) == price


def test_without_rules_nothing_is_dialled() -> None:
    assert all(price_of(number, "KR", {}) is None for number in ("0212345678", "112", "+14155550100"))


def test_a_short_prefix_does_not_open_the_way_abroad() -> None:
    assert price_of("00114155550100", "KR", {"00": 5}) == 5
    assert price_of("+14155550100", "KR", {"fixed": 5, "82": 5}) is None
