"""Scripts as SIPp scenarios: well-formed, every file there, keys as RFC 4733 events."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.testing.phones import Answer, Behaviour, Decline, Ignore, Transfer, phone_scenario
from ivr.testing.sipp_xml import (
    KEYS,
    AwaitBye,
    Bye,
    CallerScript,
    Keys,
    Pause,
    ScriptedCall,
    SipMove,
    Voice,
    caller_scenario,
    callers_file,
    key_packets,
    media_files,
)

VOICE = Path("voice.ulaw")
SECONDS = st.floats(0, 60)
MOVES = st.one_of(SECONDS.map(Pause), SECONDS.map(Voice), st.text(KEYS, min_size=1, max_size=12).map(Keys))
SCRIPTS = st.builds(
    CallerScript,
    dial=st.just("120"),
    moves=st.tuples(st.lists(MOVES, max_size=8), st.one_of(st.just(Bye()), SECONDS.map(AwaitBye))).map(
        lambda parts: (*parts[0], parts[1])
    ),
    voice=st.just(VOICE),
    sends_audio=st.booleans(),
    may_be_cut_off=st.booleans(),
)


@given(st.lists(SCRIPTS, min_size=1, max_size=4))
def test_a_scenario_is_well_formed_and_complete(scripts: list[CallerScript]) -> None:
    scenario = ElementTree.fromstring(caller_scenario(scripts))
    streamed = {node.get("rtp_stream", "").split(",")[0] for node in scenario.iter("exec")} - {"pause"}
    assert streamed <= media_files(scripts).keys()
    labels = [node.get("id") for node in scenario.iter("label")]
    assert len(labels) == len(set(labels))
    jumps = {node.get(name) for node in scenario.iter() for name in ("next", "ontimeout")} - {None}
    assert jumps <= set(labels)


@pytest.mark.parametrize("behaviour", [Answer(), Answer(talk_s=2), Decline(), Ignore(), Transfer()], ids=repr)
def test_a_phone_is_well_formed(behaviour: Behaviour) -> None:
    scenario = ElementTree.fromstring(phone_scenario(behaviour))
    labels = [node.get("id") for node in scenario.iter("label")]
    assert len(labels) == len(set(labels))
    jumps = {node.get(name) for node in scenario.iter() for name in ("next", "ontimeout")} - {None}
    assert jumps <= set(labels)


@given(st.text(KEYS, max_size=12))
def test_each_key_begins_goes_on_and_ends_once(keys: str) -> None:
    packets = [key_packets(keys)[start : start + 50] for start in range(0, 400 * len(keys), 50)]
    events = [struct.unpack("!BBH", packet[:4]) for packet in packets]
    pressed = [(code, duration) for code, flags, duration in events if flags & 0x80]
    assert pressed == [(KEYS.index(key), 960) for key in keys]
    begun = [code for code, flags, _ in events if not flags & 0x80 and code < len(KEYS)]
    assert begun == [KEYS.index(key) for key in keys for _ in range(3)]


def test_callers_follow_their_own_scripts() -> None:
    one, other = (CallerScript(dial=dial, moves=(Bye(),)) for dial in ("120", "119"))
    calls = [
        ScriptedCall(script=script, caller=caller) for script, caller in ((one, "021"), (other, None), (one, "022"))
    ]
    lines = callers_file(calls, [one, other], "127.0.0.1").decode().splitlines()
    assert lines[0] == "SEQUENTIAL"
    assert [line.split(";")[1:] for line in lines[1:]] == [["0", "120", "0"], ["1", "119", "1"], ["0", "120", "2"]]
    assert "021@" in lines[1]
    assert "anonymous" in lines[2]


@pytest.mark.parametrize(
    "moves", [(), (Pause(1),), (Bye(), Pause(1)), (Voice(1), Bye())], ids=["nothing", "no end", "end first", "no voice"]
)
def test_a_script_that_cannot_be_played_is_refused(moves: tuple[SipMove, ...]) -> None:
    with pytest.raises(ValueError, match="script"):
        CallerScript(dial="120", moves=moves)


@pytest.mark.parametrize("caller", ['1"<x>', "1;2", "", "1\n2"])
def test_what_is_no_number_cannot_break_out_of_its_header(caller: str) -> None:
    call = ScriptedCall(script=CallerScript(dial="120", moves=(Bye(),)), caller=caller)
    with pytest.raises(ValueError, match="number"):
        callers_file([call], [call.script], "127.0.0.1")
