"""Faults of panoramisk 1.4's AMI: each shown on panoramisk itself, then where it is shown to be absent here.

Each line: the fault, shown on panoramisk below; then where it is shown to be absent here.

- Each TCP chunk is decoded alone, a Korean character cut in two vanishes: below, `test_ami_framing`, `ivr fuzz`.
- CR LF in a value adds headers: below, `test_a_line_break_never_leaves`, `ivr fuzz`.
- An action without an answer is sent again after a reconnect, so an Originate dials twice:
  `test_an_unanswered_action_is_not_sent_again`.
- No time limit for an answer: `test_an_action_has_a_time_limit_and_its_late_answer_harms_nobody`.
- Pings are sent, their answers are not looked at: `test_a_half_open_connection_is_noticed`.
- It comes back by itself and reads nothing anew: `test_panoramisk_neither_reconnects_nor_pings_on_its_own`, and
  `test_events_follow_and_the_whole_is_read_again_after_a_reconnect_only`.
- Calls of the same second are one (`CallManager`): below.
- A header that nobody sent reads as empty, so a misspelt one passes: below.
- Text that begins like a list makes an answer one: `test_words_that_panoramisk_takes_for_a_list_are_an_answer`.

Those of FastAGI are in tests/unit/agi/test_panoramisk_faults.py. Should a later panoramisk mend one, its test fails and
the decision (docs/adr/0003) can be looked at again.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.call_manager import CallManager
from panoramisk.manager import Manager
from panoramisk.message import Message as PanoramiskMessage

from ivr.adapters.ami.framing import BANNER, Framer
from ivr.adapters.ami.message import Message, checked
from ivr.adapters.ami.switch import presence_of
from ivr.testing.centres import OPEN_AT


class Transport:
    """What was written, without a socket."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        pass


class Factory:
    """Of panoramisk's protocol: what it hands over."""

    forgetable_actions = ("ping", "login")

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.awaiting_actions: list[Any] = []

    def dispatch(self, event: Any) -> None:
        self.events.append(event)

    def connection_lost(self, exc: object) -> None:
        pass


def panoramisk() -> tuple[AMIProtocol, Factory, Transport]:
    protocol, factory, transport = AMIProtocol(), Factory(), Transport()
    protocol.connection_made(transport)
    protocol.factory = factory
    protocol.encoding = "utf8"
    return protocol, factory, transport


PACKET = "Event: X\r\nMemberName: 김하나\r\n\r\n".encode()
CUT = PACKET.index("하".encode()) + 1


def test_a_character_cut_by_a_chunk_vanishes_in_panoramisk_and_not_here() -> None:
    protocol, factory, _ = panoramisk()
    protocol.data_received(PACKET[:CUT])
    protocol.data_received(PACKET[CUT:])
    assert factory.events[0].membername == "김나"
    framer = Framer()
    packets = [packet for chunk in (BANNER + b"9\r\n" + PACKET[:CUT], PACKET[CUT:]) for packet in framer.feed(chunk)]
    assert packets[0]["MemberName"] == ["김하나"]


async def test_a_line_break_in_a_value_is_a_header_in_panoramisk_and_refused_here() -> None:
    evil = "x\r\nVariable: IVR_NEXT=done"
    assert "\r\nVariable: IVR_NEXT=done\r\n" in str(Action({"Action": "Status", "Channel": evil}))
    with pytest.raises(ValueError, match="line break"):
        checked("Status", {"Channel": evil})


async def test_an_unanswered_originate_is_kept_by_panoramisk_to_be_sent_again() -> None:
    protocol, factory, _ = panoramisk()
    protocol.send(Action({"Action": "Originate", "Channel": "PJSIP/1001"}))
    protocol.close()
    assert [action["Action"] for action in factory.awaiting_actions] == ["Originate"]


async def test_an_answer_that_never_comes_is_waited_for_for_ever_in_panoramisk() -> None:
    protocol, _, _ = panoramisk()
    future = protocol.send(Action({"Action": "Status"}))
    timers_before = len(asyncio.get_running_loop()._scheduled)  # type: ignore[attr-defined]
    assert not future.done()
    assert timers_before == 0, "nothing is due that would end the wait"


def test_pongs_are_not_looked_at_in_panoramisk() -> None:
    source = inspect.getsource(Manager.ping)
    assert "Ping" in source
    assert "pong" not in source.lower()
    assert "await" not in source


def test_panoramisk_comes_back_by_itself_and_reads_nothing_anew() -> None:
    assert "connect" in inspect.getsource(Manager.connection_lost)
    assert "QueueStatus" not in inspect.getsource(Manager)


async def test_calls_of_one_second_are_one_in_panoramisk_and_two_here() -> None:
    manager = CallManager()
    first, second = "1795320249.1", "1795320249.2"
    for call in (first, second):
        manager.handle_calls(manager, PanoramiskMessage({"Event": "QueueCallerJoin", "Uniqueid": call}))
    assert len(manager.calls_queues) == 1
    entries = [Message.of({"Event": ["QueueEntry"], "Queue": ["q"], "Uniqueid": [call]}) for call in (first, second)]
    assert set(presence_of(entries, [], [], OPEN_AT).queues["q"].waiting) == {first, second}


def test_a_misspelt_header_reads_as_empty_in_panoramisk_and_here_there_is_one_way_to_ask() -> None:
    assert PanoramiskMessage({"Event": "X"}).memberNmae == ""
    message = Message.of({"Event": ["X"], "MemberName": ["kim"]})
    assert (message.text("membername"), message.text("nothing")) == ("kim", "")
