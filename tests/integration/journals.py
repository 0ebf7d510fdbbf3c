"""Journals to ingest: what a real Asterisk wrote (tests/data/journals), repeated under other ids and interleaved."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "journals"

CALLS = (
    "abandoned",
    "abandoned_while_ringing",
    "agent_login",
    "answered_agent_hangs_up",
    "answered_caller_hangs_up",
    "blocked",
    "declined_then_second",
    "long_commit",
    "message_hangup",
    "message_kept",
    "no_answer_then_second",
    "queue_timeout",
    "self_served",
    "transferred_to_tier2",
)
"""Journals of one call that ends."""


def lines_of(name: str, copy: int = 0) -> list[bytes]:
    """The lines of a recorded journal, as those of another call for each `copy`."""
    text = (DATA / f"{name}.csv").read_bytes()
    if copy:
        text = re.sub(rb"n1-(\d+)\.(\d+)", rb"n1-\1.\g<2>%03d" % copy, text)
    return text.splitlines(keepends=True)


def interleaved(names: Sequence[str], *, copies: int = 1, seed: int = 0) -> list[bytes]:
    """Many calls at once: the order of each call's lines is kept, that of calls is random."""
    chance = random.Random(seed)
    queues = [lines_of(name, copy) for copy in range(1, copies + 1) for name in names]
    mixed = []
    while queues:
        queue = chance.choice(queues)
        mixed.append(queue.pop(0))
        if not queue:
            queues.remove(queue)
    return mixed


def line(
    kind: str, call: str, *, at: float = 1795323000.0, channel: str = "PJSIP/trunk-00000001", extra: str = ""
) -> bytes:
    """One line by hand, of the call's first channel."""
    user = kind if kind == "IVR" else ""
    fields = [kind, user, f"{at:.6f}", channel, call, call, "120", "from-trunk", "", "", extra.replace('"', '""')]
    return (",".join(f'"{field}"' for field in fields) + "\n").encode()


def commit(number: int, *notes: dict[str, object]) -> str:
    """EventExtra of a commit."""
    text = json.dumps({"q": number, "n": notes}, ensure_ascii=False).encode()
    return json.dumps({"extra": base64.urlsafe_b64encode(text).decode().rstrip("=")})


ENTER: dict[str, object] = {
    "k": "enter", "centre": "120", "version": "0" * 12, "dnis": "120", "at": "2026-11-23T20:00:00+09:00",
    "language": "ko", "caller": "s1.k.A", "caller_key": "aa",
}  # fmt: skip


def whole_call(call: str, *notes: dict[str, object], at: float = 1795323000.0) -> list[bytes]:
    """A caller who came, what the flow said in one commit, and the caller's hang-up ten seconds later."""
    gone = '{"hangupcause":16,"hangupsource":"PJSIP/trunk-00000001","dialstatus":""}'
    return [
        line("CHAN_START", call, at=at),
        line("ANSWER", call, at=at),
        line("IVR", call, at=at + 1, extra=commit(0, ENTER, *notes)),
        line("HANGUP", call, at=at + 10, extra=gone),
        line("CHAN_END", call, at=at + 10),
        line("LINKEDID_END", call, at=at + 10),
    ]
