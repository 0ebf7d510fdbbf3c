"""Orders to the controller over HTTP: only with the token, refusals in words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from ivr.adapters.web.control import order_routes
from ivr.adapters.web.health import HealthServer
from ivr.errors import AuthorError, OperatorError
from ivr.live_change import need_text
from ivr.testing.sipp import find_free_port

TOKEN = "t" * 32


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def echo(body: Mapping[str, Any]) -> Mapping[str, Any]:
        if body.get("wrong"):
            raise AuthorError("flow.yaml:1:2: no")
        return {"told": need_text(body, "note")}

    port = find_free_port()
    async with HealthServer(lambda: {"ready": True}, order_routes(TOKEN, {"echo": echo}), address=("127.0.0.1", port)):
        yield f"http://127.0.0.1:{port}/order/echo"


async def post(url: str, data: bytes, token: str = TOKEN) -> tuple[int, dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=data, headers={"Authorization": f"Bearer {token}"}) as answer,
    ):
        return answer.status, await answer.json()


async def test_an_order_is_done_and_answered(url: str) -> None:
    assert await post(url, '{"note": "연휴"}'.encode()) == (200, {"told": "연휴"})


@pytest.mark.parametrize("token", ["", "x" * 32, TOKEN + "t", "토큰"])
async def test_nobody_orders_without_the_token(url: str, token: str) -> None:
    status, body = await post(url, b"{}", token)
    assert (status, "told" in body) == (401, False)


@pytest.mark.parametrize("data", [b"[]", b"{", b'"x"', b"\xff", b'{"note": "' + b"x" * 100_000 + b'"}'])
async def test_a_body_that_is_no_object_is_refused(url: str, data: bytes) -> None:
    status, _ = await post(url, data)
    assert status == 400


async def test_a_refusal_is_told_in_its_words(url: str) -> None:
    assert await post(url, b'{"wrong": true}') == (409, {"code": "author", "error": "flow.yaml:1:2: no"})
    status, body = await post(url, b'{"note": "two\\nlines"}')
    assert (status, body["code"]) == (409, OperatorError.code)
