"""A slice of `make fuzz`: tens of thousands of cases for everything that reads what others write."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from ivr.adapters.agi.codec import COMMAND_LIMIT, Decoder, ProtocolError, command
from ivr.adapters.ami.framing import BANNER, LINE_LIMIT, Framer
from ivr.adapters.ami.message import Message
from ivr.adapters.ami.switch import presence_of
from ivr.adapters.vault import KeyVault
from ivr.cli import run as ivr
from ivr.domain.events import USER_EVENT
from ivr.domain.ledger import derive
from ivr.engine.wire import notes_to_journal
from ivr.errors import OperatorError
from ivr.fuzz import run as fuzzing
from ivr.fuzz.kind import Kind, hold
from ivr.fuzz.protocols import NOW, taken_apart
from ivr.fuzz.records import calls
from ivr.fuzz.source import Source

CASES = 30_000
SEED = 1 if os.environ.get("CI") else random.randrange(10**6)
"""CI looks at the same cases each time; a finding names its seed."""


@pytest.mark.parametrize("kind", fuzzing.KINDS, ids=lambda kind: kind.name)
def test_nothing_breaks(kind: Kind) -> None:
    tally = fuzzing.run_block(SEED, kind.name, 0, fuzzing.shares(CASES)[kind.name])
    assert tally.findings == [], f"seed {SEED}"


def _raises(source: Source) -> None:
    hold(source.whole(0, 99) != 7, "planted")


def test_a_planted_fault_is_found_and_its_case_repeats(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = Kind(name="planted", case=_raises, share=1)
    monkeypatch.setattr(fuzzing, "KINDS", (planted,))
    tally = fuzzing.run_block(3, "planted", 0, 1000)
    assert tally.findings
    assert {finding.what for finding in tally.findings} == {"BrokenError: planted"}
    first = tally.findings[0]
    assert fuzzing.play(planted, 3, first.number) == "BrokenError: planted"
    with pytest.raises(AssertionError, match="planted"):
        ivr(["fuzz", "--seed", "3", "--kind", "planted", "--case", str(first.number)])
    holds = next(number for number in range(99) if fuzzing.play(planted, 3, number) is None)
    assert ivr(["fuzz", "--seed", "3", "--kind", "planted", "--case", str(holds)]) == 0
    assert capsys.readouterr().out == "holds\n"


def test_a_case_that_hangs_or_takes_much_memory_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = Kind(name="heavy", case=lambda _: hold(bool(bytearray(10_000)), ""), share=1)
    monkeypatch.setattr(fuzzing, "KINDS", (heavy,))
    monkeypatch.setattr(fuzzing, "HEAVY_BYTES", 5_000)
    assert "MiB" in fuzzing.run_block(1, "heavy", 0, 1).findings[0].what
    monkeypatch.setattr(fuzzing, "SLOW_S", -1.0)
    assert "of the processor" in fuzzing.run_block(1, "heavy", 1, 2).findings[0].what


def test_the_kinds_share_all_cases() -> None:
    assert sum(fuzzing.shares(1_000_000).values()) >= 1_000_000


@pytest.mark.parametrize(
    "arguments", [["--kind", "x", "--case", "1"], ["--kind", "yaml"], ["--case", "1"], ["--cases", "-1"]]
)
def test_a_wrong_command_line_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ivr(["fuzz", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


# --- What the fuzz found, each by itself ---


def test_a_command_that_asterisk_would_read_as_two_is_refused() -> None:
    """Asterisk 22.10.1 reads 8191 bytes at once; what follows of a long value would be a command."""
    fits = COMMAND_LIMIT - len(b'NOOP ""\n')
    assert len(command("NOOP", "x" * fits)) == COMMAND_LIMIT
    with pytest.raises(ValueError, match="longer than"):
        command("NOOP", "x" * (fits + 1))
    with pytest.raises(ValueError, match="longer than"):
        command("NOOP", "가" * (fits // 3 + 1))


def test_whether_an_agi_line_is_too_long_does_not_depend_on_how_it_arrives() -> None:
    """A line of Korean was measured in characters when it came at once, and in bytes when it came in pieces."""
    line = b"200 result=1 " + "가".encode() * 6000 + b"\n"
    for chunks in ([line], [line[:17_000], line[17_000:]]):
        decoder = Decoder()
        list(decoder.feed(b"agi_network: yes\n\n"))
        with pytest.raises(ProtocolError, match="too long"):
            [list(decoder.feed(chunk)) for chunk in chunks]


def test_whether_an_ami_line_is_too_long_does_not_depend_on_how_it_arrives() -> None:
    data = BANNER + b"x\r\nA:" + b"x" * (LINE_LIMIT - 2) + b"\r\n\r\n"
    for cut in (len(data) - 3, len(data)):
        framer = Framer()
        packets = [packet for chunk in (data[:cut], data[cut:]) for packet in framer.feed(chunk)]
        assert [len(packet["A"][0]) for packet in packets] == [LINE_LIMIT - 2]


def test_a_wait_beyond_the_calendar_is_no_wait() -> None:
    item = Message.of({"Event": ["QueueEntry"], "Queue": ["q"], "Uniqueid": ["u"], "Wait": ["99999999999999"]})
    assert presence_of([item], [], [], NOW).queues["q"].waiting == {"u": NOW}


def test_a_token_of_another_key_is_not_repeated_in_the_message() -> None:
    vault = KeyVault(bytes(32))
    with pytest.raises(OperatorError) as caught:
        vault.unseal("s1.\x1b[2J\x07 call 0101234567.AAAA")
    assert "0101234567" not in str(caught.value)


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_note_at_the_end_of_the_calendar_is_a_fault_of_the_call(instant: str) -> None:
    """It has no UTC: no database takes it, and ingest would have tried for ever."""
    note = {"k": "callback", "due": instant, "origin": "queue", "number": "s", "number_key": "k"}
    payload = notes_to_journal(0, [note], KeyVault(bytes(32)))
    first = calls()[0][0]
    record = derive([replace(first, user_type=USER_EVENT, extra={"extra": payload})], lambda _: None)
    assert record.callbacks == ()
    assert len(record.faults) == 1


def test_words_are_taken_apart_as_asterisk_does() -> None:
    assert taken_apart(r'SET VARIABLE "a \"b\" \\" ""') == ["SET", "VARIABLE", 'a "b" \\', ""]
