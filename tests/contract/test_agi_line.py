"""What is particular to the line over FastAGI: files, commands, and Asterisk's own failures."""

from __future__ import annotations

import asyncio
import os
import wave
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.adapters.agi.codec import Header
from ivr.adapters.agi.line import AgiDesk, arrival_of
from ivr.adapters.agi.playlist import Folders, playlist, tidy
from ivr.adapters.agi.server import AgiConnection
from ivr.domain.actions import Ask, Dial, Keyed, OwnRecording, Record, Recorded, Sound, Speak, Wait
from ivr.engine.agent_desk import AgentDesk
from ivr.engine.ports import Line
from ivr.errors import PeerError
from ivr.testing.centres import small_centre
from ivr.testing.fake_asterisk import FakeAsterisk, write_prompts
from ivr.testing.worlds import PlainVault

from .conftest import ENOUGH, AgiWorld, serving

BIRTH = tuple(Sound(f"digits/{digit}", "ko", personal=True) for digit in "900101")
MORE_THAN_ANY_DISK = 2**62
RECORD = Record(sounds=(Sound("a", "ko"),), language="en", file="small/day/n1-1.0-1.wav", max_s=120, silence_s=5)


async def test_prompts_are_one_file_because_get_data_plays_one(agi: AgiWorld) -> None:
    async def body(line: Line) -> None:
        for _ in range(2):
            await line.perform(Ask(sounds=(Sound("a", "ko"), Sound("b", "en")), max_digits=1, wait_s=5.0))

    await agi.talk(body, "1", "2")
    first, second = agi.asterisk.played
    assert first == second
    assert "&" not in first
    assert len(list(agi.folders.spoken.iterdir())) == 1


async def test_a_prompt_rendered_anew_is_joined_anew(tmp_path: Path) -> None:
    folders = Folders(prompts=tmp_path / "prompts", recordings=tmp_path, spoken=tmp_path / "spoken")
    write_prompts(folders.prompts, ["a", "b"], ["ko"])
    pair = (Sound("a", "ko"), Sound("b", "ko"))
    async with playlist(folders, pair, asyncio.to_thread) as [before]:
        pass
    (folders.prompts / "ko" / "a.ulaw").write_text("[a new one@ko]", encoding="utf-8")
    async with playlist(folders, pair, asyncio.to_thread) as [after]:
        assert Path(f"{after}.ulaw").read_text(encoding="utf-8") == "[a new one@ko][b@ko]"
    assert before != after


async def test_what_a_killed_process_left_half_spoken_is_removed(tmp_path: Path) -> None:
    folders = Folders(prompts=tmp_path, recordings=tmp_path, spoken=tmp_path / "spoken")
    tidy(folders)  # nothing there yet
    folders.spoken.mkdir()
    left, fresh = folders.spoken / "left.ulaw", folders.spoken / "fresh.ulaw"
    for file in (left, fresh):
        file.write_bytes(b"\xff")
    os.utime(left, (0, 0))
    tidy(folders)
    assert [file.name for file in folders.spoken.iterdir()] == [fresh.name]


async def test_personal_values_are_in_no_command_and_leave_no_file(agi: AgiWorld) -> None:
    async def body(line: Line) -> None:
        await line.perform(Ask(sounds=(Sound("birth_date_is", "ko"), *BIRTH), max_digits=1, wait_s=5.0))
        await line.perform(Speak(sounds=BIRTH[:1], interruptible=False))

    seen = await agi.talk(body, "1")
    assert seen.heard[1:7] == [f"digits/{digit}@ko" for digit in "900101"]
    assert not [line for line in agi.asterisk.commands if "digits" in line]
    assert list(agi.folders.spoken.iterdir()) == []


@pytest.mark.parametrize("interruptible", [True, False])
@pytest.mark.parametrize("sounds", [(Sound("gone", "ko"),), (Sound("a", "ko"), Sound("gone", "ko"))])
async def test_a_missing_prompt_is_a_fault_not_a_hang_up(
    agi: AgiWorld, sounds: tuple[Sound, ...], interruptible: bool
) -> None:
    async def body(line: Line) -> None:
        with pytest.raises(OSError, match=r"gone|prompt missing"):
            await line.perform(Speak(sounds=sounds, interruptible=interruptible))
        await line.answer()

    assert (await agi.talk(body)).answered


