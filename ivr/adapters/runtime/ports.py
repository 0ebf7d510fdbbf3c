"""Which ports the parts listen on, and whether those are free."""

from __future__ import annotations

import contextlib
import random
import socket
from dataclasses import dataclass

import psutil

from ivr.errors import OperatorError

FREE_FIRST, FREE_LAST = 15000, 30000
"""Where free ports are looked for: below the range that the kernel hands out to outgoing connections."""
RTP_BLOCK = 400
"""Ports in a free RTP block: two a channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Listening ports of one system. SIP and RTP are UDP, the others TCP; all on the address `bind`."""

    sip: int
    agi: int
    ami: int
    http: int
    postgres: int
    rtp_first: int
    rtp_last: int
    bind: str = "127.0.0.1"


def find_free_ports(bind: str = "127.0.0.1") -> Ports:
    """Ports that nobody listens on now: for tests and trials beside a running system."""
    taken: set[int] = set()
    found = [_free_port(bind, taken) for _ in range(5)]
    rtp = _free_rtp_block(bind, taken)
    sip, agi, ami, http, postgres = found
    return Ports(
        sip=sip,
        agi=agi,
        ami=ami,
        http=http,
        postgres=postgres,
        rtp_first=rtp,
        rtp_last=rtp + RTP_BLOCK - 1,
        bind=bind,
    )


def require_free(port: int, kind: socket.SocketKind, *, bind: str, purpose: str, setting: str) -> None:
    """Raises OperatorError naming the port, its owner where visible, and the setting that changes it.

    A port that controllers share is not free while one of them runs.
    """
    if _is_free(bind, port, kind):
        return
    protocol = "udp" if kind == socket.SOCK_DGRAM else "tcp"
    owner = _owner(port, kind)
    raise OperatorError(
        f"port {port}/{protocol} for {purpose} is taken{owner}: stop that program or set {setting} to another port"
    )


def _is_free(bind: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # Connections that are still winding down do not hinder a listener.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            return False
        return True


def _free_port(bind: str, taken: set[int]) -> int:
    for _ in range(1000):
        port = random.randrange(FREE_FIRST, FREE_LAST)
        if port not in taken and _is_free(bind, port, socket.SOCK_STREAM) and _is_free(bind, port, socket.SOCK_DGRAM):
            taken.add(port)
            return port
    raise OperatorError(f"no free port between {FREE_FIRST} and {FREE_LAST} on {bind}")


def _free_rtp_block(bind: str, taken: set[int]) -> int:
    for _ in range(100):
        first = random.randrange(FREE_FIRST, FREE_LAST - RTP_BLOCK, 2)
        block = range(first, first + RTP_BLOCK)
        if taken.isdisjoint(block) and all(_is_free(bind, port, socket.SOCK_DGRAM) for port in block):
            return first
    raise OperatorError(f"no {RTP_BLOCK} free UDP ports in a row between {FREE_FIRST} and {FREE_LAST} on {bind}")


def _owner(port: int, kind: socket.SocketKind) -> str:
    """` by process 12 (asterisk)`, or nothing where this user may not know."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("inet"):
            listens = connection.status == psutil.CONN_LISTEN or kind == socket.SOCK_DGRAM
            if (
                connection.type == kind
                and connection.laddr
                and connection.laddr.port == port
                and listens
                and connection.pid
            ):
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""
