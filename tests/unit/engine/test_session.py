"""Whole calls through the engine on a line without Asterisk: every ending of a session."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from ivr.domain.actions import Ask, Event, Record, Speak
from ivr.domain.flow import End, Prompt
from ivr.domain.values import Personal
from ivr.engine.ports import Arrival
from ivr.engine.session import NOT_IN_SERVICE, Engine
from ivr.engine.wire import state_from_token, state_to_token
from ivr.errors import HungUp, OperatorError, PeerError
from ivr.testing.caller import FakeLine, ScriptMismatch, moves_from_keys
from ivr.testing.centres import CLOSED_AT, OPEN_AT, small_centre, with_nodes
from ivr.testing.worlds import FixedCentres, ManualClock

from .calls import ARRIVAL, CALLER, VAULT, call, engine


async def test_open_to_an_agent_and_a_survey() -> None:
    line = await call("2", "1", "queue:ANSWERED", "1")
    assert line.path == ["greet", "language", "line_open", "notice", "main", "pension_queue", "survey", "bye"]
    assert line.heard[-2:] == ["survey@en", "goodbye@en"]
    assert line.done
    assert line.notes_of("end") == [{"k": "end", "outcome": "self_served", "reason": "finished"}]


async def test_closed_to_a_message_and_a_callback() -> None:
    line = await call("1", "900101#", "1", "1", "talk:7", "1", at=CLOSED_AT)
    assert [note["state"] for note in line.notes_of("message")] == ["recording", "kept"]
    [callback] = line.notes_of("callback")
    assert callback["due"] == "2026-11-24T09:00:00+09:00"
    assert VAULT.unseal(callback["number"]) == CALLER
    assert callback["number_key"] == VAULT.key_of(CALLER)
    assert VAULT.unseal(callback["data"]) == '{"birth": "900101"}'
    assert "<recording>" in line.heard


async def test_the_served_caller_without_an_after_is_let_go() -> None:
    line = await call("1", "0", "queue:ANSWERED")
    assert line.hung_up
    assert line.notes_of("queue") == [{"k": "queue", "queue": "general"}]


async def test_a_key_in_the_queue_asks_for_a_callback() -> None:
    line = await call("1", "1", "queue:KEY:1")
    assert line.notes_of("callback")[0]["origin"] == "queue"


async def test_no_agents_is_offered_a_message_without_a_number() -> None:
    withheld = replace(ARRIVAL, caller=None)
    line = await call(
        "1", "0", "queue:JOINEMPTY", "1", "900101", "1", "0212345678#", "1", "talk:3", "1", arrival=withheld
    )
    assert VAULT.unseal(line.notes_of("callback")[0]["number"]) == "0212345678"
    assert "caller" not in line.notes_of("enter")[0]


async def test_an_end_is_journalled_but_not_saved_so_that_who_resumes_says_goodbye_again() -> None:
    line = await call("2", "3", "0000")
    assert not state_from_token(line.state, VAULT).ended
    again = FakeLine(moves=[], journal=line.journal)
    await engine().run(again, replace(ARRIVAL, state=line.state))
    assert again.heard == ["barred@en"]
    assert len(again.notes_of("end")) == 1


async def test_every_commit_has_the_next_number() -> None:
    line = await call("1", "1", "queue:TIMEOUT", "2", "queue:ANSWERED", "1")
    assert [entry["q"] for entry in line.journal] == list(range(len(line.journal)))


@pytest.mark.parametrize("moves", range(6))
async def test_a_hang_up_anywhere_has_one_end(moves: int) -> None:
    keys = ["1", "900101#", "1", "1", "talk:7", "1"][:moves]
    line = await call(*keys, "hangup", at=CLOSED_AT)
    assert line.hung_up
    assert len(line.notes_of("end")) == 1


async def test_an_unknown_number_is_told_in_every_language_and_blocked() -> None:
    line = await call(arrival=replace(ARRIVAL, dnis="999"))
    assert line.heard == [f"{NOT_IN_SERVICE}@ko", f"{NOT_IN_SERVICE}@en"]
    assert line.answered
    assert line.done
    assert [note["k"] for note in line.notes] == ["enter", "end"]
    assert line.notes_of("end") == [{"k": "end", "outcome": "blocked", "reason": "not_in_service"}]


async def test_a_hang_up_while_an_unknown_number_is_told() -> None:
    line = await call("hangup", arrival=replace(ARRIVAL, dnis="999"))
    assert line.notes_of("end")[0]["outcome"] == "blocked"


class Faulty(FakeLine):
    """A line on which `perform` has a fault of ours at the n-th action, and at the next `more` after it."""

    __slots__ = ("_countdown", "_more")

    def __init__(self, keys: tuple[str, ...], at: int, more: int = 0) -> None:
        super().__init__(moves=moves_from_keys(keys))
        self._countdown, self._more = at, more

    async def perform(self, action: Speak | Ask | Record) -> Event:
        self._countdown -= 1
        if -self._more <= self._countdown + 1 <= 0:
            raise LookupError("a fault of ours")
        return await super().perform(action)


class TestFault:
    async def test_is_apologised_for_and_ends_as_failed(self, caplog: pytest.LogCaptureFixture) -> None:
        line = Faulty(("1", "9", "9"), at=3)
        await engine().run(line, ARRIVAL)
        assert line.heard[-1] == "apology@ko"
        assert line.done
        assert line.notes_of("end") == [{"k": "end", "outcome": "failed", "reason": "fault"}]
        assert CALLER not in caplog.text

    async def test_in_the_apology_goes_to_the_dialplan(self, caplog: pytest.LogCaptureFixture) -> None:
        line = Faulty(("1", "9", "9"), at=3, more=1)
        with pytest.raises(LookupError):
            await engine().run(line, ARRIVAL)
        assert not line.done
        assert line.notes_of("step")[-1]["result"] == "fault"

    async def test_on_the_way_back_from_a_queue(self, caplog: pytest.LogCaptureFixture) -> None:
        centre = small_centre()
        line = FakeLine(moves=moves_from_keys(["1", "1"]))
        await engine(centre).run(line, ARRIVAL)
        broken = replace(centre, flow=replace(centre.flow, nodes={**centre.flow.nodes}))
        del broken.flow.nodes["offer"]  # type: ignore[attr-defined]
        back = replace(ARRIVAL, state=line.state, left_queue="TIMEOUT")
        await engine(broken).run(line, back)
        assert line.heard[-1] == "apology@ko"
        assert line.notes_of("end")[0]["outcome"] == "failed"

    async def test_asterisk_gone_is_not_ours_to_apologise_for(self) -> None:
        class Gone(FakeLine):
            async def perform(self, action: Speak | Ask | Record) -> Event:
                raise PeerError("Asterisk closed the AGI connection")

        line = Gone(moves=[])
        with pytest.raises(PeerError):
            await engine().run(line, ARRIVAL)
        assert not line.notes_of("end")


class TestResume:
    async def main_menu(self) -> tuple[FakeLine, str]:
        """A call whose controller died after one silence in the main menu: the line, and the state on its channel."""
        saved: list[str] = []

        class Watched(FakeLine):
            async def commit(self, journal: str, state: str) -> None:
                saved.append(state)
                await FakeLine.commit(self, journal, state)

        line = Watched(moves=moves_from_keys(["2", "-"]))
        await engine().run(line, ARRIVAL)
        return line, next(token for token in saved if state_from_token(token, VAULT).tries == 1)

    async def test_goes_on_at_the_same_node_language_and_try(self) -> None:
        _, token = await self.main_menu()
        line = FakeLine(moves=moves_from_keys(["-", "-"]))
        await engine().run(line, replace(ARRIVAL, state=token))
        assert line.heard[:2] == ["nothing_heard@en", "main_menu@en"]
        assert line.notes[0] == {"k": "resume", "node": "main"}
        # The second and third silence: the third one leads on.
        assert line.path[:3] == ["main", "main", "connecting"]
        assert line.answered

    async def test_the_version_that_the_call_began_with_is_used_while_it_is_there(self) -> None:
        _, token = await self.main_menu()
        old, new = small_centre(version="v1"), small_centre(version="v2")
        new = with_nodes(new, End(id="main", prompts=(Prompt("goodbye"),)))
        both = Engine(centres=FixedCentres((new, old)), vault=VAULT, clock=ManualClock(OPEN_AT))
        line = FakeLine(moves=[])
        await both.run(line, replace(ARRIVAL, state=token))
        assert line.heard == ["nothing_heard@en", "main_menu@en"]

    async def test_otherwise_the_present_one(self) -> None:
        _, token = await self.main_menu()
        line = FakeLine(moves=moves_from_keys(["9"]))
        await engine(small_centre(version="v2")).run(line, replace(ARRIVAL, state=token))
        assert line.path[0] == "main"

    @pytest.mark.parametrize("what", ["centre", "node"])
    async def test_a_centre_or_node_that_is_gone_ends_as_failed_and_keeps_what_was_journalled(self, what: str) -> None:
        watched, token = await self.main_menu()
        centre = small_centre(version="v2")
        if what == "centre":
            centre = replace(centre, id="other", numbers=("777",))
        else:
            nodes = {name: node for name, node in centre.flow.nodes.items() if name != "main"}
            centre = replace(centre, flow=replace(centre.flow, nodes=nodes))
        line = FakeLine(moves=[], journal=[e for e in watched.journal if e["q"] < 4])
        await engine(centre).run(line, replace(ARRIVAL, state=token))
        assert line.notes_of("enter")[0]["centre"] == "small"
        assert line.notes_of("end") == [{"k": "end", "outcome": "failed", "reason": "centre_gone"}]
        assert line.heard == [f"{NOT_IN_SERVICE}@en"]
        assert line.done

    async def test_a_state_of_another_key_is_refused_with_a_reason(self) -> None:
        with pytest.raises(OperatorError):
            await engine().run(FakeLine(moves=[]), replace(ARRIVAL, state="s1.00000000.AAAA"))

    async def test_a_caller_who_left_meanwhile(self) -> None:
        _, token = await self.main_menu()
        line = FakeLine(moves=[], hung_up=True)
        await engine().run(line, replace(ARRIVAL, state=token))
        assert line.journal == []


async def test_hang_up_before_the_answer_is_a_normal_ending() -> None:
    class Quick(FakeLine):
        async def answer(self) -> None:
            raise HungUp

    line = Quick(moves=[])
    await engine().run(line, ARRIVAL)
    assert [note["k"] for note in line.notes] == ["enter", "step"]


async def test_a_storm_of_keys_is_one_ended_call() -> None:
    line = await call("1", *["9"] * 1000)
    assert line.notes_of("end") == [{"k": "end", "outcome": "failed", "reason": "limit"}]
    assert line.moves


async def test_a_script_that_does_not_fit_says_so() -> None:
    with pytest.raises(ScriptMismatch):
        await call("1", "talk:3")


async def test_nothing_personal_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await call("1", "900101#", "1", "2", "0212345678#", "1", "talk:7", "1", at=CLOSED_AT)
    line = Faulty(("1", "900101#"), at=2)
    await engine(at=CLOSED_AT).run(line, ARRIVAL)
    assert not [text for text in (CALLER, "900101", "0212345678") if text in caplog.text]


async def test_an_arrival_does_not_show_its_number() -> None:
    arrival = Arrival(call="c", dnis="120", caller=CALLER)
    assert CALLER not in repr(arrival)


async def test_tokens_of_two_saves_differ() -> None:
    _, token = await TestResume().main_menu()
    state = state_from_token(token, VAULT)
    assert state.variables["caller"] == Personal(CALLER)
    assert state_to_token(state, VAULT) != token