async def test_a_key_during_the_first_of_several_files_counts(agi: AgiWorld) -> None:
    review = (Sound("a", "ko"), OwnRecording(RECORD.file), Sound("b", "ko"))

    async def body(line: Line) -> None:
        await line.perform(RECORD)
        assert await line.perform(Ask(sounds=review, max_digits=1, wait_s=5.0)) == Keyed("2", terminated=True)
        assert await line.perform(Ask(sounds=review, max_digits=3, wait_s=5.0)) == Keyed("345", terminated=True)
        assert await line.perform(Ask(sounds=review, max_digits=3, wait_s=5.0)) == Keyed("", terminated=True)

    seen = await agi.talk(body, "talk:3", "2", "345", "#", impatient=True)
    assert seen.heard == ["a@ko"] * 4


async def test_the_recording_is_a_wav_in_its_folder_after_a_beep(agi: AgiWorld) -> None:
    async def body(line: Line) -> None:
        await line.perform(RECORD)

    await agi.talk(body, "talk:2")
    assert agi.asterisk.heard == ["a@ko", "beep@en"]
    with wave.open(str(agi.folders.recordings / RECORD.file)) as recording:
        assert recording.getnframes() == 16_000


async def test_a_recording_that_went_on_without_us_is_not_lost(agi: AgiWorld) -> None:
    async def body(line: Line) -> None:
        assert await line.perform(RECORD) == Recorded(7.0)
        assert await line.perform(RECORD) == Recorded(7.0)

    seen = await agi.talk(body, "talk:7")
    assert seen.heard == ["a@ko"]


async def test_a_disk_that_cannot_be_written_is_a_fault(agi: AgiWorld) -> None:
    async def body(line: Line) -> None:
        with pytest.raises(OSError, match=r"disk|directory"):
            await line.perform(RECORD)

    agi.folders.recordings.rmdir()
    agi.folders.recordings.write_text("a file where a folder should be")
    await agi.talk(body, "talk:7")


@pytest.mark.parametrize(("free", "talk_file"), [(True, "120/day/talk.wav"), (False, "")])
async def test_a_talk_is_not_recorded_on_a_disk_that_fills_up(agi: AgiWorld, free: bool, talk_file: str) -> None:
    """The caller is put through all the same."""
    agi.folders = replace(agi.folders, talk_room=0 if free else MORE_THAN_ANY_DISK)
    wait = Wait(
        queue="120-pension",
        timeout_s=60,
        comes_back=False,
        label="",
        language="ko",
        talk_file="120/day/talk.wav",
    )
    await agi.talk(lambda line: line.hand_over(wait))
    assert agi.asterisk.variables["IVR_TALK_FILE"] == talk_file
    assert agi.asterisk.variables["IVR_NEXT"] == "queue"


async def test_a_message_is_not_recorded_on_a_full_disk(agi: AgiWorld) -> None:
    async def body(line: Line) -> None:
        assert await line.perform(RECORD) == Recorded(0.0)

    agi.folders = replace(agi.folders, message_room=MORE_THAN_ANY_DISK)
    seen = await agi.talk(body, "talk:7")
    assert seen.heard == []
    assert not (agi.folders.recordings / RECORD.file).exists()


@pytest.mark.parametrize("label", ["[ko] 연금", "[ko] a (b", "[ko] a [b", 'x",IVR_NEXT=done', "${SHELL(x)}", "a\nb"])
async def test_no_label_breaks_the_hand_over(agi: AgiWorld, label: str) -> None:
    async def body(line: Line) -> None:
        wait = Wait(queue="q", timeout_s=60, label=label, language="ko", talk_file="f.wav", comes_back=True)
        await line.hand_over(wait)

    await agi.talk(body)
    variables = agi.asterisk.variables
    assert variables["IVR_NEXT"] == "queue"
    assert (variables["IVR_QUEUE"], variables["IVR_QUEUE_TIMEOUT"], variables["IVR_TALK_FILE"]) == ("q", "60", "f.wav")
    assert variables["IVR_QUEUE_OPTIONS"] == "c"
    assert not set(variables["CALLERID(name)"]) & set('",$\n{}')


async def test_an_application_that_is_not_loaded_is_said(agi: AgiWorld) -> None:
    async def body(line: Line) -> None:
        with pytest.raises(PeerError, match="CELGenUserEvent"):
            await line.commit("e30", "s1.00000000.AAAA")

    seen = await agi.talk(body, applications=frozenset())
    # No line, no state: who comes next says it again.
    assert seen.state == ""


