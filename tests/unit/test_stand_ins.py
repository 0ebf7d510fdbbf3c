"""A stand-in is another value that every look of the flow takes for the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ivr.dialplan.phone_check import PhoneCheck
from ivr.domain.checks import CHECKS
from ivr.domain.conditions import CallerMatches
from ivr.domain.flow import Case, Choose, Collect, Decide
from ivr.domain.stand_ins import StandIns
from ivr.testing.centres import small_centre, with_nodes

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PHONE = PhoneCheck("KR")


def stand_ins(*patterns: str, check: str = "phone") -> StandIns:
    centre = replace(small_centre(), checks={**CHECKS, "phone": PHONE})
    collect = centre.flow.nodes["number"]
    assert isinstance(collect, Collect)
    cases = tuple(Case(conditions=(CallerMatches((pattern,)),), next="bye") for pattern in patterns)
    return StandIns(
        with_nodes(
            centre,
            replace(collect, check=check, value_range=(1, 500) if check == "number" else None),
            Decide(id="who", cases=cases, otherwise="bye"),
        )
    )


@pytest.mark.parametrize(
    ("check", "digits"),
    [
        ("phone", "01012345678"),
        ("phone", "0212345678"),
        ("phone", "00000000"),
        ("birth_date", "900101"),
        ("birth_date", "991399"),
        ("date", "20270228"),
        ("business_number", "1208147521"),
        ("luhn", "4539578763621486"),
        ("number", "499"),
        ("number", "501"),
    ],
)
def test_an_entry_is_as_right_or_wrong_as_before(check: str, digits: str) -> None:
    found = stand_ins(check=check).for_entry(digits, AT, seed="x")
    assert found is not None
    assert found != digits
    assert len(found) == len(digits)
    look = {**CHECKS, "phone": PHONE}[check]
    assert look(found, AT) == look(digits, AT)
    if check == "number":
        assert (1 <= int(found) <= 500) == (1 <= int(digits) <= 500)


def test_a_caller_fits_the_same_patterns() -> None:
    found = stand_ins("0212*", "010*", "*78").for_caller("0212345678", seed="x")
    assert found is not None
    assert found != "0212345678"
    assert found.startswith("0212")
    assert found.endswith("78")


def test_the_same_person_is_the_same_stand_in() -> None:
    some = stand_ins()
    assert some.for_entry("900101", AT, seed="x") == some.for_entry("900101", AT, seed="x")
    assert some.for_caller("01012345678", seed="x") != some.for_caller("01012345678", seed="y")


def test_what_the_flow_itself_names_stays() -> None:
    centre = with_nodes(small_centre(), Choose(id="by_code", on="birth", cases={"900101": "bye"}, otherwise="bye"))
    assert StandIns(centre).for_entry("900101", AT, seed="x") == "900101"


def test_none_is_found_where_there_is_none() -> None:
    """A pattern that only this number fits."""
    assert stand_ins("01012345678").for_caller("01012345678", seed="x") is None
