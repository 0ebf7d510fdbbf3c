"""YAML to a centre: what becomes of every key, and what a folder of centres gives."""

from __future__ import annotations

import shutil
import time as clock
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from ivr.dialplan.compiler import load_centre, load_centres
from ivr.dialplan.document import MAX_PROBLEMS
from ivr.dialplan.problem import report
from ivr.domain import flow, saying
from ivr.domain.centre import Agent, Centre, Limits, Queue
from ivr.domain.flow import Choice, Playback, Prompt, Retry, Say
from ivr.domain.hours import DayException, Span
from ivr.errors import AuthorError, OperatorError

BASE = Path(__file__).parents[2] / "data" / "wrong" / "_base"
PROMPTS = frozenset(("apology", "a", "b", "c", "hello", "bye", "main", "silence", "wrong_key", "review", "will_call"))
PROMPTS |= {"ask_number", "ask_message"}
KNOWN_PROMPTS = {language: PROMPTS | saying.keys(language) for language in ("ko", "en")}

CENTRE = """
title: {ko: 상담, en: Line}
numbers: 120
timezone: Asia/Seoul
country: KR
languages: [ko, en]
hours: {mon-wed: ["13:00-18:00", "09:00-12:00"], "fri,sat": "00:00-24:00", sun: closed}
holidays: off
exceptions: [{date: 2026-12-24, name: party, hours: "10:00-11:00"}]
calendars:
  night: {hours: {sat-mon: "20:00-24:00"}, holidays: US}
queues:
  pension:
    label: {ko: 연금, en: Pension}
    timeout: 5m
    ring: 20s
    retry: 5s
    wrap_up: 1m
    escalate_after: 40s
    record_talk: Yes
    strategy: fewestcalls
    announce: {every: 1m, position: no, wait: false}
    music: piano
  plain: {label: {ko: 일반, en: Plain}, timeout: 1h}
agents:
  1001: {name: 김 Kim, language: ko, queues: {pension: 1, plain: 2}}
categories: {pension: {ko: 연금, en: Pension}}
limits: {steps: 50, minutes: 20}
retention: {messages: 90d, talk: 30d}
legal_basis: {number: consent}
"""
FLOW = """
start: hello
apology: apology
defaults: {tries: 2, wait: 1.5s, on_invalid: wrong_key, on_silence: [silence], on_failure: bye}
nodes:
  hello: {play: [hello@ko, hello@en], next: which, interruptible: no}
  which:
    choose: caller
    cases: {known: main, unknown: open_now}
  open_now: {hours: night, open: bye, closed: opens}
  opens: {play: [{datetime: opens_at}], next: number}
  main:
    menu: main
    choices:
      1: {next: wait, category: pension, language: en, set: {to: $caller, topic: x}, say: {ko: 연금, en: [a, b]}}
      "#": number
    tries: 5
    wait: 3s
    on_invalid: []
    on_failure: wait
  wait: {queue: pension, keys: {1: number, "*": bye}, no_agents: number, timeout: bye, after: bye}
  number:
    collect: ask_number
    digits: 8 - 11
    check: phone
    personal: yes
    into: number
    read_back: [a, {digits: number}]
    next: record
  record:
    message: ask_message
    review: [{playback: message}, review]
    max: 2m
    silence: 4s
    keep: 7
    again: 8
    cancel: "#"
    data: [number]
    next: back
    cancelled: bye
  back: {callback: number, calendar: night, data: number, next: when}
  when: {play: [will_call, {time: callback_due}], next: bye}
  bye: {end: [], outcome: self_served}
"""


def folder(root: Path, centre: str = CENTRE, nodes: str = FLOW, name: str = "120") -> Path:
    (root / name).mkdir()
    (root / name / "centre.yaml").write_text(centre, encoding="utf-8")
    (root / name / "flow.yaml").write_text(nodes, encoding="utf-8")
    return root / name


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    loaded = load_centre(folder(tmp_path), KNOWN_PROMPTS)
    assert report(loaded.problems) == ""
    return loaded.centres["120"]


def test_the_centre(centre: Centre) -> None:
    assert centre.id == "120"
    assert centre.numbers == ("120",)
    assert centre.languages == ("ko", "en")
    assert centre.title == {"ko": "상담", "en": "Line"}
    assert centre.limits == Limits(steps=50, minutes=20)
    assert (centre.message_retention_days, centre.talk_retention_days) == (90, 30)
    assert centre.agents == {
        "1001": Agent(id="1001", name="김 Kim", language="ko", queues={"pension": 1, "plain": 2}),
    }
    assert centre.queues["pension"] == Queue(
        name="pension",
        asterisk_name="120-pension",
        label={"ko": "연금", "en": "Pension"},
        timeout_s=300,
        strategy="fewestcalls",
        ring_s=20,
        retry_s=5,
        wrap_up_s=60,
        escalate_after_s=40,
        announce_every_s=60,
        announce_position=False,
        announce_wait=False,
        record_talk=True,
        music="piano",
    )
    plain = {"name": "plain", "asterisk_name": "120-plain", "label": {"ko": "일반", "en": "Plain"}, "timeout_s": 3600}
    assert centre.queues["plain"] == Queue(**plain)  # type: ignore[arg-type]  # the defaults are those of the domain


