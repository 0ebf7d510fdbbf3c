"""One round: calls at one rate by one way, and what came of them and what they cost."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ivr.adapters.journal.tail import JournalTail
from ivr.bench.cpu import busy_share, children_time, machine_time, process_time, read_meter, used
from ivr.domain.durations import Durations
from ivr.domain.events import JournalEvent
from ivr.domain.ledger import derive
from ivr.domain.records import CallRecord
from ivr.testing.phones import AgentPhone, Answer
from ivr.testing.sipp import Sipp
from ivr.testing.sipp_xml import CallerScript, ScriptedCall

CALLER = "0100000{:04d}"
"""Numbers that nobody has."""
PICK_UP_S = 0.2
IN_TIME = 0.97
"""A rate counts as reached when calls came at least this fast."""
FULL = 0.95
"""Above this share of the whole machine, it is the machine that is measured."""
SLACK_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round gave. Times are in seconds."""

    way: str
    """`ours` or `baseline`."""
    asked_rate: float
    """Calls a second."""
    rate: float
    """Calls a second that came, by Asterisk's journal."""
    calls: int
    failed: int
    """Calls that did not go as their caller meant, or that reached no agent."""
    retransmissions: int
    at_once: int
    """Most callers at the same time."""
    to_agent_s: float
    """Median from a call's arrival to the ring at an agent. Callers act by the clock, so it grows with delays only."""
    to_agent_p99_s: float
    cpu: Mapping[str, float]
    """Part -> processor seconds a call."""
    machine: float
    """Share of the whole machine that was busy in the second half of the arrivals."""
    load: float
    """Load average of the last minute, at the end."""
    sipp_core: float = 0.0
    """Share of one core that the busier SIPp used meanwhile: it is one thread, so 1.0 is all that it can."""
    turns: Mapping[str, Durations] = field(default_factory=dict)
    """By node: from what the caller did to the next command to Asterisk, commit included. Of ours only."""

    @property
    def is_in_time(self) -> bool:
        """False: SIPp did not place the calls as fast as it was told."""
        return self.rate >= self.asked_rate * IN_TIME

    @property
    def is_held(self) -> bool:
        """No call failed, nothing had to be sent twice, and the calls came as fast as asked."""
        return not self.failed and not self.retransmissions and self.is_in_time

    @property
    def system_cpu(self) -> float:
        """Of everything but SIPp, seconds a call."""
        return sum(seconds for part, seconds in self.cpu.items() if part != "sipp")


async def play(
    way: str,
    script: CallerScript,
    *,
    sipp: Sipp,
    phone: AgentPhone,
    journal: JournalTail,
    processes: Mapping[str, Sequence[int]],
    rate: float,
    seconds: float,
    settle: Callable[[int], Awaitable[None]],
) -> Round:
    """Places `rate` calls a second for `seconds` and waits until the last is over.

    `phone` answers for every agent. `processes` are the parts to be metered, name -> pids. `settle(calls)` is awaited
    before the meter is read at the end, so that what is done later for these calls counts too.
    """
    count = max(2, round(rate * seconds))
    calls = [ScriptedCall(script=script, caller=CALLER.format(number)) for number in range(count)]
    read_journal(journal)
    meter, children = read_meter(processes), children_time()
    async with phone.serving(Answer(after_s=PICK_UP_S), limit_s=seconds + script.seconds + SLACK_S) as answering:
        async with await sipp.start_calls(calls, per_second=rate) as calling:
            machine, *cores, result = await asyncio.gather(
                _machine_busy(seconds),
                _core_share(calling.pid, seconds),
                _core_share(answering.pid, seconds),
                calling.wait(),
            )
        phones = await answering.stop()
    await settle(count)
    cpu = used(meter, read_meter(processes)) | {"sipp": children_time() - children}
    records = records_of(read_journal(journal), script.dial)
    to_agent = sorted(_to_agent(records))
    answered = sum(record.answered_at is not None for record in records)
    return Round(
        way=way,
        asked_rate=rate,
        rate=_rate(records),
        calls=count,
        failed=max(result.failed + (result.exit_code != 0 and not result.failed), count - answered),
        retransmissions=result.retransmissions + phones.retransmissions,
        at_once=at_once(records),
        to_agent_s=statistics.median(to_agent) if to_agent else float("nan"),
        to_agent_p99_s=to_agent[int(len(to_agent) * 0.99)] if to_agent else float("nan"),
        cpu={part: spent / count for part, spent in cpu.items()},
        machine=machine,
        load=os.getloadavg()[0],
        sipp_core=max(cores),
    )


def read_journal(journal: JournalTail) -> list[JournalEvent]:
    """Every event that is there and was not read yet."""
    batches = iter(journal.read, None)
    return [entry.what for batch in batches for entry in batch.entries if isinstance(entry.what, JournalEvent)]


def records_of(events: Sequence[JournalEvent], dialled: str) -> list[CallRecord]:
    """The calls that dialled a number, in the order in which they came."""
    calls: dict[str, list[JournalEvent]] = {}
    for event in events:
        calls.setdefault(event.call, []).append(event)
    ours = [events for events in calls.values() if events[0].exten == dialled]
    return sorted((derive(events, lambda _: None) for events in ours), key=lambda record: record.entered_at)


def at_once(records: Sequence[CallRecord]) -> int:
    """Most calls under way at the same time."""
    changes = [(record.entered_at, 1) for record in records]
    changes += [(record.ended_at, -1) for record in records if record.ended_at is not None]
    return max(itertools.accumulate(change for _, change in sorted(changes)), default=0)


async def _machine_busy(seconds: float) -> float:
    """Of the second half of the next `seconds`."""
    await asyncio.sleep(seconds / 2)
    before = machine_time()
    await asyncio.sleep(seconds / 2)
    return busy_share(before, machine_time())


async def _core_share(pid: int, seconds: float) -> float:
    """Of one core, that a process used in the second half of the next `seconds`."""
    await asyncio.sleep(seconds / 2)
    before = process_time(pid)
    await asyncio.sleep(seconds / 2)
    return max(0.0, process_time(pid) - before) / (seconds / 2)


def _rate(records: Sequence[CallRecord]) -> float:
    if len(records) < 2:
        return 0.0
    took = (records[-1].entered_at - records[0].entered_at).total_seconds()
    return (len(records) - 1) / took if took > 0 else 0.0


def _to_agent(records: Sequence[CallRecord]) -> list[float]:
    return [
        (leg.created_at - record.entered_at).total_seconds()
        for record in records
        for leg in record.legs[1:]
        if leg.kind == "agent"
    ]
