"""The `Lookup` port: what the engine may rely on, from the fake and over real HTTP alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from ivr.adapters.lookup.http import MOST_BYTES, HttpLookup
from ivr.domain.actions import Fetch, Fetched
from ivr.engine.ports import Lookup
from ivr.testing.lookups import FakeLookup

ANSWERS = {
    "/member": Fetched("found", {"account": {"balance": 12000}, "list": [1, 2]}),
    "/nobody": Fetched("not_found"),
    "/slow": Fetched("timeout"),
    "/broken": Fetched("error"),
    "/text": Fetched("error"),
    "/huge": Fetched("error"),
    "/elsewhere": Fetched("error"),
}
SECRET = "Bearer of-a-secret"
PERSON = "01098765432"


class Server:
    """A system that answers by path and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[web.Request, Any]] = []
        self.base = ""
        self.failures = 0
        """Answers with 503 so often before the right one."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request, await request.json() if request.can_read_body else None))
        if self.failures:
            self.failures -= 1
            return web.Response(status=503)
        match request.path:
            case "/member":
                return web.json_response(ANSWERS["/member"].document)
            case "/nobody":
                return web.Response(status=404)
            case "/slow":
                await asyncio.Event().wait()
            case "/text":
                return web.Response(text="<html>")
            case "/huge":
                return web.Response(text=f'"{"x" * MOST_BYTES}"', content_type="application/json")
            case "/elsewhere":
                return web.Response(status=302, headers={"Location": f"{self.base}/member"})
        return web.Response(status=500)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


World = Callable[[], Any]


@pytest.fixture(params=["fake", "http"])
def world(request: pytest.FixtureRequest, server: Server) -> World:
    @asynccontextmanager
    async def open_lookup() -> AsyncIterator[Lookup]:
        if request.param == "fake":
            yield FakeLookup({f"{server.base}{path}": answer for path, answer in ANSWERS.items()})
        else:
            async with HttpLookup({"IVR_LOOKUP_TOKEN": SECRET}) as lookup:
                yield lookup

    return open_lookup


def question(server: Server, path: str, **changes: Any) -> Fetch:
    asked = Fetch(
        url=f"{server.base}{path}",
        method="GET",
        query={},
        body={},
        headers={},
        secrets={},
        within_s=0.3,
        retries=0,
        key="n1-1.0-4",
    )
    return replace(asked, **changes)


@pytest.mark.parametrize("path", [*ANSWERS, "/unknown"])
async def test_every_answer_has_its_word(world: World, server: Server, path: str) -> None:
    async with world() as lookup:
        assert await lookup.fetch(question(server, path)) == ANSWERS.get(path, Fetched("error"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://name.invalid/"])
async def test_nobody_there_is_an_error(world: World, server: Server, url: str) -> None:
    async with world() as lookup:
        assert (await lookup.fetch(question(server, "", url=url))).how in ("error", "timeout")


async def on_http(server: Server, path: str, **changes: Any) -> Fetched:
    async with HttpLookup({"IVR_LOOKUP_TOKEN": SECRET}) as lookup:
        return await lookup.fetch(question(server, path, **changes))


async def test_what_is_sent(server: Server) -> None:
    await on_http(
        server,
        "/member",
        method="POST",
        query={"kind": "a b"},
        body={"number": PERSON},
        headers={"X-Centre": "120"},
        secrets={"Authorization": "IVR_LOOKUP_TOKEN"},
    )
    [(request, body)] = server.asked
    assert (request.method, request.path, dict(request.query), body) == (
        "POST",
        "/member",
        {"kind": "a b"},
        {"number": PERSON},
    )
    assert request.headers["X-Centre"] == "120"
    assert request.headers["Authorization"] == SECRET
    assert request.headers["Idempotency-Key"] == "n1-1.0-4"
    assert PERSON not in str(request.url)


async def test_a_get_has_no_body(server: Server) -> None:
    await on_http(server, "/member", body={"number": PERSON})
    assert server.asked[0][1] is None


@pytest.mark.parametrize(
    ("failures", "retries", "how", "times"), [(1, 1, "found", 2), (2, 1, "error", 2), (1, 0, "error", 1)]
)
async def test_faults_are_tried_again(server: Server, failures: int, retries: int, how: str, times: int) -> None:
    server.failures = failures
    assert (await on_http(server, "/member", retries=retries)).how == how
    assert len(server.asked) == times
    assert {request.headers["Idempotency-Key"] for request, _ in server.asked} == {"n1-1.0-4"}


@pytest.mark.parametrize("path", ["/nobody", "/text", "/elsewhere", "/huge"])
async def test_a_definite_answer_is_not_tried_again(server: Server, path: str) -> None:
    await on_http(server, path, retries=3)
    assert len(server.asked) == 1


async def test_a_slow_system_costs_a_bounded_time(server: Server) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await on_http(server, "/slow", retries=1, within_s=0.2) == Fetched("timeout")
    assert 0.4 <= loop.time() - began < 2.0
    assert len(server.asked) == 2


async def test_a_missing_secret_is_an_error_and_named(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    async with HttpLookup({}) as lookup:
        asked = question(server, "/member", secrets={"Authorization": "IVR_LOOKUP_TOKEN"})
        assert await lookup.fetch(asked) == Fetched("error")
    assert server.asked == []
    assert [vars(record)["variable"] for record in caplog.records] == ["IVR_LOOKUP_TOKEN"]


async def test_logs_say_nothing_of_what_was_asked_or_told(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for path in (*ANSWERS, "/unknown"):
        asked = {"method": "POST", "body": {"number": PERSON}, "query": {"kind": PERSON}}
        await on_http(server, path, secrets={"Authorization": "IVR_LOOKUP_TOKEN"}, **asked)
    told = [str(vars(record)) for record in caplog.records if record.name.startswith("ivr")]
    assert told
    assert not [line for line in told if PERSON in line or SECRET in line]


async def test_outside_its_context_it_answers_error(server: Server) -> None:
    answer: Awaitable[Fetched] = HttpLookup({}).fetch(question(server, "/member"))
    assert await answer == Fetched("error")