def test_the_calendars(centre: Centre) -> None:
    office, night = centre.calendars["centre"], centre.calendars["night"]
    halves = (Span(time(9), time(12)), Span(time(13), time(18)))
    all_day = (Span(time(0), time(0)),)
    assert office.week == {0: halves, 1: halves, 2: halves, 4: all_day, 5: all_day, 6: ()}
    assert office.exceptions == {date(2026, 12, 24): DayException("party", (Span(time(10), time(11)),))}
    assert office.holiday_name(date(2026, 12, 25)) is None  # off
    assert sorted(night.week) == [0, 5, 6]
    assert night.holiday_name(date(2026, 12, 25)) == "Christmas Day"
    assert night.exceptions == {}


def test_the_nodes(centre: Centre) -> None:
    nodes = centre.flow.nodes
    given = Retry(
        tries=2, wait_s=1.5, on_invalid=(Prompt("wrong_key"),), on_silence=(Prompt("silence"),), on_failure="bye"
    )
    assert (centre.flow.start, centre.flow.apology) == ("hello", (Prompt("apology"),))
    assert nodes == {
        "hello": flow.Play(
            id="hello", prompts=(Prompt("hello", "ko"), Prompt("hello", "en")), next="which", interruptible=False
        ),
        "which": flow.Choose(
            id="which", on="caller", cases={"known": "main", "unknown": "open_now"}, otherwise="open_now"
        ),
        "open_now": flow.Hours(id="open_now", calendar="night", open="bye", closed="opens"),
        "opens": flow.Play(id="opens", prompts=(Say("datetime", "opens_at"),), next="number"),
        "main": flow.Menu(
            id="main",
            prompts=(Prompt("main"),),
            choices={
                "1": Choice(next="wait", category="pension", language="en", assign={"to": "$caller", "topic": "x"}),
                "#": Choice(next="number"),
            },
            retry=Retry(tries=5, wait_s=3, on_invalid=(), on_silence=(Prompt("silence"),), on_failure="wait"),
            phrases={"ko": {"연금": "1"}, "en": {"a": "1", "b": "1"}},
        ),
        "wait": flow.Enqueue(
            id="wait", queue="pension", keys={"1": "number", "*": "bye"}, no_agents="number", timeout="bye", after="bye"
        ),
        "number": flow.Collect(
            id="number",
            prompts=(Prompt("ask_number"),),
            min_digits=8,
            max_digits=11,
            check="phone",
            personal=True,
            read_back=(Prompt("a"), Say("digits", "number")),
            into="number",
            next="record",
            retry=given,
        ),
        "record": flow.Message(
            id="record",
            prompts=(Prompt("ask_message"),),
            review=(Playback(), Prompt("review")),
            max_s=120,
            silence_s=4,
            keep_key="7",
            again_key="8",
            cancel_key="#",
            next="back",
            cancelled="bye",
            retry=given,
            data=("number",),
        ),
        "back": flow.Callback(id="back", number="number", calendar="night", data=("number",), next="when"),
        "when": flow.Play(id="when", prompts=(Prompt("will_call"), Say("time", "callback_due")), next="bye"),
        "bye": flow.End(id="bye", prompts=(), outcome="self_served"),
    }


@pytest.mark.parametrize(
    ("digits", "is_right"),
    [
        ("01012345678", True),
        ("0212345678", True),
        ("15881234", True),
        ("0602345678", False),  # premium rate
        ("0101234", False),
        ("00112024561414", False),  # abroad
        ("119", False),
        ("", False),
    ],
)
def test_the_phone_check_of_korea(centre: Centre, digits: str, is_right: bool) -> None:
    assert centre.checks["phone"](digits, datetime(2026, 11, 23, tzinfo=UTC)) is is_right


def test_the_version_is_of_the_bytes_of_both_files(tmp_path: Path) -> None:
    place = folder(tmp_path)

    def version() -> str:
        return load_centre(place, KNOWN_PROMPTS).centres["120"].version

    first = version()
    assert len(first) == 12
    assert int(first, 16) >= 0
    assert version() == first
    (place / "notes.txt").write_text("not part of it")
    assert version() == first
    (place / "flow.yaml").write_text(FLOW + "# a comment\n")
    second = version()
    (place / "centre.yaml").write_text(CENTRE + "# a comment\n")
    assert len({first, second, version()}) == 3


