"""After hours: twenty callers at once, and callers and peers who do not behave, all at the same time. Each has a
defined ending, and nothing is lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from recordings import likeness, loudness, samples_of, samples_of_mu_law
from records import Records
from side_by_side import Played, names, play
from system import CLOSED, RunningSystem

from ivr.testing.caller import Press, Talk
from ivr.testing.sipp_xml import AwaitBye, Bye, CallerScript, Keys, Pause, ScriptedCall, Voice
from ivr.testing.timeline import plan
from ivr.testing.voice import spoken_rhythm

TO_QUESTION = (Press("2"), Press("1"), Press("900101"), Press("1"), Press("1"))
"""After hours, in English: category, birth date, read-back, own number."""
SPOKEN_S = 4.0
CROWD = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """The system after hours, and what a scenario looks at it with."""

    system: RunningSystem
    records: Records


def number_of(system: RunningSystem) -> str:
    return system.centre.numbers[0]


async def hang_up_while_speaking_keeps_what_was_said(stage: Stage) -> None:
    """The recording of a caller who never pressed # holds what they said."""
    system, records = stage.system, stage.records
    caller = system.new_caller()
    voice = system.folder / "voice.ulaw"
    voice.write_bytes(spoken_rhythm(seed=1))
    timeline = plan(
        system.centre,
        (*TO_QUESTION, Talk(SPOKEN_S)),
        at=CLOSED,
        seconds=system.prompts.seconds,
        caller=caller,
    )
    moves = timeline.script(voice=voice).moves
    cut = next(place for place, move in enumerate(moves) if isinstance(move, Voice)) + 1
    await system.call(CallerScript(dial=timeline.dial, moves=(*moves[:cut], Bye()), voice=voice), caller)

    call = await records.ended_call(caller)
    assert (call["outcome"], call["ended_by"], call["category"]) == ("message_saved", "caller", "pension")
    (message,) = await records.messages(call["id"])
    assert message["state"] == "kept"
    assert message["seconds"] == pytest.approx(SPOKEN_S, abs=1.0)
    heard = samples_of(system.recording(message["file"]))
    said = samples_of_mu_law(voice.read_bytes())[: round(SPOKEN_S * 8000)]
    assert loudness(heard) == pytest.approx(loudness(said), rel=0.4)
    assert likeness(heard, said) > 0.8, "the recording is not what the caller said"
    other = samples_of_mu_law(spoken_rhythm(seed=2))[: round(SPOKEN_S * 8000)]
    assert likeness(heard, other) < 0.8, "the comparison would take anything"


async def nothing_said_again_and_again(stage: Stage) -> None:
    """A caller who presses # at every tone has no message; the flow gives up as it says for too many tries."""
    system, records = stage.system, stage.records
    caller = system.new_caller()
    timeline = plan(system.centre, TO_QUESTION, at=CLOSED, seconds=system.prompts.seconds, caller=caller)
    moves = [move for move in timeline.script().moves if not isinstance(move, Bye)]
    await system.call(
        CallerScript(dial=timeline.dial, moves=(*moves, Keys("#" * 60), AwaitBye(30)), may_be_cut_off=True), caller
    )
    call = await records.ended_call(caller)
    steps = await records.steps(call["id"])
    assert ("question", "", "no_input", "too_many_tries") in steps
    assert steps[-1] == ("goodbye", "", "done", None)
    assert {message["state"] for message in await records.messages(call["id"])} <= {"discarded", "empty"}


async def callers_who_never_say_a_word_or_press_for_ever(stage: Stage) -> None:
    """At once: no RTP at all, keys without end that mean nothing, and the same menu again for ever."""
    system, records = stage.system, stage.records
    mute, storm, forever = (system.new_caller() for _ in range(3))
    dial = number_of(system)
    await system.call_all(
        [
            ScriptedCall(caller=mute, script=CallerScript(dial=dial, moves=(AwaitBye(110),), sends_audio=False)),
            ScriptedCall(
                caller=storm,
                script=CallerScript(dial=dial, moves=(Keys("*758*#" * 20), Bye()), may_be_cut_off=True),
            ),
            ScriptedCall(
                caller=forever,
                script=CallerScript(
                    dial=dial,
                    moves=(Pause(1.5), Keys("2"), Keys("9" * 200), AwaitBye(20)),
                    may_be_cut_off=True,
                ),
            ),
        ]
    )
    silent, stormy, endless = await records.ended_calls([mute, storm, forever])
    assert (silent["outcome"], silent["ended_by"]) == ("failed", "system"), "a dead line is hung up"
    assert stormy["outcome"] in ("abandoned", "self_served")
    assert (endless["outcome"], endless["end_reason"]) == ("failed", "limit")
    assert len(await records.steps(endless["id"])) <= 2 * system.centre.limits.steps


