"""What people see when they type something: one line and exit code 2 for a wrong command, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr.cli import run

REPOSITORY = Path(__file__).resolve().parents[3]
WRONG = REPOSITORY / "tests" / "data" / "wrong"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "no such command 'frobnicate'"),
        (["statsu"], "Did you mean 'status'?"),
        (["status", "--colour"], "--colour"),
        (["simulate", "--keys", "1,abc"], "'abc' is no move"),
        (["simulate", "--at", "tomorrow"], "'tomorrow' is no time"),
        (["calls", "--limit", "many"], "--limit"),
        (["calls", "--personal"], "--personal needs --why"),
        (["clock", "--at", "2026-11-23 10:00", "--real"], "exclude each other"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert said in output.err
    assert output.err.count("\n") == 1


def test_a_setting_that_is_wrong_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IVR_SIP_PORT", "http")
    assert run(["status"]) == 2
    assert capsys.readouterr().err.startswith("ivr: IVR_SIP_PORT: ")


def test_nothing_runs_and_nothing_ever_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IVR_VAR", str(tmp_path / "var"))
    assert run(["calls"]) == 2
    assert "nothing was ever started" in capsys.readouterr().err
    assert not (tmp_path / "var").exists()


def test_check_prints_every_problem_and_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    case = WRONG / "unknown_node"
    assert run(["check", str(case)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed
    assert all(line.count(":") >= 3 for line in printed)


def test_check_speaks_korean(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(WRONG / "unknown_node"), "--lang", "ko"]) == 1
    assert any("가" <= character <= "힣" for character in capsys.readouterr().out)


def test_check_of_the_shipped_dialplans_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(REPOSITORY / "dialplans")]) == 0
    assert capsys.readouterr().out.startswith("120: ")


def test_check_of_one_centre_by_its_own_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(REPOSITORY / "dialplans" / "120")]) == 0
    assert capsys.readouterr().out.startswith("120: ")


def test_a_folder_without_a_centre_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"ivr: no centre in {tmp_path}")


def test_simulate_plays_a_call_without_anything_running(capsys: pytest.CaptureFixture[str]) -> None:
    keys = "1,2,900101,1,1,talk:5,1"
    arguments = ["simulate", "--at", "2026-11-23 20:00", "--from", "01000000000", "--keys", keys, "--json"]
    assert run(arguments) == 0
    played = json.loads(capsys.readouterr().out)
    assert played["outcome"] == "message_saved"
    callback = next(note for note in played["notes"] if note["k"] == "callback")
    assert callback["due"] == "2026-11-24T09:00:00+09:00"
    assert callback["category"] == "work_injury"


@pytest.mark.parametrize("command", ["up", "status", "clock", "check", "simulate", "prompts", "calls", "demo"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out
