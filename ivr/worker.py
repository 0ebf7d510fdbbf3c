"""What every process of ours is: told to end by a signal, asked over its socket, known by its name."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Container, Iterable, Mapping
from typing import Any

from aiohttp import web

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.web.health import HealthServer, Status
from ivr.engine.loop_lag import LoopLag


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@contextlib.asynccontextmanager
async def answering(
    name: str,
    layout: Layout,
    figures: Status,
    *,
    address: tuple[str, int] | None = None,
    routes: Iterable[web.RouteDef] = (),
    peers: Container[str] | None = None,
) -> AsyncIterator[HealthServer]:
    """The server of its figures, entered last, as it is what says that the process does its work. `address` is for who
    asks any controller.

    How late the event loop is goes with the figures of each process.
    """
    lag = LoopLag()

    def status() -> Mapping[str, Any]:
        return {"name": name, "ready": True, "loop_lag": lag.seen.to_json(), **figures()}

    probing = asyncio.create_task(lag.run(), name="loop lag")
    try:
        socket = layout.worker_socket(name)
        async with HealthServer(status, routes, address=address, socket=socket, peers=peers) as server:
            yield server
    finally:
        probing.cancel()
