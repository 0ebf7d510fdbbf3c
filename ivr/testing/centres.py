"""A small centre made by hand: every kind of node, two languages, an open and a closed path. For tests of the
engine, which must not depend on what the shipped dialplan happens to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from ivr.domain.centre import Agent, Centre, Limits, Queue
from ivr.domain.flow import (
    Callback,
    Choice,
    Choose,
    Collect,
    End,
    Enqueue,
    Flow,
    Hours,
    Menu,
    Message,
    Node,
    Play,
    Playback,
    Prompt,
    Prompts,
    Retry,
    Say,
    prompts_of,
)
from ivr.domain.hours import Calendar, Span

OPEN_AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday 10:00 in Seoul."""
CLOSED_AT = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
"""Monday 20:00 in Seoul; the line opens Tuesday 09:00."""

TRIES = 3


def small_centre(*, version: str = "v1", limits: Limits | None = None) -> Centre:
    """Answers 120 and 1588; open Monday to Friday 09:00-18:00 in Seoul."""
    calendar = Calendar(timezone=ZoneInfo("Asia/Seoul"), week={day: (Span(time(9), time(18)),) for day in range(5)})
    return Centre(
        id="small",
        title={"ko": "작은 센터", "en": "Small centre"},
        numbers=("120", "1588"),
        languages=("ko", "en"),
        calendars={"centre": calendar},
        queues={
            "pension": _queue("pension", {"ko": "연금", "en": "Pension"}, record_talk=True),
            "general": _queue("general", {"ko": "일반", "en": "General"}, record_talk=False),
        },
        agents={
            "1001": Agent(id="1001", name="김하나", queues={"pension": 1, "general": 1}, language="ko"),
            "2001": Agent(id="2001", name="Lee Two", queues={"pension": 2}, language="en"),
        },
        categories={"pension": {"ko": "연금", "en": "Pension"}},
        flow=Flow(start="greet", nodes={node.id: node for node in _nodes()}, apology=_prompts("apology")),
        limits=limits or Limits(),
        version=version,
    )


def with_nodes(centre: Centre, *nodes: Node, start: str | None = None) -> Centre:
    """The same centre with these nodes added or in the place of those with their ids."""
    flow = centre.flow
    merged: Mapping[str, Node] = {**flow.nodes, **{node.id: node for node in nodes}}
    return replace(centre, flow=replace(flow, nodes=merged, start=start or flow.start))


def prompt_keys(centre: Centre) -> frozenset[str]:
    """Keys of the fixed prompts that the flow can play (spoken values not included)."""
    spoken = [*centre.flow.apology, *(prompt for node in centre.flow.nodes.values() for prompt in prompts_of(node))]
    return frozenset(prompt.key for prompt in spoken if isinstance(prompt, Prompt))


def _queue(name: str, label: Mapping[str, str], *, record_talk: bool) -> Queue:
    return Queue(name=name, asterisk_name=f"small-{name}", label=label, timeout_s=60, record_talk=record_talk)


def _prompts(*keys: str) -> Prompts:
    return tuple(Prompt(key) for key in keys)


def _retry(on_failure: str) -> Retry:
    return Retry(
        tries=TRIES, on_invalid=_prompts("not_understood"), on_silence=_prompts("nothing_heard"), on_failure=on_failure
    )


def _nodes() -> tuple[Node, ...]:
    return (
        Play(id="greet", prompts=_prompts("greeting"), next="language"),
        Menu(
            id="language",
            prompts=(Prompt("choose_language", "ko"), Prompt("choose_language", "en")),
            choices={"1": Choice(next="line_open", language="ko"), "2": Choice(next="line_open", language="en")},
            retry=_retry("line_open"),
        ),
        Hours(id="line_open", calendar="centre", open="notice", closed="closed"),
        Play(id="notice", prompts=_prompts("recording_notice"), next="main", interruptible=False),
        Menu(
            id="main",
            prompts=_prompts("main_menu"),
            choices={
                "1": Choice(next="pension_queue", category="pension"),
                "3": Choice(next="member"),
                "9": Choice(next="main"),
                "0": Choice(next="connecting"),
            },
            retry=_retry("connecting"),
        ),
        Collect(
            id="member",
            prompts=_prompts("ask_member"),
            min_digits=4,
            max_digits=4,
            check=None,
            personal=False,
            read_back=(),
            into="member",
            next="by_member",
            retry=_retry("bye"),
        ),
        Choose(id="by_member", on="member", cases={"0000": "barred"}, otherwise="main"),
        Play(id="connecting", prompts=_prompts("connecting"), next="general_queue"),
        Enqueue(
            id="pension_queue",
            queue="pension",
            keys={"1": "call_me"},
            no_agents="offer",
            timeout="offer",
            after="survey",
        ),
        Enqueue(id="general_queue", queue="general", keys={}, no_agents="offer", timeout="bye"),
        Menu(
            id="survey",
            prompts=_prompts("survey"),
            choices={"1": Choice(next="bye", assign={"rating": "good"}), "2": Choice(next="bye")},
            retry=_retry("bye"),
        ),
        Callback(id="call_me", number="caller", calendar="centre", next="promise"),
        Menu(
            id="offer",
            prompts=_prompts("offer"),
            choices={"1": Choice(next="birth"), "2": Choice(next="pension_queue")},
            retry=_retry("bye"),
        ),
        Play(id="closed", prompts=(Prompt("closed"), Say("datetime", "opens_at")), next="birth"),
        Collect(
            id="birth",
            prompts=_prompts("ask_birth_date"),
            min_digits=6,
            max_digits=6,
            check="birth_date",
            personal=True,
            read_back=(Prompt("birth_date_is"), Say("date", "birth"), Prompt("confirm_1_2")),
            into="birth",
            next="by_birth",
            retry=_retry("bye"),
        ),
        # Branches on a personal value, which must not show in the journal.
        Choose(id="by_birth", on="birth", cases={}, otherwise="which_number"),
        Choose(id="which_number", on="caller", cases={"known": "own_number"}, otherwise="number"),
        Menu(
            id="own_number",
            prompts=_prompts("ask_number_choice"),
            choices={"1": Choice(next="message", assign={"number": "$caller"}), "2": Choice(next="number")},
            retry=_retry("message"),
        ),
        Collect(
            id="number",
            prompts=_prompts("ask_number"),
            min_digits=8,
            max_digits=11,
            check=None,
            personal=True,
            read_back=(Prompt("number_is"), Say("digits", "number"), Prompt("confirm_1_2")),
            into="number",
            next="message",
            retry=_retry("message"),
        ),
        Message(
            id="message",
            prompts=_prompts("ask_message"),
            review=(Prompt("message_review_before"), Playback(), Prompt("message_review_menu")),
            max_s=120,
            silence_s=5,
            keep_key="1",
            again_key="2",
            cancel_key="3",
            next="callback",
            cancelled="cancelled",
            retry=_retry("bye"),
            data=("birth", "number"),
        ),
        Callback(id="callback", number="number", calendar="centre", next="promise", data=("birth",)),
        Play(id="promise", prompts=(Prompt("we_will_call_on"), Say("datetime", "callback_due")), next="bye"),
        End(id="bye", prompts=_prompts("goodbye")),
        End(id="cancelled", prompts=_prompts("message_cancelled"), outcome="self_served"),
        End(id="barred", prompts=_prompts("barred"), outcome="blocked"),
    )
