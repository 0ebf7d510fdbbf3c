"""What every process of ours is: told to end by a signal, asked over its socket, known by its name."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.web.health import HealthServer, Status


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def answering(
    name: str,
    layout: Layout,
    figures: Status,
    *,
    address: tuple[str, int] | None = None,
    routes: Iterable[web.RouteDef] = (),
) -> HealthServer:
    """Entered last, as it is what says that the process does its work. `address` is for who asks any controller."""

    def status() -> Mapping[str, Any]:
        return {"name": name, "ready": True, **figures()}

    return HealthServer(status, routes, address=address, socket=layout.worker_socket(name))
