"""No controller answers: a local AGI serves each call, and without even that the dialplan takes a message.

One day is played: a caller is in a menu when the controllers are killed, others come while there is none, and one
waits in a queue when they are back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from records import Records
from system import OPEN, SEOUL, RunningSystem

from ivr.testing.caller import LeavesQueue, Move, Press, Silence, Talk
from ivr.testing.phones import Answer, Ignore
from ivr.testing.sipp_xml import AwaitBye, CallerScript, Keys, Pause, ScriptedCall, Voice
from ivr.testing.timeline import Timeline, plan
from ivr.testing.waiting import eventually

HOLIDAY = datetime(2026, 12, 25, 10, 0, tzinfo=SEOUL)
REOPENS = "2026-12-28T09:00:00+09:00"
"""Christmas 2026 is a Friday."""
THOUGHT_S = 8.0
"""How long a caller thinks in the menu where the controllers die."""
SPOKEN_S = 3.0
ANSWERED = LeavesQueue("ANSWERED")


@dataclass(slots=True)
class Day:
    """What was played."""

    system: RunningSystem
    callers: dict[str, str] = field(default_factory=dict)
    """Name of a call -> who called."""
    timelines: dict[str, Timeline] = field(default_factory=dict)
    alone: Counter[str] = field(default_factory=Counter)
    """Calls that local AGIs served, and how often."""

    def call(self, name: str, at: datetime, *moves: Move, think: dict[str, float] | None = None) -> ScriptedCall:
        """A call that goes as the flow says."""
        system, caller = self.system, self.system.new_caller()
        timeline = plan(system.centre, moves, at=at, seconds=system.prompts.seconds, caller=caller, think=think or {})
        self.callers[name], self.timelines[name] = caller, timeline
        return ScriptedCall(script=timeline.script(voice=system.prompts.path("en", "greeting")), caller=caller)

    def message(self, name: str, *, withheld: bool = False) -> ScriptedCall:
        """A call that only the dialplan takes: apologies, the tone, a question, #, goodbye."""
        system = self.system
        self.callers[name] = system.new_caller()
        heard = sum(system.prompts.seconds(language, "fallback_apology") for language in system.centre.languages)
        tone = heard + system.prompts.seconds("ko", "beep") + 1.0
        script = CallerScript(
            dial=system.centre.numbers[0],
            moves=(Pause(tone), Voice(SPOKEN_S), Keys("#"), AwaitBye(20)),
            voice=system.prompts.path("en", "greeting"),
        )
        return ScriptedCall(script=script, caller=None if withheld else self.callers[name])

    async def ended(self, records: Records, name: str) -> dict[str, Any]:
        return await records.ended_call(self.callers[name])


async def _play(system: RunningSystem) -> Day:
    day, before = Day(system), system.served_alone()
    async with Records.open(system) as records:
        system.set_clock(OPEN)
        await _open_hours(day, records)
        system.set_clock(HOLIDAY)
        with system.without_controllers():
            await _holiday(day)
            await day.ended(records, "alone")  # what the dialplan took is due by the clock of who reads the journal
        system.set_clock(OPEN)
        await system.call_all([day.call("afterwards", OPEN, Press("1"))])
        day.alone = system.served_alone() - before
    return day


async def _open_hours(day: Day, records: Records) -> None:
    """The controllers die while a caller is in a menu, and come back while one waits for whom nobody has time."""
    system = day.system
    in_menu = day.call("in_menu", OPEN, Press("1"), Press("1"), think={"main_menu": THOUGHT_S})
    duty = {"1001": Answer(talk_s=2), "1002": Answer(talk_s=2), "1003": Ignore()}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(system.calling([in_menu]))
        await eventually(lambda: records.count_live("main_menu"), lambda count: count == 1, within_s=20)
        with system.without_controllers():
            for agent, behaviour in duty.items():
                await stack.enter_async_context(system.on_duty(agent, behaviour))
            waits = day.call(
                "waits", OPEN, Press("2"), Press("3"), Press("1"), LeavesQueue("TIMEOUT"), Press("3"), Press("1")
            )
            await stack.enter_async_context(system.calling([waits]))
            await system.call_all(
                [
                    day.call("korean", OPEN, Press("1"), Press("1"), Press("1"), ANSWERED),
                    day.call("english", OPEN, Press("2"), Press("2"), Press("1"), ANSWERED),
                    day.call("errors", OPEN, Press("2"), Press("7"), Silence(), Press("1")),
                ]
            )


