"""ivr replay: yesterday's calls against tomorrow's dialplans."""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from ivr.adapters.db.history import past_calls
from ivr.adapters.db.pool import open_pool
from ivr.bootstrap import Installation
from ivr.cli.folders import FOLDER
from ivr.cli.output import business_instant, say, show_json
from ivr.domain.centre import Centre
from ivr.replay import Ending, Replayer, Verdict

KINDS = {
    "outcome": "end with another outcome",
    "queue": "wait in another queue",
    "path": "take another way to the same end",
    "unknowable": "cannot be told: they would be asked what nobody asked them",
}
EXAMPLES = 3
GROUPS_KEPT = 1000
"""Further kinds of difference are counted together: memory does not grow with the calls."""


@dataclass(slots=True)
class Group:
    """Calls that would differ in the same way."""

    kind: str
    was: str
    now: str
    why: str
    calls: int = 0
    examples: list[Verdict] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What came of all calls."""

    kinds: Counter[str] = field(default_factory=Counter)
    groups: dict[tuple[str, str, str, str], Group] = field(default_factory=dict)

    def add(self, verdict: Verdict) -> None:
        self.kinds[verdict.kind] += 1
        if verdict.kind == "same":
            return
        key = (verdict.kind, _ending(verdict.was), _ending(verdict.now), verdict.why)
        if key not in self.groups and len(self.groups) >= GROUPS_KEPT:
            key = (verdict.kind, "any", "any", "other ways to differ")
        group = self.groups.setdefault(key, Group(*key))
        group.calls += 1
        if len(group.examples) < EXAMPLES:
            group.examples.append(verdict)

    def by_size(self) -> list[Group]:
        return sorted(self.groups.values(), key=lambda group: -group.calls)


@click.command()
@FOLDER
@click.option("--from", "since", help="First business day or instant; all there are if left out.")
@click.option("--to", "until", help="The instant (or midnight) before which calls entered.")
@click.option("--centre", help="Only calls of this centre.")
@click.option("--show", default=10, show_default=True, help="How many ways to differ are shown.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def replay(
    folder: Path | None, since: str | None, until: str | None, centre: str | None, show: int, as_json: bool
) -> None:
    """Run recorded calls against the dialplans in FOLDER and say which would end differently.

    Every caller presses the same keys at the same questions at the same business time; agents are there as they were.
    Nothing is dialled, stored or shown of a caller: numbers and birth dates are replaced before they are used.
    """
    installation = Installation.running()
    candidate = installation.check(folder).need_all()
    began = time.monotonic()
    tally = asyncio.run(_replay(installation, candidate, since, until, centre))
    seconds = time.monotonic() - began
    calls = tally.kinds.total()
    figures = {
        "calls": calls,
        "seconds": round(seconds, 1),
        "calls_per_second": round(calls / seconds) if seconds else 0,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if as_json:
        show_json({**figures, "kinds": dict(tally.kinds), "groups": [asdict(group) for group in tally.by_size()]})
        return
    say(
        f"{calls:,} calls in {seconds:.1f} s ({figures['calls_per_second']:,} a second), "
        f"{figures['memory_mb']} MB of memory"
    )
    say(f"{tally.kinds['same']:,} end as they did")
    for kind, words in KINDS.items():
        if tally.kinds[kind]:
            say(f"{tally.kinds[kind]:,} {words}")
    for group in tally.by_size()[:show]:
        _show(group)
    if len(tally.groups) > show:
        say(f"… and {len(tally.groups) - show} other ways to differ: --show {len(tally.groups)}")


async def _replay(
    installation: Installation,
    candidate: Mapping[str, Centre],
    since: str | None,
    until: str | None,
    centre: str | None,
) -> Tally:
    tally = Tally()
    replayer = Replayer(candidate, installation.vault)
    first, last = (business_instant(text, installation.centres) if text else None for text in (since, until))
    async with open_pool(installation.dsn, max_size=1) as pool:
        async for record in past_calls(pool, since=first, until=last, centre=centre):
            tally.add(replayer.replay(record))
    return tally


def _show(group: Group) -> None:
    say("")
    arrow = f": {group.was} -> {group.now}" if group.was != group.now else ""
    say(f"{group.calls:,} calls, {group.kind}{arrow}" + (f", {group.why}" if group.why else ""))
    for verdict in group.examples:
        say(f"  {verdict.call}")
    first = group.examples[0]
    say(f"  was: {' > '.join(first.was.nodes)}")
    if first.now is not None:
        say(f"  now: {' > '.join(first.now.nodes)}")


def _ending(ending: Ending | None) -> str:
    if ending is None:
        return "?"
    return ending.outcome + (f" in {ending.queue}" if ending.queue else "")
