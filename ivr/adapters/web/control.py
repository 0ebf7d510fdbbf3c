"""Orders to the controller over its HTTP port: `POST /order/<name>` with a JSON object, from who knows the token."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from ivr.errors import IvrError

Order = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Body -> answer, both JSON objects. What it raises (IvrError) is the refusal."""
REFUSED = 409
MAX_BYTES = 16_384


def order_routes(token: str, orders: Mapping[str, Order]) -> list[web.RouteDef]:
    """Routes for a server. A wrong token gets 401; a refusal 409 with {"code", "error"}."""
    return [web.post(f"/order/{name}", _handler(token, order)) for name, order in orders.items()]


def _handler(token: str, order: Order) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), f"Bearer {token}".encode()):
            return web.json_response({"code": "operator", "error": "wrong token: see var/secrets"}, status=401)
        try:
            raw = await request.read()
            body = json.loads(raw) if len(raw) <= MAX_BYTES else None
        except (ValueError, RecursionError, ConnectionError):  # the last: whoever sent it left before its end
            body = None
        if not isinstance(body, dict):
            return web.json_response({"code": "operator", "error": "the body must be a JSON object"}, status=400)
        try:
            return web.json_response(dict(await order(body)))
        except IvrError as error:
            return web.json_response({"code": error.code, "error": str(error)}, status=REFUSED)

    return handle