async def number_that_nobody_answers(stage: Stage) -> None:
    system, records = stage.system, stage.records
    caller = system.new_caller()
    await system.call(CallerScript(dial="119", moves=(AwaitBye(40),)), caller)
    call = await records.ended_call(caller)
    assert (call["outcome"], call["end_reason"], call["centre"]) == ("blocked", "not_in_service", None)


async def nonsense_on_the_agi_port_disturbs_nobody(stage: Stage) -> None:
    system, records = stage.system, stage.records
    callers = [system.new_caller() for _ in range(5)]
    timelines = [
        plan(system.centre, TO_QUESTION, at=CLOSED, seconds=system.prompts.seconds, caller=caller) for caller in callers
    ]
    calls = [ScriptedCall(script=each.script(), caller=each.caller) for each in timelines]
    address = (system.installation.settings.bind, system.installation.settings.agi_port)
    mute = [socket.create_connection(address) for _ in range(50)]  # opened, and never a word
    try:
        async with system.calling(calls):
            for nonsense in (
                b"",
                b"\n\n",
                b"GET / HTTP/1.1\r\n\r\n",
                b"\x00\xff" * 5000,
                b"agi_network: yes\n",
                b"a" * 200_000,
            ):
                for _ in range(20):
                    await _say(address, nonsense)
    finally:
        for connection in mute:
            connection.close()
    ended = await records.ended_calls(callers)
    assert [await records.steps(call["id"]) for call in ended] == [each.steps for each in timelines]


async def twenty_callers_at_once(stage: Stage) -> None:
    system, records = stage.system, stage.records
    voice = system.prompts.path("en", "greeting")
    timelines = [
        plan(
            system.centre,
            (*TO_QUESTION, Talk(3), Press("1")),
            at=CLOSED,
            seconds=system.prompts.seconds,
            caller=system.new_caller(),
        )
        for _ in range(CROWD)
    ]
    calls = [ScriptedCall(script=each.script(voice=voice), caller=each.caller) for each in timelines]
    await system.call_all(calls, per_second=20)
    ended = await records.ended_calls([each.caller or "" for each in timelines])
    assert {call["outcome"] for call in ended} == {"message_saved"}
    assert [await records.steps(call["id"]) for call in ended] == [each.steps for each in timelines]
    for call in ended:
        (message,) = await records.messages(call["id"])
        assert (message["state"], message["language"], message["category"]) == ("kept", "en", "pension")
        assert message["seconds"] == pytest.approx(3.3, abs=1.0)
        (callback,) = await records.callbacks(call["id"])
        assert callback["due"].astimezone(CLOSED.tzinfo).isoformat() == "2026-11-24T09:00:00+09:00"


async def _say(address: tuple[str, int], nonsense: bytes) -> None:
    """Connects, sends and goes; being thrown out is fine."""
    _, writer = await asyncio.open_connection(*address)
    try:
        writer.write(nonsense)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    except ConnectionError:
        pass


SCENARIOS = (
    hang_up_while_speaking_keeps_what_was_said,
    nothing_said_again_and_again,
    callers_who_never_say_a_word_or_press_for_ever,
    number_that_nobody_answers,
    nonsense_on_the_agi_port_disturbs_nobody,
    twenty_callers_at_once,
)


@asynccontextmanager
async def stage_of(system: RunningSystem) -> AsyncIterator[Stage]:
    async with Records.open(system) as records:
        yield Stage(system, records)


@pytest.fixture(scope="module")
def played(system: RunningSystem) -> Played:
    system.set_clock(CLOSED)
    return play(*((stage_of(system), (scenario,)) for scenario in SCENARIOS))


@pytest.mark.timeout(200)
@pytest.mark.parametrize("scenario", names(SCENARIOS))
def test_after_hours(played: Played, scenario: str) -> None:
    if (error := played[scenario]) is not None:
        raise error
