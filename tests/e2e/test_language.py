"""Transfers, lookups and surveys on real Asterisk: the centre of tests/data/centres/language, called by SIPp."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from records import Records, Step
from system import OPEN, RunningSystem, running_system

from ivr.testing.phones import AgentPhone, Answer, Behaviour, Decline, Ignore
from ivr.testing.sipp import find_free_port
from ivr.testing.sipp_xml import AwaitBye, CallerScript, Keys, Pause, ScriptedCall, SipMove

LANGUAGE = Path(__file__).parents[1] / "data" / "centres" / "language"
PORT_IN_FLOW = "8971"
SECRET = "Bearer of-the-trial"
BIRTH_DATE = "900101"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(scope="module")
def lookup_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def system(lookup_port: int) -> Iterator[RunningSystem]:
    """In the place of the session's: the shipped centre and ours side by side."""

    def add(dialplans: Path) -> None:
        shutil.copytree(LANGUAGE, dialplans / "language")
        flow = dialplans / "language" / "flow.yaml"
        flow.write_text(flow.read_text("utf-8").replace(PORT_IN_FLOW, str(lookup_port)), encoding="utf-8")

    with running_system(add, IVR_LOOKUP_TRIAL=SECRET) as started:
        started.set_clock(OPEN)
        yield started


def _add_as_it_is(dialplans: Path) -> None:
    shutil.copytree(LANGUAGE, dialplans / "language")


async def call(
    system: RunningSystem, records: Records, *moves: SipMove | str
) -> tuple[dict[str, Any], tuple[Step, ...]]:
    """A whole call to the centre in Korean; texts are keys, each pressed a second after what was before."""
    timed: list[SipMove] = [Pause(1), Keys("1"), Pause(1)]
    for move in moves:
        timed += [Keys(move), Pause(1)] if isinstance(move, str) else [move]
    script = CallerScript(dial="1577", moves=(*timed, AwaitBye(40)))
    caller = system.new_caller()
    await system.call_all([ScriptedCall(script=script, caller=caller)])
    ended = await records.ended_call(caller)
    return ended, tuple(step for step in await records.steps(ended["id"]) if step[2] != "done")


@asynccontextmanager
async def reachable(system: RunningSystem, agent: str, behaviour: Behaviour) -> AsyncIterator[None]:
    """The phone of an agent who is not logged in to any queue."""
    phone = system.phone(agent)
    async with phone.serving(behaviour):
        await phone.register()
        try:
            yield
        finally:
            await phone.register(expires_s=0)


@asynccontextmanager
async def other_system(port: int, answer: Handler) -> AsyncIterator[list[web.Request]]:
    """A real server; what it was asked."""
    asked: list[web.Request] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        await request.read()
        asked.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield asked
    finally:
        await runner.cleanup()


def told(document: Mapping[str, Any], status: int = 200) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(document, status=status)

    return answer


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


ACCOUNT = {"accounts": [{"balance": 12000}], "waiting": 3, "since": "2024-05-01"}


# --- transfers ---


async def test_a_transfer_that_is_answered_ends_with_the_talk(system: RunningSystem, records: Records) -> None:
    async with reachable(system, "3001", Answer(after_s=0.5, talk_s=2)):
        ended, steps = await call(system, records, "2")
    assert steps[-2:] == (("agent", "", "dialling", "agent"), ("agent", "", "answered", None))
    assert (ended["outcome"], ended["end_reason"], ended["queue"]) == ("answered", "transferred", None)
    (leg,) = await records.legs(ended["id"], "agent")
    assert leg["agent"] == "3001"
    assert leg["talk_s"] == pytest.approx(2, abs=0.7)


@pytest.mark.parametrize(
    ("behaviour", "result", "to"), [(Decline(), "busy", "agent_busy"), (Ignore(), "no_answer", "agent_silent")]
)
async def test_a_transfer_that_is_not_answered_goes_on(
    system: RunningSystem, records: Records, behaviour: Behaviour, result: str, to: str
) -> None:
    async with reachable(system, "3001", behaviour):
        ended, steps = await call(system, records, "2")
    assert steps[-1] == ("agent", "", result, to)
    assert ended["outcome"] == "self_served"


