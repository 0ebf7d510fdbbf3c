"""`GET /recording/<call or file>`: a recording for who knows the token and says who they are and why, in headers."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from aiohttp import web

from ivr.errors import DestroyedError, IvrError, OperatorError

WHO, WHY = "X-Ivr-Who", "X-Ivr-Why"
"""Not in the URL, which proxies and browsers write down."""

Give = Callable[[str, str, str], Awaitable[tuple[str, str, Iterator[bytes]]]]
"""Which, who, why -> file, SHA-256, bytes; the access is on record. What it raises (IvrError) is the refusal."""


def recording_route(token: str, give: Give) -> web.RouteDef:
    """401: another token; 400: no name or reason; 404: no such recording; 410: destroyed; 503: Postgres is away."""

    async def handle(request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(_utf8(given).encode(), f"Bearer {token}".encode()):
            return _refused(401, "operator", "wrong token: see var/secrets/recordings.token")
        who, why = (_utf8(request.headers.get(name, "")).strip() for name in (WHO, WHY))
        if not who or not why:
            return _refused(400, "operator", f"say who you are and why in the headers {WHO} and {WHY} (UTF-8)")
        try:
            file, digest, pieces = await give(request.match_info["which"], who, why)
        except DestroyedError as error:
            return _refused(410, error.code, str(error))
        except OperatorError as error:
            return _refused(404, error.code, str(error))
        except IvrError as error:
            return _refused(503, error.code, str(error))
        response = web.StreamResponse(
            headers={
                "Content-Type": "audio/wav",
                "Content-Disposition": f'attachment; filename="{file.rpartition("/")[2]}"',
                "Cache-Control": "no-store",
                "X-Ivr-Sha256": digest,
            }
        )
        await response.prepare(request)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            await response.write(piece)
        await response.write_eof()
        return response

    return web.get("/recording/{which:.+}", handle)


def _refused(status: int, code: str, error: str) -> web.Response:
    body: dict[str, Any] = {"code": code, "error": error}
    return web.json_response(body, status=status)


def _utf8(header: str) -> str:
    return header.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
