"""`/health/live` (the event loop turns), `/health/ready` (calls are taken) and `/status` (figures)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

Status = Callable[[], Mapping[str, Any]]
"""Figures of the controller; its key `ready` says whether calls are taken."""


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

    def __init__(self, host: str, port: int, status: Status, routes: Iterable[web.RouteDef] = ()) -> None:
        """`routes` are served beside."""
        self._host = host
        self._port = port
        self._status = status
        application = web.Application()
        application.router.add_get("/health/live", self._live)
        application.router.add_get("/health/ready", self._ready)
        application.router.add_get("/status", self._figures)
        application.router.add_routes(routes)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, logger=_logger())

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _ready(self, _: web.Request) -> web.Response:
        ready = bool(self._status().get("ready"))
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    async def _figures(self, _: web.Request) -> web.Response:
        return web.json_response(dict(self._status()))