async def test_a_phone_that_is_not_there_is_a_failed_transfer(system: RunningSystem, records: Records) -> None:
    _, steps = await call(system, records, "2")
    assert steps[-1] == ("agent", "", "failed", "agent_gone")


async def test_an_agent_in_a_talk_is_busy_and_hears_nothing_of_it(system: RunningSystem, records: Records) -> None:
    async with reachable(system, "3001", Answer(after_s=0.2, talk_s=8)):
        first = asyncio.create_task(call(system, records, "2"))
        talking = "SELECT 1 FROM ivr.legs WHERE agent = '3001' AND state = 'talking'"
        await records.until_rows(talking)
        _, steps = await call(system, records, "2")
        assert steps[-1] == ("agent", "", "busy", "agent_busy")
        assert (await first)[0]["outcome"] == "answered"


async def test_a_number_is_not_dialled_without_a_trunk(system: RunningSystem, records: Records) -> None:
    ended, steps = await call(system, records, "3")
    assert steps[-1] == ("to_head_office", "", "failed", "not_reached")
    assert [leg["kind"] for leg in await records.legs(ended["id"])] == ["caller"]


async def test_a_transfer_to_a_queue(system: RunningSystem, records: Records) -> None:
    async with system.on_duty("3001", Answer(after_s=0.5, talk_s=2)):
        ended, steps = await call(system, records, "4")
    assert steps[-1] == ("to_desk", "", "answered", None)
    assert (ended["outcome"], ended["queue"], ended["end_reason"]) == ("answered", "desk", "transferred")


async def test_a_transfer_to_a_queue_without_agents(system: RunningSystem, records: Records) -> None:
    _, steps = await call(system, records, "4")
    assert steps[-1] == ("to_desk", "", "busy", "agent_gone")


@pytest.mark.timeout(200)
async def test_a_number_is_dialled_through_the_trunk_that_is_set() -> None:
    """A system of its own, for the trunk is set at the start; SIPp is the office at its other end."""
    port = find_free_port()
    with running_system(_add_as_it_is, IVR_OUTBOUND_TRUNK=f"127.0.0.1:{port}") as system:
        system.set_clock(OPEN)
        trunk = AgentPhone(sipp=system.sipp, user="office", password="", port=port)
        async with Records.open(system) as records, trunk.serving(Answer(after_s=0.5, talk_s=2)) as office:
            ended, steps = await call(system, records, "3")
            assert (await office.stop()).calls == 1
            assert steps[-1] == ("to_head_office", "", "answered", None)
            assert (ended["outcome"], ended["end_reason"]) == ("answered", "transferred")
            (leg,) = await records.legs(ended["id"], "transfer")
            assert leg["agent"] is None
            assert leg["talk_s"] == pytest.approx(2, abs=0.7)


# --- lookups ---


async def test_what_another_system_knows_is_said(system: RunningSystem, records: Records, lookup_port: int) -> None:
    async with other_system(lookup_port, told(ACCOUNT)) as asked:
        ended, steps = await call(system, records, "1", "1234#")
    assert ("account", "", "found", "told") in steps
    [request] = asked
    assert dict(request.query) == {"member": "1234", "kind": "basic"}
    assert (request.headers["Authorization"], request.headers["X-Centre"]) == (SECRET, "language")
    heard = await records.rows("SELECT heard FROM ivr.steps WHERE call = $1 AND node = 'goodbye'", ended["id"])
    assert heard[0]["heard"].split()[:4] == ["number_is", "money:12000", "count:3", "date:2024-05-01"]


