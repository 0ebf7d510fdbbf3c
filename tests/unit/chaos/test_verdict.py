"""The comparison of the three books finds each call that does not fit, and only those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ivr.chaos.verdict import Placed, Seen, Verdict, compare

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
COUNT = 6


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def caller(number: int) -> Placed:
    """Calls ten seconds after the one before."""
    return Placed(
        number=f"0212{number:06}",
        key=f"key{number}",
        habit="served",
        dial="130",
        at=later(10 * number),
        outcomes=frozenset({"answered"}),
        language="ko",
        is_finished=True,
    )


def call(number: int) -> Seen:
    """Of the caller with this number: nine seconds long."""
    entered, ended = later(10 * number + 0.2), later(10 * number + 9)
    return Seen(
        id=f"n1-{number}.0",
        key=f"key{number}",
        dnis="130",
        entered_at=entered,
        ended_at=ended,
        outcome="answered",
        end_reason="finished",
        language="ko",
        legs=frozenset({(f"n1-{number}.0", "caller", "ended", ended), (f"n1-{number}.1", "agent", "ended", ended)}),
        steps=5,
        messages=0,
        requests=0,
        faults=(),
    )


CALLERS = [caller(number) for number in range(COUNT)]
CALLS = [call(number) for number in range(COUNT)]


def judged(
    placed: Sequence[Placed] = CALLERS,
    journal: Sequence[Seen] = CALLS,
    postgres: Sequence[Seen] = CALLS,
    kills: Sequence[datetime] = (),
) -> Verdict:
    return compare(placed, journal, postgres, asterisk_kills=kills)


def changed(calls: Sequence[Seen], number: int, **values: object) -> list[Seen]:
    return [replace(each, **values) if each.id == f"n1-{number}.0" else each for each in calls]  # type: ignore[arg-type]


def without(number: int) -> list[Seen]:
    return [each for each in CALLS if each.id != f"n1-{number}.0"]


def kinds(verdict: Verdict) -> list[str]:
    return [problem.kind for problem in verdict.problems]


def test_books_that_agree_are_accepted() -> None:
    verdict = judged()
    assert verdict.problems == ()
    assert (verdict.placed, verdict.in_journal, verdict.in_postgres, verdict.ended) == (COUNT,) * 4
    assert verdict.outcomes == {("served", "answered"): COUNT}


CUT_LEGS = frozenset({("n1-3.0", "caller", "ended", later(39))})
OPEN_LEGS = frozenset({("n1-3.0", "caller", "up", None)})
PLANTED: dict[str, tuple[str, Callable[[], Verdict]]] = {
    "in no book": ("lost", lambda: judged(journal=without(3), postgres=without(3))),
    "not in Postgres": ("lost", lambda: judged(postgres=without(3))),
    "not in the journal": ("lost", lambda: judged(journal=without(3))),
    "twice": (
        "doubled",
        lambda: judged(
            journal=[*CALLS, replace(call(3), id="n1-99.0")], postgres=[*CALLS, replace(call(3), id="n1-99.0")]
        ),
    ),
    "never ended": (
        "open",
        lambda: judged(
            journal=changed(CALLS, 3, ended_at=None, outcome=None),
            postgres=changed(CALLS, 3, ended_at=None, outcome=None),
        ),
    ),
    "a leg never ended": (
        "open",
        lambda: judged(journal=changed(CALLS, 3, legs=OPEN_LEGS), postgres=changed(CALLS, 3, legs=OPEN_LEGS)),
    ),
    "ended in Postgres only": ("differs", lambda: judged(journal=changed(CALLS, 3, ended_at=None))),
    "hung up by us": (
        "dropped",
        lambda: judged(
            journal=changed(CALLS, 3, outcome="failed", end_reason=None),
            postgres=changed(CALLS, 3, outcome="failed", end_reason=None),
        ),
    ),
    "ended in an apology": (
        "dropped",
        lambda: judged(journal=changed(CALLS, 3, end_reason="fault"), postgres=changed(CALLS, 3, end_reason="fault")),
    ),
    "went on in another language": (
        "dropped",
        lambda: judged(journal=changed(CALLS, 3, language="en"), postgres=changed(CALLS, 3, language="en")),
    ),
    "a leg is missing": ("differs", lambda: judged(postgres=changed(CALLS, 3, legs=CUT_LEGS))),
    "a step is doubled": ("differs", lambda: judged(postgres=changed(CALLS, 3, steps=6))),
    "a callback is doubled": ("differs", lambda: judged(postgres=changed(CALLS, 3, requests=1))),
    "another outcome": ("differs", lambda: judged(journal=changed(CALLS, 3, outcome="abandoned"))),
    "not understood": (
        "fault",
        lambda: judged(journal=changed(CALLS, 3, faults=("x",)), postgres=changed(CALLS, 3, faults=("x",))),
    ),
    "nobody's": (
        "stranger",
        lambda: judged(
            journal=[*CALLS, replace(call(3), id="n1-99.0", key="other")],
            postgres=[*CALLS, replace(call(3), id="n1-99.0", key="other")],
        ),
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_discrepancy_is_found(what: str) -> None:
    kind, plant = PLANTED[what]
    verdict = plant()
    assert kind in kinds(verdict)
    if kind != "stranger":
        named = {problem.caller for problem in verdict.problems if problem.kind != "stranger"}
        assert named == {"0212000003 (served)"}


def test_a_script_that_sipp_did_not_finish_is_named() -> None:
    verdict = judged(placed=[replace(each, is_finished=each.key != "key3") for each in CALLERS])
    assert verdict.unfinished == ("0212000003 (served) n1-3.0",)
    assert verdict.problems == ()


def test_a_problem_says_where_to_look() -> None:
    (problem,) = judged(postgres=changed(CALLS, 3, steps=6)).problems
    assert "ivr call n1-3.0" in str(problem)
    assert "steps: 5 / 6" in str(problem)


def test_a_call_that_nobody_took_belongs_to_whoever_dialled_that_number_then() -> None:
    """Its caller hung up before there was a controller: no name in the journal, but one call."""
    nameless = changed(CALLS, 3, key=None, language=None, outcome="abandoned", end_reason=None)
    placed = [replace(each, outcomes=frozenset({"answered", "abandoned"}), language=None) for each in CALLERS]
    verdict = judged(placed=placed, journal=nameless, postgres=nameless)
    assert verdict.problems == ()
    assert verdict.nameless == 1


def test_a_call_without_a_name_at_another_time_is_nobodys() -> None:
    nameless = changed(CALLS, 3, key=None, entered_at=later(300))
    assert sorted(kinds(judged(journal=nameless, postgres=nameless))) == ["lost", "stranger"]


KILL = later(35)


def test_a_call_in_which_asterisk_was_killed_may_end_anyhow_but_must_end() -> None:
    cut = changed(CALLS, 3, outcome="failed", end_reason=None, language=None)
    placed = [replace(each, is_finished=each.key != "key3") for each in CALLERS]
    verdict = judged(placed=placed, journal=cut, postgres=cut, kills=[KILL])
    assert verdict.problems == ()
    assert verdict.cut_off == 1
    never = changed(cut, 3, ended_at=None, outcome=None)
    assert kinds(judged(placed=placed, journal=never, postgres=never, kills=[KILL])) == ["open"]


def test_an_invite_that_was_sent_again_to_the_next_asterisk_is_a_second_call() -> None:
    again = replace(call(3), id="n1-99.0", entered_at=later(36), ended_at=later(45))
    both = [*CALLS, again]
    assert judged(journal=both, postgres=both, kills=[KILL]).problems == ()
    thrice = [*both, replace(again, id="n1-98.0")]
    assert kinds(judged(journal=thrice, postgres=thrice, kills=[KILL])) == ["doubled"]


def test_an_invite_that_came_late_because_asterisk_was_away_is_its_callers_call() -> None:
    late = changed(CALLS, 3, key=None, entered_at=later(45), ended_at=later(50), outcome="answered")
    assert judged(journal=late, postgres=late, kills=[KILL]).problems == ()
    assert sorted(kinds(judged(journal=late, postgres=late))) == ["lost", "stranger"]


def test_a_call_without_a_name_that_asterisk_died_in_may_be_a_first_try() -> None:
    tried = replace(call(3), id="n1-99.0", key=None, entered_at=later(34), ended_at=later(36), outcome="failed")
    both = [tried, *CALLS]
    assert judged(journal=both, postgres=both, kills=[KILL]).problems == ()
    assert kinds(judged(journal=both, postgres=both)) == ["stranger"]


def test_who_was_never_answered_by_a_killed_asterisk_is_named() -> None:
    verdict = judged(journal=without(3), postgres=without(3), kills=[KILL])
    assert verdict.problems == ()
    assert verdict.unanswered == ("0212000003 (served)",)


def test_soon_after_a_kill_of_asterisk_an_outcome_may_be_another_callers_doing() -> None:
    other = changed(CALLS, 4, outcome="self_served")
    assert judged(journal=other, postgres=other, kills=[KILL]).problems == ()
    assert kinds(judged(journal=other, postgres=other, kills=[later(-60)])) == ["dropped"]


def test_long_after_a_kill_a_missing_call_is_lost() -> None:
    assert kinds(judged(journal=without(3), postgres=without(3), kills=[later(-60)])) == ["lost"]


def test_a_message_may_have_turned_out_silent() -> None:
    """Then there is no callback either: the record is one of the two, not a mixture."""
    silent = replace(call(3), outcome="abandoned")
    said = replace(call(3), outcome="message_saved", requests=1, if_silent=silent)
    placed = [replace(caller(3), outcomes=frozenset({"message_saved", "abandoned"}))]
    for stored in (silent, replace(said, if_silent=None)):
        assert compare(placed, [said], [stored], asterisk_kills=[]).problems == ()
    mixed = replace(silent, requests=1)
    assert kinds(compare(placed, [said], [mixed], asterisk_kills=[])) == ["differs"]
