"""How the system is before and after the nonsense: what must be the same, and what may not have happened."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from ivr.adapters.journal.lines import parse
from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.process import list_processes
from ivr.domain.events import JournalEvent
from ivr.fuzz.live.messages import CANARY
from ivr.testing.waiting import eventually

QUIET_S = 60.0
"""Longest time until the last channel is gone: Asterisk gives an answer that nobody acknowledged up 32 s later."""
SPARE_DESCRIPTORS = 12
"""Of a process: its pool of database connections and its open files breathe by so many."""
_APPLICATION = re.compile(r"^\s*(?:exten\s*=>[^,]*,[^,]*,|same\s*=>\s*\w+(?:\(\w+\))?,)([A-Za-z0-9_]+)\(", re.MULTILINE)
_CONTEXT = re.compile(r"^\[([^\]]+)\]", re.MULTILINE)
_OURS = frozenset({
    "", "AppDial", "AppDial2", "AppQueue", "CELGenUserEvent", "MSet", "AddQueueMember", "RemoveQueueMember",
    "PauseQueueMember", "UnpauseQueueMember", "Transferred Call", "(None)",
})  # fmt: skip
"""Applications besides those of the dialplan: what the controller executes, and Asterisk's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A system at rest, from outside."""

    layout: Layout
    pids: dict[str, int]
    descriptors: dict[str, int]
    journal_to: int
    logs_to: dict[Path, int]

    @classmethod
    def take(cls, layout: Layout) -> Look:
        processes = list_processes(layout.run)
        return cls(
            layout=layout,
            pids={name: process.pid for name, process in processes.items()},
            descriptors={name: psutil.Process(process.pid).num_fds() for name, process in processes.items()},
            journal_to=layout.journal.stat().st_size,
            logs_to={path: path.stat().st_size for path in layout.log.glob("*.log")},
        )

    def events(self) -> tuple[list[JournalEvent], int]:
        """What Asterisk wrote since, and how many lines are torn."""
        with self.layout.journal.open("rb") as file:
            file.seek(self.journal_to)
            read = [parse(line) for line in file.read().splitlines()]
        events = [one for one in read if isinstance(one, JournalEvent)]
        return events, len(read) - len(events)

    def calls(self) -> set[str]:
        """Calls of the trunk that began since."""
        events, _ = self.events()
        return {
            event.call for event in events if event.type == "CHAN_START" and event.channel.startswith("PJSIP/trunk-")
        }

    async def compare(self, count_channels: Callable[[], Awaitable[int]], canaries: Path) -> list[str]:
        """What is not as it must be, one line each. Waits until no channel is up."""
        found: list[str] = []
        try:
            await eventually(count_channels, lambda count: count == 0, within_s=QUIET_S)
        except TimeoutError as error:
            found.append(f"channels are left: {error}")
        now = {name: process.pid for name, process in list_processes(self.layout.run).items()}
        found += [f"{name} is not the process that it was" for name, pid in self.pids.items() if now.get(name) != pid]
        found += await self._descriptors()
        events, torn = self.events()
        if torn:
            found.append(f"{torn} journal lines are torn")
        found += _foreign(events, self.layout.asterisk_etc)
        found += [
            f"{path.name} has a traceback" for path in self.layout.log.glob("*.log") if b"Traceback" in self._new(path)
        ]
        found += [f"something ran that must not: {path.name}" for path in canaries.glob(f"{CANARY}*")]
        return found

    async def _descriptors(self) -> list[str]:
        found = []
        for name, before in self.descriptors.items():

            async def count(pid: int = self.pids[name]) -> int:
                try:
                    return psutil.Process(pid).num_fds()
                except psutil.NoSuchProcess:
                    return 0

            try:
                await eventually(count, lambda now, most=before + SPARE_DESCRIPTORS: now <= most, within_s=15)  # type: ignore[misc]
            except TimeoutError as error:
                found.append(f"{name} has {before} descriptors before and: {error}")
        return found

    def _new(self, path: Path) -> bytes:
        with path.open("rb") as file:
            file.seek(self.logs_to.get(path, 0))
            return file.read()


def _foreign(events: list[JournalEvent], etc: Path) -> list[str]:
    """Applications and contexts in the journal that no dialplan of ours has."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(etc.rglob("extensions*.conf"))]
    applications = {name.lower() for text in texts for name in _APPLICATION.findall(text)} | {
        one.lower() for one in _OURS
    }
    contexts = {name for text in texts for name in _CONTEXT.findall(text)} | {""}
    found = [f"application {event.app!r} ran" for event in events if event.app.lower() not in applications]
    found += [f"context {event.context!r} was reached" for event in events if event.context not in contexts]
    # Behind the door of the trunk an extension is what FILTER left of it, or one that the dialplan names.
    found += [
        f"extension {event.exten!r} in {event.context}"
        for event in events
        if event.context.startswith("ivr") and not re.fullmatch(r"[0-9+*#]+|[a-z]|[\w.]+", event.exten)
    ]
    return sorted(set(found))