@pytest.mark.parametrize(
    ("answer", "result", "to", "times"),
    [
        (told({}, status=404), "not_found", "unknown_member", 1),
        (told({"accounts": []}), "not_found", "unknown_member", 1),
        (told({**ACCOUNT, "waiting": "many"}), "error", "out_of_order", 1),
        (told({}, status=500), "error", "out_of_order", 2),
        (never, "timeout", "too_slow", 2),
    ],
)
async def test_every_failure_has_its_branch(
    system: RunningSystem, records: Records, lookup_port: int, answer: Handler, result: str, to: str, times: int
) -> None:
    async with other_system(lookup_port, answer) as asked:
        _, steps = await call(system, records, "1", "1234#")
    assert ("account", "", result, to) in steps
    assert len(asked) == times


async def test_nobody_listens_there(system: RunningSystem, records: Records) -> None:
    _, steps = await call(system, records, "1", "1234#")
    assert ("account", "", "error", "out_of_order") in steps


def local_ports(process: psutil.Process) -> set[int]:
    return {connection.laddr.port for connection in process.net_connections("tcp") if connection.laddr}


async def test_after_a_kill_the_next_controller_asks_again_and_the_caller_goes_on(
    system: RunningSystem, records: Records, lookup_port: int
) -> None:
    async def kill_first(request: web.Request) -> web.StreamResponse:
        if len(asked) == 1:
            # Only the one who asks: with none left, a local AGI would go on, which asks nobody.
            assert request.transport is not None
            _, port = request.transport.get_extra_info("peername")
            [asking] = [each for each in system.controllers if port in local_ports(each)]
            asking.kill()
            return await never(request)
        return web.json_response(ACCOUNT)

    async with other_system(lookup_port, kill_first) as asked:
        ended, steps = await call(system, records, "1", "1234#", Pause(2))
    assert ("account", "", "found", "told") in steps
    assert len({request.headers["Idempotency-Key"] for request in asked}) == 1
    assert ended["outcome"] == "self_served"


async def test_personal_values_go_into_the_body_and_nowhere_else(
    system: RunningSystem, records: Records, lookup_port: int
) -> None:
    bodies: list[Any] = []

    async def person(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        return web.json_response({"person": {"birth_date": BIRTH_DATE}})

    async with other_system(lookup_port, person) as asked:
        ended, steps = await call(system, records, "6")
    assert ("person", "", "found", "person_told") in steps
    [body] = bodies
    assert body["language"] == "ko"
    assert system.vault.key_of(body["number"]) == ended["caller_key"]
    assert asked[0].query_string == ""
    heard = await records.rows("SELECT heard FROM ivr.steps WHERE call = $1 AND node = 'goodbye'", ended["id"])
    assert heard[0]["heard"].split()[:2] == ["birth_date_is", "<date>"]
    logs = b"".join(path.read_bytes() for path in system.installation.layout.log.glob("*.log"))
    for secret in (body["number"], BIRTH_DATE, SECRET):
        assert secret.encode() not in logs


# --- scores ---


@pytest.mark.parametrize(("pressed", "score"), [("10", 10), ("7#", 7), ("0#", 0), ("7", 7)])
async def test_scores_after_the_agent_hung_up(
    system: RunningSystem, records: Records, pressed: str, score: int
) -> None:
    async with system.on_duty("3001", Answer(after_s=0.2, talk_s=2)):
        ended, steps = await call(system, records, "0", Pause(4), "4", pressed)
    assert ("desk", "", "served", "satisfaction") in steps
    assert (ended["outcome"], ended["end_reason"]) == ("answered", "finished")
    rows = await records.rows("SELECT * FROM ivr.surveys WHERE call = $1 ORDER BY seq", ended["id"])
    shown = ("node", "metric", "lowest", "highest", "score", "of_agent", "agent", "queue", "language")
    assert [tuple(row[name] for name in shown) for row in rows] == [
        ("satisfaction", "csat", 1, 5, 4, True, "3001", "desk", "ko"),
        ("recommendation", "nps", 0, 10, score, False, "3001", "desk", "ko"),
    ]
