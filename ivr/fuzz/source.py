"""Where cases come from: one seeded stream of choices, values that mean harm, and damage done to real captures."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")

HARMFUL = (
    "${SHELL(id)}", "$(id)", "`id`", "${EVAL(${EXTEN})}", "$[1/0]", "&SIP/evil", "PJSIP/1001&PJSIP/1002", "|", ",",
    ",,,", ";", '"', "'", "\\", "\\\\", '\\"', "%s%n%x", "../../../etc/passwd", "<sip:a@b>", "(", "[", "{", ")",
    "]", "}", "\r\nAction: Originate", "\nEXEC System id", "\r", "\n", "\x00", "\t", "\x1b[2J", "\x7f", "\x85",
    "\u2028", "\ufeff", "김하나", "홍길동 상담원", "가" * 40, "😀", "\u202e", "é", "NaN", "-1", "0", "1e999",
    "99999999999999999999", "9" * 400, "1_0", "٣", "²", "true", "null", "", " ", "  ", "result=1", "200 result=0",
    "HANGUP", "agi_x: y", "s1.00000000.AAAA", "Event: Shutdown", "Response: Error", "--END COMMAND--",
)  # fmt: skip
"""Pieces of text that mean something to some parser that they pass on their way."""
EDGES = (0, 1, 2, 3, 7, 255, 256, 700, 701, 1023, 1024, 2047, 2048)
"""Lengths at which something begins to be too long somewhere."""


class Source:
    """The choices of one case: the same `(seed, kind, number)` makes the same case."""

    def __init__(self, seed: int, kind: str, number: int) -> None:
        self.random = random.Random(f"{seed}/{kind}/{number}")
        self.chance = self.random.random

    def whole(self, low: int, high: int) -> int:
        """From `low` to `high`, both included."""
        return low + int(self.chance() * (high - low + 1))

    def one_of(self, values: Sequence[T]) -> T:
        return values[int(self.chance() * len(values))]

    def raw(self, most: int) -> bytes:
        return self.random.randbytes(self.whole(0, most))

    def text(self, pieces: int = 4) -> str:
        """Wild text: harm, words, digits, any character; now and then a very long one."""
        made = "".join(self._piece() for _ in range(self.whole(0, pieces)))
        if self.chance() < 0.02:
            made = (made or "x") * self.one_of(EDGES)
        return made[:20_000]

    def _piece(self) -> str:
        kind = self.chance()
        if kind < 0.5:
            return self.one_of(HARMFUL)
        if kind < 0.75:
            return "".join(chr(self.whole(32, 126)) for _ in range(self.whole(1, 12)))
        if kind < 0.9:
            return str(self.whole(0, 10 ** self.whole(1, 19)))
        # Any character there is, halves of surrogate pairs included: Python text may hold them.
        return chr(self.whole(0, 0x10FFFF))

    def line(self, pieces: int = 4) -> str:
        """Wild text that stays on its line."""
        return self.text(pieces).translate({10: None, 13: None, 0: None})

    def chunks(self, data: bytes) -> list[bytes]:
        """The same bytes as the network may deliver them: whole, in halves, in many pieces, byte by byte."""
        if len(data) < 2 or self.chance() < 0.1:
            return [data]
        if len(data) < 300 and self.chance() < 0.1:
            return [data[place : place + 1] for place in range(len(data))]
        cuts = {self.whole(1, len(data) - 1) for _ in range(self.whole(1, 8))}
        if self.chance() < 0.3:  # around the ends of lines
            ends = [match.start() for match in re.finditer(rb"[\r\n]", data)]
            cuts |= {max(1, self.one_of(ends) + self.whole(-1, 1)) for _ in range(3)} if ends else set()
        edges = sorted({0, len(data), *cuts})
        return [data[start:end] for start, end in pairwise(edges)]

    def damaged(self, data: bytes, most: int = 3) -> bytes:
        """A capture with one to `most` things wrong with it."""
        for _ in range(self.whole(1, most)):
            data = self._damage(data)
        return data

    def _damage(self, data: bytes) -> bytes:
        start, end = sorted((self.whole(0, len(data)), self.whole(0, len(data))))
        match self.whole(0, 8):
            case 0:  # cut short
                return data[:start]
            case 1:  # a part is missing
                return data[:start] + data[min(end, start + 12) :]
            case 2:  # a part twice
                return data[:end] + data[start:]
            case 3:  # a byte is another
                return data[:start] + self.random.randbytes(1) + data[start + 1 :]
            case 4:  # one bit is another
                return (
                    data[:start] + bytes((data[start] ^ 1 << self.whole(0, 7),)) + data[start + 1 :]
                    if data[start:]
                    else data
                )
            case 5:  # something that means harm
                return data[:start] + self.one_of(HARMFUL).encode() + data[start:]
            case 6:  # bytes of any kind
                return data[:start] + self.raw(8) + data[start:]
            case 7:  # two lines change places
                lines = data.split(b"\n")
                here, there = self.whole(0, len(lines) - 1), self.whole(0, len(lines) - 1)
                lines[here], lines[there] = lines[there], lines[here]
                return b"\n".join(lines)
            case _:  # a run grows far beyond what is usual
                return data[:start] + (data[start : start + 1] or b"x") * self.one_of(EDGES) + data[start:]
