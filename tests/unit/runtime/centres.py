"""A small centre made by hand: two tiers, one queue, one key that leaves it."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from ivr.domain.centre import Agent, Centre, Queue
from ivr.domain.flow import End, Enqueue, Flow
from ivr.domain.hours import Calendar


def small_centre(*, id: str = "120", agent_name: str = "김하나", tier_of_second: int = 2) -> Centre:
    queue = Queue(
        name="pension",
        asterisk_name=f"{id}-pension",
        label={"ko": "연금"},
        timeout_s=60,
        ring_s=12,
        wrap_up_s=7,
        escalate_after_s=25,
        announce_position=False,
        music="calm",
    )
    first = Agent(id="agent01", name=agent_name, queues={"pension": 1}, language="ko")
    second = replace(first, id="agent02", name="Lee", queues={"pension": tier_of_second}, language="en")
    flow = Flow(
        start="wait",
        nodes={
            "wait": Enqueue(id="wait", queue="pension", keys={"1": "bye"}, no_agents="bye", timeout="bye"),
            "bye": End(id="bye", prompts=()),
        },
    )
    return Centre(
        id=id,
        title={"ko": "안내"},
        numbers=("120",),
        languages=("ko", "en"),
        calendars={"centre": Calendar(timezone=ZoneInfo("Asia/Seoul"), week={})},
        queues={"pension": queue},
        agents={"agent01": first, "agent02": second},
        categories={},
        flow=flow,
        version="0" * 12,
    )