def test_a_wrong_centre_does_not_take_the_right_ones_with_it(tmp_path: Path) -> None:
    folder(tmp_path)
    folder(tmp_path, nodes="start: [", centre=CENTRE.replace("120", "121").replace("1001", "1002"), name="121")
    (tmp_path / ".git").mkdir()
    (tmp_path / "empty").mkdir()
    loaded = load_centres(tmp_path, KNOWN_PROMPTS)
    assert list(loaded.centres) == ["120"]
    assert [problem.kind for problem in loaded.problems] == ["syntax"]
    with pytest.raises(AuthorError, match=r"flow.yaml:\d+:\d+: this is not valid YAML"):
        loaded.need_all()


def test_two_centres_side_by_side(tmp_path: Path) -> None:
    folder(tmp_path)
    folder(tmp_path, centre=CENTRE.replace("120", "121").replace("1001", "1002"), name="121")
    loaded = load_centres(tmp_path, KNOWN_PROMPTS)
    assert loaded.need_all().keys() == {"120", "121"}
    assert loaded.centres["121"].queues["pension"].asterisk_name == "121-pension"


def test_mistakes_in_both_files_are_told_at_once_and_in_order(tmp_path: Path) -> None:
    wrong_centre = CENTRE.replace("timeout: 5m", "timeout: 5").replace("minutes: 20", "minutes: many")
    wrong_flow = (
        FLOW.replace("next: which", "nxt: which").replace("max: 2m", "max: 2").replace("after: bye", "after: by")
    )
    loaded = load_centre(folder(tmp_path, wrong_centre, wrong_flow), KNOWN_PROMPTS)
    told = [(Path(problem.file).name, problem.kind) for problem in loaded.problems]
    assert told == [
        ("centre.yaml", "bad_duration"),
        ("centre.yaml", "not_a_number"),
        ("flow.yaml", "missing_key"),
        ("flow.yaml", "unknown_key"),
        ("flow.yaml", "unknown_node"),
        ("flow.yaml", "bad_duration"),
    ]
    assert loaded.centres == {}


def test_words_for_values_are_needed_only_where_values_are_spoken(tmp_path: Path) -> None:
    place = folder(tmp_path)
    without = {"ko": PROMPTS | saying.keys("ko"), "en": PROMPTS}
    (problem,) = load_centre(place, without).problems
    assert problem.kind == "missing_saying"
    assert problem.details["language"] == "en"
    assert problem.details["count"] == str(len(saying.keys("en")))
    silent = (
        FLOW.replace("[{datetime: opens_at}]", "a")
        .replace(", {digits: number}", "")
        .replace(", {time: callback_due}", "")
    )
    (place / "flow.yaml").write_text(silent, encoding="utf-8")
    assert load_centre(place, without).problems == ()


def test_no_folder_and_no_centre_are_the_operators_matter(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="there is no folder"):
        load_centres(tmp_path / "nowhere", KNOWN_PROMPTS)
    with pytest.raises(OperatorError, match="there is no folder"):
        load_centre(tmp_path / "nowhere", KNOWN_PROMPTS)
    with pytest.raises(OperatorError, match="no centre in"):
        load_centres(tmp_path, KNOWN_PROMPTS)


def test_a_flow_of_a_thousand_nodes_loads_soon(tmp_path: Path) -> None:
    head = FLOW[: FLOW.index("nodes:")].replace("start: hello", "start: n0")
    menus = "".join(
        f"  n{index}:\n    menu: main\n    on_failure: n{index + 1}\n    choices:\n"
        f"      1: n{index + 1}\n      2: {{next: n{index + 1}, category: pension}}\n      9: n{index}\n"
        for index in range(999)
    )
    place = folder(
        tmp_path,
        nodes=f"{head}nodes:\n{menus}  n999: {{end: bye}}\n  bye: {{end: bye}}\n".replace("on_failure: bye", ""),
    )
    started = clock.perf_counter()
    loaded = load_centre(place, KNOWN_PROMPTS)
    took = clock.perf_counter() - started
    assert [problem.kind for problem in loaded.problems] == ["unused_legal_basis", "menu_too_deep", "unreachable_node"]
    assert took < 5, f"{took:.2f} s"  # 0.3 s on the machine it was measured on; the margin is for a busy one


def test_a_file_full_of_mistakes_is_given_up_soon(tmp_path: Path) -> None:
    wrong = "".join(f"  n{index}: {{play: a, next: x{index}}}\n" for index in range(3000))
    place = folder(tmp_path, nodes=f"start: n0\napology: a\nnodes:\n{wrong}")
    loaded = load_centre(place, KNOWN_PROMPTS)
    assert len(loaded.problems) == MAX_PROBLEMS + 1
    assert loaded.problems[0].kind == "too_many_problems"
    assert {problem.kind for problem in loaded.problems[1:]} == {"unknown_node"}


def test_the_base_of_the_wrong_centres_compiles(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "120")
    assert load_centre(tmp_path / "120", KNOWN_PROMPTS).need_all().keys() == {"120"}
