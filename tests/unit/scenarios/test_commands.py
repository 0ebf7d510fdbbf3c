"""ivr simulate, scenarios and hours as people type them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ivr.cli import run
from ivr.cli.folders import get_centres, load_catalogues
from ivr.dialplan.scenarios import load_scenarios
from ivr.domain.coverage import edges
from ivr.settings import CHECKOUT
from ivr.testing.scenarios import run as play

LINE = str(CHECKOUT / "dialplans" / "120")
EVENING, MORNING = "2026-11-24 20:15", "2026-11-24 10:00"


@pytest.fixture
def ivr(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("IVR_VAR", str(tmp_path / "var"))

    def ivr(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        return code, *capsys.readouterr()

    return ivr


class TestSimulate:
    def test_the_call_in_the_callers_language(self, ivr) -> None:  # type: ignore[no-untyped-def]
        code, out, _ = ivr(
            "simulate", LINE, "--at", EVENING, "--from", "0212345678", "--keys", "2,1,900101,1,1,talk:5,1"
        )
        assert code == 0
        assert out.startswith("120, Tue 2026-11-24 20:15: closed (closed)")
        assert "hears  We are closed now. We open on Wednesday November twenty-fifth at nine A.M." in out
        assert "does   900101" in out
        assert "outcome  message_saved" in out
        assert "call back  due 2026-11-25T09:00:00+09:00" in out
        assert out.count("hears  안녕하십니까") == 1

    def test_words(self, ivr) -> None:  # type: ignore[no-untyped-def]
        _, out, _ = ivr("simulate", LINE, "--at", MORNING, "--keys", "1", "--say", "국민 연금")
        assert "does   say:국민 연금" in out
        assert out.splitlines()[-2].split() == ["hangs", "up"]

    def test_hanging_up_somewhere(self, ivr) -> None:  # type: ignore[no-untyped-def]
        _, out, _ = ivr(
            "simulate", LINE, "--at", MORNING, "--keys", "1,1,1,1", "--hang-up-at", "pension_menu", "--json"
        )
        call = json.loads(out)
        assert (call["outcome"], call["path"][-1]) == ("abandoned", "pension_menu")

    @pytest.mark.parametrize(
        ("agents", "end", "outcome"),
        [
            ("3", "pension_queue", "answered"),
            ("none", "no_agents", "abandoned"),
            ("busy", "pension_timeout", "abandoned"),
        ],
    )
    def test_agents(self, ivr, agents: str, end: str, outcome: str) -> None:  # type: ignore[no-untyped-def]
        _, out, _ = ivr("simulate", LINE, "--at", MORNING, "--keys", "1,1,1", "--agents", agents, "--json")
        call = json.loads(out)
        assert call["outcome"] == outcome
        assert end in call["path"]
        assert call["turns"][0]["heard"][0] == "greeting@ko"

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (("--keys", "1,press"), 2, "'press' is no move of a caller"),
            (("--keys", "1,900101#"), 1, "move 2, 900101#, does not fit: main_menu takes 1 key(s) there"),
            (("--keys", "1,talk:5"), 1, "move 2, talk:5, does not fit: main_menu asks for keys"),
            (("--keys", "1,0,1"), 1, "the call was over in general_queue with moves left that nobody asked for: 1"),
            (("--say", "pizza"), 1, "does not fit: language takes these words: 한국어"),
            (("--hang-up-at", "nowhere"), 2, "120 has no node nowhere"),
            (("--hang-up-at", "question"), 1, "the caller never came to question"),
            (("--agents", "some"), 2, "write a number, none or busy"),
            (("--dial", "119"), 1, "nobody answers 119: there are 120"),
            (("--at", "soon"), 2, "'soon' is no time"),
        ],
    )
    def test_refusals(self, ivr, arguments: tuple[str, ...], code: int, says: str) -> None:  # type: ignore[no-untyped-def]
        found, _, err = ivr("simulate", LINE, "--at", MORNING, *arguments)
        assert found == code
        assert says in err
        assert len(err.splitlines()) == 1


class TestScenarios:
    def test_the_shipped_ones_hold_and_take_every_branch(self, ivr) -> None:  # type: ignore[no-untyped-def]
        code, out, _ = ivr("scenarios", LINE, "--min-coverage", "100")
        assert code == 0, out
        assert "(100.0 %)" in out

    def test_every_branch_is_taken_in_each_language(self) -> None:
        ((folder, centre),) = get_centres(Path(LINE), load_catalogues()).items()
        verdicts = [play(centre, each) for each in load_scenarios(folder, centre)[0]]
        before_choice = {"greeting", "language"}
        spoken = [(each.call.place.language, each) for each in verdicts if each.call is not None and each.call.place]
        for language in centre.languages:
            taken = {edge for chosen, verdict in spoken if chosen == language for edge in verdict.edges}
            missing = [str(edge) for edge in edges(centre) - taken if edge.node not in before_choice]
            assert not missing, (language, missing)

    def test_a_red_one_is_shown_with_its_place_and_the_difference(self, ivr, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        shutil.copytree(LINE, tmp_path / "120")
        for file in (tmp_path / "120" / "scenarios").iterdir():
            file.unlink()
        (tmp_path / "120" / "scenarios" / "mine.yaml").write_text(
            "calls:\n  mine:\n    at: 2026-11-24 10:00\n    does: [1, 1]\n"
            "    must: {path: [greeting, language, opening_hours, after_hours]}\n",
            encoding="utf-8",
        )
        code, out, _ = ivr("scenarios", str(tmp_path / "120"))
        assert code == 1
        assert f"{tmp_path}/120/scenarios/mine.yaml:2: mine FAILS" in out
        for line in ("      opening_hours", "    - after_hours", "    + main_menu"):
            assert line in out.splitlines(), out
        assert "no scenario takes main_menu --2--> injury_menu" in out
        assert "0 of 1 scenarios hold; nodes 6 of" in out
        code, _, err = ivr("scenarios", str(tmp_path / "120"), "--only", "yours")
        assert (code, err) == (2, "ivr: 120 has no scenario with 'yours' in its name\n")

    def test_too_little_coverage_is_red(self, ivr, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        shutil.copytree(LINE, tmp_path / "120")
        (tmp_path / "120" / "scenarios" / "closed.yaml").unlink()
        assert ivr("scenarios", str(tmp_path / "120"))[0] == 0
        code, out, _ = ivr("scenarios", str(tmp_path / "120"), "--min-coverage", "100", "--json")
        (told,) = json.loads(out)
        assert code == 1
        assert ["question", "cancelled"] in told["coverage"]["missing_branches"]


class TestHours:
    def test_a_year_as_a_table(self, ivr) -> None:  # type: ignore[no-untyped-def]
        code, out, _ = ivr("hours", LINE, "--year", "2026")
        assert code == 0
        assert "Feb  coooooccooooocchhhooccoooooc     153 h" in out
        assert "2026-12-31 Thu  09:00-15:00    종무식" in out
        assert "525,600 minutes: every one has exactly one branch" in out

    def test_json_and_picture(self, ivr) -> None:  # type: ignore[no-untyped-def]
        told = json.loads(ivr("hours", LINE, "--year", "2027", "--json")[1])["120"]
        assert (told["minutes"], len(told["days"]), told["faults"]) == (525_600, 365, [])
        assert told["days"][3]["detail"] == "시스템 점검"
        drawn = ElementTree.fromstring(ivr("hours", LINE, "--year", "2027", "--svg")[1])
        titles = [title.text for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
        assert len(titles) == 365
        assert titles[38] == "Mon 2027-02-08: closed 설날 다음날"

    @pytest.mark.parametrize(
        ("at", "english", "korean"),
        [
            ("2026-02-17 10:00", "closed on the public holiday: Korean New Year", "공휴일이라 상담하지 않음: 설날"),
            ("2026-12-31 14:59", "open by the exception: 종무식", "예외 일정으로 상담 중: 종무식"),
            ("2026-11-24 10:00", "open by the hours of the week", "요일별 상담 시간이라 상담 중"),
            ("2026-11-24 18:00", "closed by the hours of the week", "요일별 상담 시간이 아니라 상담하지 않음"),
        ],
    )
    def test_why(self, ivr, at: str, english: str, korean: str) -> None:  # type: ignore[no-untyped-def]
        _, out, _ = ivr("hours", LINE, "--explain", at)
        assert english in out
        assert korean in out

    def test_why_by_order(self, ivr, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        order = {"centre": "120", "order": "close", "by": "kim", "reason": "누수"}
        order |= {"since": "2026-11-24T09:00:00+09:00", "until": "2026-11-24T12:00:00+09:00"}
        (tmp_path / "var").mkdir()
        (tmp_path / "var" / "emergencies.jsonl").write_text(json.dumps(order) + "\n")
        _, out, _ = ivr("hours", LINE, "--explain", MORNING)
        assert "closed by order: 누수" in out
        assert "opens next 2026-11-24 12:00+09:00" in out

    def test_times_that_clocks_skip_or_show_twice(self, ivr, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        shutil.copytree(LINE, tmp_path / "120")
        centre = tmp_path / "120" / "centre.yaml"
        centre.write_text(
            centre.read_text(encoding="utf-8").replace("Asia/Seoul", "America/New_York"), encoding="utf-8"
        )
        assert "does not exist there" in ivr("hours", str(tmp_path / "120"), "--explain", "2026-03-08 02:30")[1]
        twice = ivr("hours", str(tmp_path / "120"), "--explain", "2026-11-01 01:30")[1]
        assert [line for line in twice.splitlines() if line.startswith("120,")] == [
            "120, Sun 2026-11-01 01:30-04:00",
            "120, Sun 2026-11-01 01:30-05:00",
        ]

    def test_refusals(self, ivr) -> None:  # type: ignore[no-untyped-def]
        assert ivr("hours", LINE, "--explain", "noon")[0] == 2
        assert "120 has no calendar night: there are centre" in ivr("hours", LINE, "--calendar", "night")[2]
