"""`/health/live` (the event loop turns), `/health/ready` (calls are taken) and `/status` (figures)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

Status = Callable[[], Mapping[str, Any]]
"""Figures of this process; their key `ready` says whether it does its work (a controller: takes calls)."""


def _without_requests(record: logging.LogRecord) -> bool:
    """A request that is no HTTP is not worth a traceback, and what was in it has no place in a log."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args, record.exc_info = "refused a request that is no HTTP", (), None
    return True


def _logger() -> logging.Logger:
    logger = logging.getLogger("ivr.http")
    logger.addFilter(_without_requests)
    return logger


class HealthServer:
    """Serves until the context ends. Raises OSError when the port is taken."""

    def __init__(
        self,
        status: Status,
        routes: Iterable[web.RouteDef] = (),
        *,
        address: tuple[str, int] | None = None,
        socket: Path | None = None,
        peers: Container[str] | None = None,
    ) -> None:
        """`routes` are served beside. `address` may be shared with other controllers, any of which answers; `socket`
        is a Unix socket of this process alone. `peers` are those who may ask at `address` (None: anybody): others get
        403, whatever they ask."""
        self._address = address
        self._socket = socket
        self._status = status

        @web.middleware
        async def from_peers(request: web.Request, handler: Handler) -> web.StreamResponse:
            if peers is not None and request.remote and request.remote not in peers:
                raise web.HTTPForbidden
            return await handler(request)

        application = web.Application(middlewares=[from_peers])
        application.router.add_get("/health/live", self._live)
        application.router.add_get("/health/ready", self._ready)
        application.router.add_get("/status", self._figures)
        application.router.add_routes(routes)
        self._shared: web.TCPSite | None = None
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, logger=_logger())

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        if self._address is not None:
            host, port = self._address
            self._shared = web.TCPSite(self._runner, host, port, reuse_port=True)
            await self._shared.start()
        if self._socket is not None:
            await web.UnixSite(self._runner, self._socket).start()
        return self

    async def leave(self) -> None:
        """No new requests at the shared address: another process takes them."""
        if self._shared is not None:
            await self._shared.stop()
            self._shared = None

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _ready(self, _: web.Request) -> web.Response:
        ready = bool(self._status().get("ready"))
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    async def _figures(self, _: web.Request) -> web.Response:
        return web.json_response(dict(self._status()))