async def _holiday(day: Day) -> None:
    """A message by the local AGI. Meanwhile the launcher is gone for one caller, and for another there are as many
    local AGIs as may be."""
    system = day.system
    before = system.served_alone()
    says = (Press("2"), Press("1"), Press("900101"), Press("1"), Press("1"), Talk(SPOKEN_S), Press("1"))
    async with system.calling([day.call("holiday", HOLIDAY, *says)]):
        await eventually(_async(lambda: system.served_alone() - before))
        launcher = system.installation.layout.local_agi
        aside = launcher.rename(launcher.with_suffix(".aside"))
        try:
            async with system.calling([day.message("alone")]):
                await _until_shown(system, "ivr-fallback")
                aside.rename(launcher)
                await system.asterisk.command("dialplan set global IVR_LOCAL_CALLS 1")
                await system.call_all([day.message("withheld", withheld=True)])
        finally:
            if aside.exists():
                aside.rename(launcher)
            await system.asterisk.command("dialplan set global IVR_LOCAL_CALLS 40")


async def _until_shown(system: RunningSystem, text: str) -> None:
    """Asterisk's list of channels has it."""
    await eventually(lambda: system.asterisk.command("core show channels"), lambda shown: text in shown)


def _async(ask: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    async def asked() -> Any:
        return ask()

    return asked


@pytest.fixture(scope="module")
def day(system: RunningSystem) -> Day:
    return asyncio.run(_play(system))


pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", ["in_menu", "korean", "english", "errors", "holiday", "waits", "afterwards"])
async def test_each_caller_took_the_path_of_the_flow(day: Day, records: Records, name: str) -> None:
    call = await day.ended(records, name)
    assert await records.steps(call["id"]) == day.timelines[name].steps
    assert (call["id"] in day.alone) is (name != "afterwards")


@pytest.mark.parametrize(("name", "language", "agent"), [("korean", "ko", "1001"), ("english", "en", "1002")])
async def test_agents_log_in_and_answer_without_a_controller(
    day: Day, records: Records, name: str, language: str, agent: str
) -> None:
    call = await day.ended(records, name)
    assert (call["outcome"], call["language"]) == ("answered", language)
    (leg,) = await records.legs(call["id"], "agent")
    assert leg["agent"] == agent
    (talk,) = await records.talks(call["id"])
    assert talk["seconds"] > 1
    assert (await records.agent_actions(agent))[-2:] == ["login", "logout"]


async def test_a_caller_goes_on_in_the_menu_where_the_controllers_died(day: Day, records: Records) -> None:
    call = await day.ended(records, "in_menu")
    assert await records.resumed_in(call["id"]) == ["main_menu"]


async def test_a_message_and_a_callback_on_a_holiday(day: Day, records: Records) -> None:
    call = await day.ended(records, "holiday")
    assert ("opening_hours", "", "closed:holiday", "after_hours") in await records.steps(call["id"])
    assert call["outcome"] == "message_saved"
    (message,) = await records.messages(call["id"])
    assert (message["state"], message["language"], message["category"]) == ("kept", "en", "pension")
    (callback,) = await records.callbacks(call["id"])
    assert callback["due"].astimezone(SEOUL).isoformat() == REOPENS


async def test_who_comes_back_from_a_queue_finds_the_controllers(day: Day, records: Records) -> None:
    call = await day.ended(records, "waits")
    assert call["outcome"] == "callback_queued"
    assert day.alone[call["id"]] == 1, "only until the queue"


async def test_the_dialplan_alone_takes_a_message_and_asks_for_a_callback(day: Day, records: Records) -> None:
    call = await day.ended(records, "alone")
    assert (call["centre"], call["outcome"]) == ("120", "message_saved")
    assert call["id"] not in day.alone
    (message,) = await records.messages(call["id"])
    assert message["state"] == "kept"
    assert message["seconds"] == pytest.approx(SPOKEN_S, abs=1.5)
    (callback,) = await records.callbacks(call["id"])
    assert callback["due"].astimezone(SEOUL).isoformat() == REOPENS
    (item,) = await records.rows("SELECT * FROM ivr.callbacks WHERE id = $1", callback["callback"])
    caller = day.callers["alone"]
    assert (item["number_key"], day.system.vault.unseal(item["number"])) == (day.system.vault.key_of(caller), caller)


async def test_a_withheld_number_leaves_a_message_only(day: Day, records: Records) -> None:
    rows = await records.rows(
        "SELECT c.id, c.outcome FROM ivr.calls c JOIN ivr.messages m ON m.call = c.id"
        " WHERE c.caller_key IS NULL AND m.take = 999"
    )
    assert [row["outcome"] for row in rows] == ["message_saved"]
    assert await records.callbacks(rows[0]["id"]) == []


def test_the_books_balance(day: Day) -> None:
    today = datetime.now(SEOUL).date().isoformat()
    assert "balanced" in day.system.run("reconcile", "--from", today)


def test_no_number_is_in_the_journal_or_a_log(day: Day) -> None:
    layout = day.system.installation.layout
    told = layout.journal.read_text(encoding="utf-8") + layout.log_file("fallback").read_text(encoding="utf-8")
    assert [name for name, caller in day.callers.items() if caller in told] == []
    assert "900101" not in told
