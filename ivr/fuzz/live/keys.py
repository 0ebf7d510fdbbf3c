"""Storms of keys: RTP events that overlap, lie about their length, never end, or are no RTP at all."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator

from ivr.fuzz.source import Source

PACKETS_PER_S = 500
_VERSION = 0x80
_TYPES = (96, 96, 96, 96, 0, 101, 127, 8)


def packets(source: Source, count: int) -> Iterator[bytes]:
    """Events of one caller, as a broken or hostile telephone sends them."""
    sequence, stamp, ssrc = source.whole(0, 0xFFFF), source.whole(0, 2**32 - 1), source.whole(0, 2**32 - 1)
    for _ in range(count):
        sequence = (sequence + source.one_of((1, 1, 1, 0, 2, -3, 1000))) & 0xFFFF
        stamp = (stamp + source.one_of((0, 0, 160, 160, -160, 2**31))) & 0xFFFFFFFF
        marker = source.one_of((0, 0, 0x80))
        head = struct.pack("!BBHII", _VERSION, source.one_of(_TYPES) | marker, sequence, stamp, ssrc)
        code = source.whole(0, 15) if source.chance() < 0.8 else source.whole(0, 255)
        flags = source.one_of((0x0A, 0x8A, 0x8A, 0xFF, 0x00))
        event = struct.pack("!BBH", code, flags, source.one_of((0, 160, 480, 960, 0xFFFF)))
        packet = head + event * source.one_of((1, 1, 1, 1, 0, 2, 40))
        if source.chance() < 0.1:
            packet = source.damaged(packet)
        yield packet[:1400]
        if source.chance() < 0.01:
            ssrc = source.whole(0, 2**32 - 1)


async def storm(source: Source, server: tuple[str, int], seconds: float) -> int:
    """Sends packets to an RTP port (and nonsense to its RTCP port) for `seconds`; how many."""
    host, port = server
    sent = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind((host, 0))
        own.setblocking(False)
        for packet in packets(source, round(seconds * PACKETS_PER_S)):
            with_rtcp = source.chance() < 0.02
            for data, target in ((packet, port), *(((source.raw(100), port + 1),) if with_rtcp else ())):
                try:
                    own.sendto(data, (host, target))
                    sent += 1
                except (BlockingIOError, ConnectionRefusedError):
                    pass  # the call may be over; the storm goes on
            if sent % 25 == 0:
                await asyncio.sleep(25 / PACKETS_PER_S)
            if loop.time() > until:
                break
    return sent
