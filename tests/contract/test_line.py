"""The `Line` port: what the engine may rely on, on the fake and on FastAGI alike."""

from __future__ import annotations

import pytest

from ivr.domain.actions import Ask, Dial, Event, Heard, Keyed, OwnRecording, Record, Recorded, Sound, Speak, Wait
from ivr.engine.ports import Line
from ivr.engine.wire import notes_to_journal
from ivr.errors import HungUp
from ivr.testing.worlds import PlainVault

from .conftest import World

A, B = Sound("a", "ko"), Sound("b", "en")
ASK = Ask(sounds=(A, B), max_digits=6, wait_s=5.0)
ONE_KEY = Ask(sounds=(A,), max_digits=1, wait_s=5.0)
RECORD = Record(sounds=(A,), language="ko", file="small/2026-11-23/n1-1.0-1.wav", max_s=120, silence_s=5)
WAIT = Wait(
    queue="small-pension",
    timeout_s=60,
    label="[ko] 연금",
    language="ko",
    talk_file="small/talk.wav",
    comes_back=True,
)
JOURNAL = notes_to_journal(3, ({"k": "end", "outcome": None, "reason": "한국어"},), PlainVault())


async def test_answer(world: World) -> None:
    async def body(line: Line) -> None:
        await line.answer()

    assert (await world.talk(body)).answered


@pytest.mark.parametrize("interruptible", [False, True])
async def test_speak(world: World, interruptible: bool) -> None:
    async def body(line: Line) -> None:
        assert await line.perform(Speak(sounds=(A, B), interruptible=interruptible)) == Heard()

    seen = await world.talk(body, "1")
    assert seen.heard == ["a@ko", "b@en"]


@pytest.mark.parametrize("interruptible", [False, True])
async def test_to_say_nothing_is_heard_at_once(world: World, interruptible: bool) -> None:
    async def body(line: Line) -> None:
        assert await line.perform(Speak(sounds=(), interruptible=interruptible)) == Heard()

    assert (await world.talk(body, "1")).heard == []


@pytest.mark.parametrize(
    ("ask", "key", "keyed"),
    [
        (ONE_KEY, "1", Keyed("1", terminated=True)),
        (ONE_KEY, "*", Keyed("*", terminated=True)),
        (ONE_KEY, "-", Keyed("")),
        (ONE_KEY, "#", Keyed("", terminated=True)),
        (ASK, "900101", Keyed("900101", terminated=True)),
        (ASK, "900101#", Keyed("900101", terminated=True)),
        (ASK, "9001#", Keyed("9001", terminated=True)),
        (ASK, "9001", Keyed("9001")),
        (ASK, "90010112", Keyed("900101", terminated=True)),
        (ASK, "#", Keyed("", terminated=True)),
        (ASK, "-", Keyed("")),
        (Ask(sounds=(), max_digits=2, wait_s=1.5), "12", Keyed("12", terminated=True)),
    ],
)
async def test_ask(world: World, ask: Ask, key: str, keyed: Keyed) -> None:
    answers: list[Event] = []

    async def body(line: Line) -> None:
        answers.append(await line.perform(ask))

    seen = await world.talk(body, key)
    assert answers == [keyed]
    assert seen.heard == ["a@ko", "b@en"][: len(ask.sounds)]


@pytest.mark.parametrize(("key", "seconds"), [("talk:7", 7.0), ("-", 0.0)])
async def test_record(world: World, key: str, seconds: float) -> None:
    answers: list[Event] = []

    async def body(line: Line) -> None:
        answers.append(await line.perform(RECORD))

    seen = await world.talk(body, key)
    assert answers == [Recorded(seconds)]
    assert seen.heard == ["a@ko"]


async def test_a_recording_can_be_played_back_among_prompts(world: World) -> None:
    async def body(line: Line) -> None:
        await line.perform(RECORD)
        review = Ask(sounds=(A, OwnRecording(RECORD.file), B), max_digits=1, wait_s=5.0)
        assert await line.perform(review) == Keyed("2", terminated=True)

    seen = await world.talk(body, "talk:3", "2")
    assert seen.heard == ["a@ko", "a@ko", "<recording>", "b@en"]


@pytest.mark.parametrize("action", [Speak(sounds=(A,), interruptible=True), Speak(sounds=(A,), interruptible=False)])
@pytest.mark.parametrize("keys", [("hangup",)])
async def test_a_hang_up_in_a_prompt(world: World, action: Speak, keys: tuple[str, ...]) -> None:
    async def body(line: Line) -> None:
        with pytest.raises(HungUp):
            await line.perform(action)

    await world.talk(body, *keys)


@pytest.mark.parametrize("action", [ASK, RECORD])
@pytest.mark.parametrize("keys", [("hangup",), ()])
async def test_a_hang_up_instead_of_an_answer(world: World, action: Ask | Record, keys: tuple[str, ...]) -> None:
    async def body(line: Line) -> None:
        with pytest.raises(HungUp):
            await line.perform(action)

    await world.talk(body, *keys)


async def test_after_a_hang_up_only_the_journal_is_written(world: World) -> None:
    async def body(line: Line) -> None:
        with pytest.raises(HungUp):
            await line.perform(ONE_KEY)
        for action in (ONE_KEY, RECORD, Speak(sounds=(A,), interruptible=True)):
            with pytest.raises(HungUp):
                await line.perform(action)
        with pytest.raises(HungUp):
            await line.answer()
        with pytest.raises(HungUp):
            await line.hand_over(WAIT)
        await line.commit(JOURNAL, "")
        await line.hang_up()

    seen = await world.talk(body, "hangup")
    assert [entry["q"] for entry in seen.journal] == [3]
    assert seen.state == ""
    assert seen.queue == ""


async def test_commit_writes_both(world: World) -> None:
    async def body(line: Line) -> None:
        await line.commit(JOURNAL, "s1.00000000.AAAA")

    seen = await world.talk(body)
    assert seen.journal == [{"q": 3, "n": [{"k": "end", "reason": "한국어"}]}]
    assert seen.state == "s1.00000000.AAAA"


async def test_commit_without_a_state_leaves_the_one_before(world: World) -> None:
    async def body(line: Line) -> None:
        await line.commit(JOURNAL, "s1.00000000.AAAA")
        await line.commit(JOURNAL, "")

    assert (await world.talk(body)).state == "s1.00000000.AAAA"


async def test_a_long_commit_arrives_whole(world: World) -> None:
    long = notes_to_journal(1, tuple({"k": "step", "node": f"n{n}"} for n in range(200)), PlainVault())

    async def body(line: Line) -> None:
        await line.commit(long, "")

    assert len((await world.talk(body)).journal[0]["n"]) == 200


async def test_hand_over(world: World) -> None:
    async def body(line: Line) -> None:
        await line.hand_over(WAIT)

    seen = await world.talk(body)
    assert seen.queue == "small-pension"
    assert not seen.done


async def test_hand_over_to_a_phone(world: World) -> None:
    async def body(line: Line) -> None:
        await line.hand_over(Dial(target="small.agent.1001", ring_s=20, label="", language="ko"))

    seen = await world.talk(body)
    assert seen.transfer == "small.agent.1001"
    assert seen.queue == ""
    assert not seen.done


async def test_let_go(world: World) -> None:
    async def body(line: Line) -> None:
        await line.commit(JOURNAL, "token")
        await line.let_go()

    seen = await world.talk(body)
    assert (seen.let_go, seen.done, seen.queue) == (True, False, "")


async def test_hang_up(world: World) -> None:
    async def body(line: Line) -> None:
        await line.hang_up()

    assert (await world.talk(body)).done
