"""The kept connection, against a manager port that misbehaves. Every trap of panoramisk that we know of has a test."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, aclosing, asynccontextmanager

import pytest

from ivr.adapters.ami.client import AmiClient, Connected, Disconnected, News, Timing
from ivr.adapters.ami.link import Link, RefusedError, UnansweredError
from ivr.adapters.ami.message import Message
from ivr.errors import OperatorError, PeerError
from ivr.testing.fake_ami import FakeAmi, Packet, error, listing, packet, silence, success

FAST = Timing(answer_s=1.0, connect_s=1.0, ping_every_s=0.05, pong_s=0.2, backoff_first_s=0.01, backoff_last_s=0.05)
NO_PINGS = Timing(answer_s=0.2, connect_s=1.0, ping_every_s=60.0, backoff_first_s=0.01, backoff_last_s=0.05)
SECRET = "correct-horse"


def client_of(fake: FakeAmi, timing: Timing = NO_PINGS) -> AmiClient:
    return AmiClient(host="127.0.0.1", port=fake.port, username="ivr", secret=SECRET, timing=timing)


@asynccontextmanager
async def connected(fake: FakeAmi, timing: Timing = NO_PINGS) -> AsyncIterator[AmiClient]:
    async with client_of(fake, timing) as client:
        await client.wait_connected(5.0)
        yield client


async def until(news: AsyncIterator[News], wanted: Callable[[News], bool], within_s: float = 5.0) -> News:
    async with asyncio.timeout(within_s):
        async for each in news:
            if wanted(each):
                return each
    raise AssertionError("the news ended")


def is_a(kind: type) -> Callable[[News], bool]:
    return lambda news: isinstance(news, kind)


async def test_logs_in_and_acts():
    async with FakeAmi() as fake, connected(fake) as client:
        answer = await client.action("QueuePause", Interface="PJSIP/agent01", Paused="true")
        assert answer.text("response") == "Success"
        (login,) = fake.list_received("Login")
        (pause,) = fake.list_received("QueuePause")
    assert (login["Username"], login["Secret"]) == ("ivr", SECRET)
    assert (pause["Interface"], pause["Paused"]) == ("PJSIP/agent01", "true")


async def test_several_values_of_one_header_are_sent_each():
    async with FakeAmi() as fake, connected(fake) as client:
        await client.action("Originate", Channel="Local/1", Variable=["a=1", "b=2"])
        # The fake keeps the last of a repeated header, and the client sends them in order.
        assert fake.list_received("Originate")[0]["Variable"] == "b=2"


@pytest.mark.parametrize("value", ["x\r\nAction: Command", "x\ny", "x\ry", "x\0y"])
async def test_a_line_break_never_leaves(value: str):
    async with FakeAmi() as fake, connected(fake) as client:
        with pytest.raises(ValueError, match="line break"):
            await client.action("Originate", Channel=value)
        with pytest.raises(ValueError, match="line break"):
            await client.action("Originate", Variable=["good=1", value])
        with pytest.raises(ValueError, match="line break"):
            await client.action(value)
        await client.action("Ping")
        assert [action["Action"] for action in fake.received] == ["Login", "Ping"]


@pytest.mark.parametrize("name", ["Chan\r\nnel", "A: b", "", "ActionID", "action"])
async def test_header_names_cannot_be_misused(name: str):
    async with FakeAmi() as fake, connected(fake) as client:
        with pytest.raises(ValueError, match=r"header name|set by the client"):
            await client.action("Originate", **{name: "x"})
        assert not fake.list_received("Originate")


async def test_a_refusal_is_an_error_with_asterisks_reason():
    async with FakeAmi(answers={"Bogus": error, "Others": error}) as fake, connected(fake) as client:
        with pytest.raises(RefusedError, match="Bogus: Permission denied"):
            await client.action("Bogus")
        with pytest.raises(RefusedError, match="Others: Permission denied"):
            await client.list_action("Others")


async def test_a_list_is_its_items():
    queues = listing("QueueStatusComplete", {"Event": "QueueParams", "Queue": "a"}, {"Event": "QueueMember"})
    empty = listing("QueueStatusComplete")
    async with FakeAmi(answers={"QueueStatus": queues, "QueueRule": empty}) as fake, connected(fake) as client:
        items = await client.list_action("QueueStatus")
        assert [item.text("event") for item in items] == ["QueueParams", "QueueMember"]
        assert await client.list_action("QueueRule") == []
        assert await client.list_action("Ping") == []


@pytest.mark.parametrize("message", ["Added interface to queue", "Originate successfully queued"])
async def test_words_that_panoramisk_takes_for_a_list_are_an_answer(message: str):
    def answer(action: Packet) -> bytes:
        return packet(Response="Success", ActionID=action["ActionID"], Message=message)

    async with FakeAmi(default=answer) as fake, connected(fake) as client:
        assert (await client.action("QueueAdd", Queue="a")).text("message") == message


async def test_a_duplicate_answer_is_heard_once():
    def twice(action: Packet) -> bytes:
        return success(action) * 2

    async with FakeAmi(default=twice) as fake, connected(fake) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        first = await client.action("Ping")
        second = await client.action("Ping")
        assert first.text("actionid") != second.text("actionid")
        fake.send(packet(Event="End"))
        assert (await until(news, is_a(Message))) == Message.of({"Event": ["End"]})


async def test_an_action_has_a_time_limit_and_its_late_answer_harms_nobody():
    async with FakeAmi(answers={"Originate": silence}) as fake, connected(fake) as client:
        with pytest.raises(UnansweredError, match=r"Originate within 0\.2 s"):
            await client.action("Originate")
        fake.send(success(fake.list_received("Originate")[0]))
        assert (await client.action("Ping")).text("response") == "Success"
        assert client._link is not None
        assert not client._link.protocol.responses, "nothing may pile up"


async def test_an_unanswered_action_is_not_sent_again():
    async with FakeAmi(answers={"Originate": silence}) as fake, connected(fake, FAST) as client:
        waiting = asyncio.create_task(client.action("Originate", Channel="PJSIP/agent01"))
        await fake.got("Originate")
        fake.hang_up()
        with pytest.raises(UnansweredError) as caught:
            await waiting
        assert not caught.value.retryable
        await fake.got("Login", times=2)
        await client.wait_connected(5.0)
        fake.send(packet(Event="FullyBooted"))  # panoramisk sends again what waits at this
        await client.action("QueueSummary")
        assert len(fake.list_received("Originate")) == 1


async def test_korean_in_an_event_survives_cut_up_bytes():
    async with FakeAmi() as fake, connected(fake) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        link = client._link
        assert link is not None
        for byte in packet(Event="QueueMemberAdded", MemberName="김하나"):
            link.protocol.data_received(bytes([byte]))  # as TCP may deliver it; a socket would join the bytes again
        event = await until(news, is_a(Message))
        assert isinstance(event, Message)
        assert event.text("membername") == "김하나"


async def test_reconnects_after_the_connection_ended_and_says_both():
    async with FakeAmi() as fake, connected(fake) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        fake.hang_up()
        await until(news, is_a(Disconnected))
        assert not client.connected
        with pytest.raises(PeerError, match="closed the AMI connection"):
            await client.action("Ping")
        await until(news, is_a(Connected))
        assert client.connected
        assert client.trouble == ""


async def test_waits_for_an_asterisk_that_starts_later():
    fake = FakeAmi()
    async with fake:
        pass
    async with client_of(fake) as client, aclosing(client.news()) as news:
        first = asyncio.create_task(anext(news))
        with pytest.raises(OperatorError, match="no Asterisk listens on AMI port"):
            await client.wait_connected(0.1)
        async with fake:
            await client.wait_connected(5.0)
            assert await first == Connected(), "nothing was lost that never was"


async def test_a_half_open_connection_is_noticed():
    async with FakeAmi() as fake, connected(fake, FAST) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        fake.default = silence
        await until(news, is_a(Disconnected), within_s=2.0)
        assert "did not answer a ping" in client.trouble
        fake.default = success
        await until(news, is_a(Connected))


async def test_a_shutdown_event_is_an_end():
    async with FakeAmi() as fake, connected(fake) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        fake.send(packet(Event="Shutdown", Shutdown="Cleanly"))
        await until(news, is_a(Disconnected))
        await until(news, is_a(Connected))


async def test_garbage_drops_the_connection_and_the_next_one_works():
    async with FakeAmi() as fake, connected(fake) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        fake.send(b"x" * 100_000)
        await until(news, is_a(Disconnected))
        assert client.trouble == "the AMI peer sent a line that is too long"
        await until(news, is_a(Connected))


async def test_repeated_headers_in_an_event_do_not_end_the_connection():
    async with FakeAmi() as fake, connected(fake) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        fake.send(b"Event: A\r\nEvent: B\r\nX: 1\r\nX: 2\r\n\r\nResponse: Error\r\nActionID: who\r\n\r\n")
        event = await until(news, is_a(Message))
        assert isinstance(event, Message)
        assert (event.text("event"), event.texts("x")) == ("A", ["1", "2"])
        await client.action("Ping")


async def test_another_service_on_the_port_is_named():
    async with FakeAmi(banner=b"220 smtp ready\r\n") as fake, client_of(fake) as client:
        with pytest.raises(OperatorError, match="no Asterisk"):
            await client.wait_connected(0.3)


async def test_a_mute_port_is_given_up_and_tried_again():
    timing = Timing(connect_s=0.1, backoff_first_s=0.01, backoff_last_s=0.02)
    async with FakeAmi(banner=b"", default=silence) as fake, client_of(fake, timing) as client:
        await fake.got("Login", times=3)
        assert "did not answer" in client.trouble


async def test_a_port_that_takes_no_connection_is_given_up():
    with socket.socket() as listener, ExitStack() as others:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # fills the queue of connections that nobody accepts
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        timing = Timing(connect_s=0.1, backoff_first_s=0.01)
        client = AmiClient(host="127.0.0.1", port=listener.getsockname()[1], username="i", secret="s", timing=timing)
        async with client:
            with pytest.raises(OperatorError, match="did not answer on AMI port"):
                await client.wait_connected(0.5)


async def test_panoramisk_neither_reconnects_nor_pings_on_its_own():
    fake = FakeAmi()
    async with fake:
        pass
    refused = Link("127.0.0.1", fake.port, lambda _: None)
    refused.reconnect_timeout = 0
    with pytest.raises(PeerError, match="no Asterisk listens"):
        await refused.open()
    async with fake, connected(fake) as client:
        await client.action("Ping")
        assert fake.connections == 1
        assert client._link is not None
        assert client._link.pinger.cancelled()


async def test_a_wrong_secret_is_told_to_the_operator():
    async with FakeAmi(answers={"Login": error}) as fake, client_of(fake) as client:
        with pytest.raises(OperatorError, match=r"refuses the AMI user ivr.*ami\.secret"):
            await client.wait_connected(0.3)


async def test_each_follower_gets_all_the_news_in_order():
    async with (
        FakeAmi() as fake,
        connected(fake) as client,
        aclosing(client.news()) as first,
        aclosing(client.news()) as second,
    ):
        assert isinstance(await anext(first), Connected)
        assert isinstance(await anext(second), Connected)
        fake.send(b"".join(packet(Event=f"E{number}") for number in range(100)))
        for news in (first, second):
            names = [each.text("event") async for each in _take(news, 100)]
            assert names == [f"E{number}" for number in range(100)]
        await first.aclose()
        await second.aclose()
        assert not client._followers, "nobody collects news for a reader who is gone"


async def _take(news: AsyncIterator[News], count: int) -> AsyncIterator[Message]:
    for _ in range(count):
        each = await anext(news)
        assert isinstance(each, Message)
        yield each


async def test_items_of_a_list_nobody_waits_for_are_no_events():
    async with FakeAmi() as fake, connected(fake) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        fake.send(packet(Event="DeviceStateChange", ActionID="given-up", Device="PJSIP/agent01"))
        fake.send(packet(Event="OriginateResponse", ActionID="late-by-design"))
        event = await until(news, is_a(Message))
        assert isinstance(event, Message)
        assert event.text("event") == "OriginateResponse"


async def test_a_follower_that_is_too_far_behind_starts_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ivr.adapters.ami.client.BACKLOG_LIMIT", 5)
    async with FakeAmi() as fake, connected(fake) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        fake.send(packet(Event="E") * 20)
        await until(news, is_a(Disconnected))
        assert "faster than they were read" in client.trouble
        await until(news, is_a(Connected))


async def test_nothing_secret_or_personal_is_logged(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    async with FakeAmi() as fake, connected(fake, FAST) as client, aclosing(client.news()) as news:
        await until(news, is_a(Connected))
        fake.answers["Originate"] = silence
        waiting = asyncio.create_task(client.action("Originate", Channel="PJSIP/01012345678"))
        await fake.got("Originate")
        fake.send(packet(Event="FullyBooted"))
        await until(news, is_a(Message))
        fake.send(packet(Event="Newchannel", CallerIDNum="01012345678"))
        event = await until(news, is_a(Message))
        fake.hang_up()
        with pytest.raises(UnansweredError) as caught:
            await waiting
        await until(news, is_a(Connected))
        shown = f"{client!r} {event!r} {caught.value!r}"
    for text in (caplog.text, shown, *(str(vars(record)) for record in caplog.records)):
        assert SECRET not in text
        assert "01012345678" not in text
    # panoramisk has a lot to say, and says it with the actions themselves in it.
    assert {record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG} == {
        "AMI connected",
        "AMI not connected",
    }


async def test_an_action_that_could_not_be_written_is_not_logged_either(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    class Broken:
        def write(self, data: bytes) -> None:
            raise OSError

    caplog.set_level(logging.DEBUG)
    async with FakeAmi() as fake, connected(fake) as client:
        assert client._link is not None
        with monkeypatch.context() as patch:
            patch.setattr(client._link.protocol, "transport", Broken())  # panoramisk logs the failure and swallows it
            with pytest.raises(UnansweredError):
                await client.action("Originate", Channel="PJSIP/01012345678")
    assert "01012345678" not in caplog.text


async def test_leaving_closes_the_connection_and_ends_the_task():
    async with FakeAmi() as fake:
        async with connected(fake) as client:
            pass
        await fake.left_alone()
        assert not client.connected
        with pytest.raises(PeerError):
            await client.action("Ping")
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "ami"]
        assert fake.connections == 1