async def test_the_journal_is_written_before_the_state(agi: AgiWorld) -> None:
    async def body(line: Line) -> None:
        with pytest.raises(PeerError):
            await line.commit("eyJxIjowLCJuIjpbXX0", "s1.00000000.AAAA")

    seen = await agi.talk(body, drop_at=1)
    assert seen.journal == [{"q": 0, "n": []}]
    assert seen.state == ""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"callerid": "01012345678"}, "01012345678"),
        ({"callerid": "+821012345678"}, "+821012345678"),
        ({"callerid": "unknown"}, None),
        ({"callerid": "anonymous"}, None),
        ({"callerid": "1"}, None),
        ({}, None),
    ],
)
def test_the_callers_number(fields: dict[str, str], expected: str | None) -> None:
    header = Header({f"agi_{name}": value for name, value in fields.items()})
    assert arrival_of(header).caller == expected


@pytest.mark.parametrize(
    ("event", "left"),
    [("", ""), ("queue:TIMEOUT", "TIMEOUT"), ("queue:KEY:1", "KEY:1"), ("other:TIMEOUT", "")],
)
def test_arguments(event: str, left: str) -> None:
    """Where the caller comes back from a queue."""
    fields = {"agi_uniqueid": "n1-1.0", "agi_extension": "120", "agi_arg_1": "s1.k.p", "agi_arg_2": event}
    arrival = arrival_of(Header(fields))
    assert (arrival.call, arrival.dnis, arrival.state, arrival.left_queue) == ("n1-1.0", "120", "s1.k.p", left)


@pytest.mark.parametrize(("event", "left"), [("transfer:BUSY", "BUSY"), ("queue:TIMEOUT", ""), ("", "")])
def test_where_the_caller_comes_back_from_a_transfer(event: str, left: str) -> None:
    assert arrival_of(Header({"agi_arg_1": "s1.k.p", "agi_arg_2": event})).left_dial == left


async def test_a_transfer_names_a_target_and_no_number(agi: AgiWorld) -> None:
    async def body(line: Line) -> None:
        await line.hand_over(Dial(target="120.number.office", ring_s=20, label="[ko] 본부(", language="ko"))

    await agi.talk(body)
    shared = ("IVR_NEXT", "IVR_TRANSFER", "IVR_TRANSFER_RING", "CALLERID(name)", "CHANNEL(language)")
    assert [agi.asterisk.variables[name] for name in shared] == [
        "transfer", "120.number.office", "20", "[ko] 본부(", "ko",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("agent", "action", "executed", "heard"),
    [
        (
            "1001",
            "login",
            [
                ("AddQueueMember", "small-pension,PJSIP/1001,0,,김하나,PJSIP/1001"),
                ("AddQueueMember", "small-general,PJSIP/1001,0,,김하나,PJSIP/1001"),
            ],
            ["agent_logged_in@ko"],
        ),
        (
            "2001",
            "login",
            [("AddQueueMember", "small-pension,PJSIP/2001,1,,Lee Two,PJSIP/2001")],
            ["agent_logged_in@en"],
        ),
        ("2001", "logout", [("RemoveQueueMember", "small-pension,PJSIP/2001")], ["agent_logged_out@en"]),
        ("1001", "pause", [("PauseQueueMember", ",PJSIP/1001")], ["agent_paused@ko"]),
        ("1001", "resume", [("UnpauseQueueMember", ",PJSIP/1001")], ["agent_resumed@ko"]),
        ("9999", "login", [], ["agent_unknown@ko", "agent_unknown@en"]),
        ("1001", "dance", [], ["agent_unknown@ko", "agent_unknown@en"]),
    ],
)
async def test_the_agents_desk(
    folders: Folders, agent: str, action: str, executed: list[tuple[str, str]], heard: list[str]
) -> None:
    desk = AgentDesk(PlainVault())

    async def handler(connection: AgiConnection, header: Header) -> None:
        agent_id, code = header.arguments
        await desk.serve(AgiDesk(connection, folders), [small_centre()], agent_id, code)

    async with serving(handler) as server:
        phone = FakeAsterisk(host=server.host, port=server.port, moves=[])
        await asyncio.wait_for(phone.request("agent", agent, action), ENOUGH)
    assert phone.executed == executed
    assert phone.heard == heard
    assert phone.variables["IVR_NEXT"] == "done"
    known = bool(executed)
    assert [note["action"] for entry in phone.journal for note in entry["n"]] == ([action] if known else [])
