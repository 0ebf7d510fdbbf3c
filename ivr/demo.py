"""The main job on real calls, shown as it happens: one call in working hours, one at night.

SIPp plays the caller and the agent's phone; everything else is the real system. What is printed is read from Postgres.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr.adapters.clock import set_offset
from ivr.adapters.db.pool import open_pool
from ivr.adapters.db.records import CallDetails, Query, RecordStore
from ivr.adapters.prompts.store import PromptStore
from ivr.adapters.prompts.synthesis import synthesise, voice_of
from ivr.adapters.prompts.telephony import telephony
from ivr.adapters.runtime.toolchain import get_sipp
from ivr.bootstrap import Installation
from ivr.domain.centre import Centre
from ivr.domain.records import StepRecord
from ivr.errors import PeerError
from ivr.testing.caller import LeavesQueue, Move, Press, Talk
from ivr.testing.phones import AgentPhone, Answer
from ivr.testing.sipp import Sipp, find_free_port
from ivr.testing.timeline import plan

CALLER = "01000000000"
"""A number that nobody has."""
AGENT = "1001"
LOGS = "var/demo/log"
LOOK_S = 0.3
"""Between two looks into the record while a call is on; rows of a live call are up to a second old."""
RECORD_LIMIT_S = 20.0
"""Longest wait for the record of a call that is over."""
GREETING = "감사합니다. 연금 상담원 김민지입니다. 무엇을 도와 드릴까요?"
QUESTION = "안녕하세요. 지난달에 다친 곳의 치료비를 어떻게 청구하는지 알고 싶습니다. 연락 부탁드립니다."


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One call of the demo: at which business time, what the caller does."""

    title: str
    at: datetime
    moves: Sequence[Move]
    outcome: str


Show = Callable[[str], None]
ShowDetails = Callable[[CallDetails], None]


def scenes(centre: Centre) -> tuple[Scene, Scene]:
    """Monday at 10:00 and at 20:00."""
    zone = centre.calendars["centre"].timezone
    day = datetime(2026, 11, 23, tzinfo=zone)
    open_line = Scene(
        title="Monday 10:00 — Korean, pension, application, an agent answers",
        at=day.replace(hour=10),
        moves=(Press("1"), Press("1"), Press("1"), LeavesQueue("ANSWERED"), Talk(6.0)),
        outcome="answered",
    )
    closed_line = Scene(
        title="Monday 20:00 — closed: birth date, own number, a question of some seconds",
        at=day.replace(hour=20),
        moves=(Press("1"), Press("2"), Press("900101"), Press("1"), Press("1"), Talk(8.0), Press("1")),
        outcome="message_saved",
    )
    return open_line, closed_line


async def run_demo(installation: Installation, show: Show, show_details: ShowDetails) -> None:
    """Starts everything, places the two calls, shows them, stops.

    Raises PeerError when a call did not go as it should.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(installation.system(show))
        pool = await stack.enter_async_context(open_pool(installation.dsn, max_size=2))
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-demo-")))
        store = RecordStore(pool)
        sipp = sipp_of(installation, work)
        centre = installation.centres[0]
        greeting, voice = work / "greeting.ulaw", work / "question.ulaw"
        await asyncio.to_thread(speak_to_file, GREETING, "ko", greeting)
        await asyncio.to_thread(speak_to_file, QUESTION, "ko", voice)
        phone = AgentPhone(
            sipp=sipp,
            user=AGENT,
            password=installation.secrets.agents[AGENT],
            port=find_free_port(sipp.address),
            voice=greeting,
        )
        show(f"agent {AGENT} registers a phone and dials *11")
        # It listens first: a phone that does not answer Asterisk's OPTIONS counts as unreachable for half a minute.
        await stack.enter_async_context(phone.serving(Answer(after_s=1.5)))
        await phone.log_in()
        for scene in scenes(centre):
            set_offset(installation.layout.clock, scene.at)
            await _play(installation, sipp, store, centre, scene, voice, show, show_details)
        set_offset(installation.layout.clock, None)


def sipp_of(installation: Installation, work: Path) -> Sipp:
    """SIPp against the running system."""
    ports = installation.settings.listening
    return Sipp(
        command=get_sipp(installation.settings.cache),
        server=f"{ports.bind}:{ports.sip}",
        work=work,
        user=(os.getuid(), os.getgid()),
        address=ports.bind,
    )


def speak_to_file(text: str, language: str, file: Path) -> None:
    """Synthesised speech as headerless mu-law."""
    wav = file.with_suffix(".wav")
    synthesise(text, voice_of(language), wav)
    file.write_bytes(telephony(wav.read_bytes()))


async def _play(
    installation: Installation,
    sipp: Sipp,
    store: RecordStore,
    centre: Centre,
    scene: Scene,
    voice: Path,
    show: Show,
    show_details: ShowDetails,
) -> None:
    show(f"\n=== {scene.title}")
    prompts = installation.prompts
    timeline = plan(centre, scene.moves, at=scene.at, seconds=prompts.seconds, caller=CALLER)
    before = {call.id for call in await store.list_calls(Query(limit=1), kind="inbound")}
    calling = asyncio.create_task(sipp.call(timeline.script(voice=voice), CALLER))
    follower = Follower(store, prompts, before, show)
    while not calling.done():
        await follower.look()
        await asyncio.sleep(LOOK_S)
    result = calling.result()
    details = await follower.finish(RECORD_LIMIT_S)
    if not result.is_clean:
        raise PeerError(f"the call did not go as it should: SIPp counted {result.failed} failed")
    show("--- from Postgres")
    show_details(details)
    if details.call.outcome != scene.outcome:
        raise PeerError(f"the call ended as {details.call.outcome}, not as {scene.outcome}: see `{LOGS}`")


@dataclass(slots=True)
class Follower:
    """Tells what is new in the record of the newest call, in words for people."""

    store: RecordStore
    prompts: PromptStore
    before: set[str]
    show: Show
    call: str | None = None
    told: int = 0
    rung: int = 0

    async def look(self) -> CallDetails | None:
        """Shows the steps and rings that came since the last look."""
        if self.call is None:
            newest = await self.store.list_calls(Query(limit=1), kind="inbound")
            fresh = [call.id for call in newest if call.id not in self.before]
            if not fresh:
                return None
            self.call = fresh[0]
        details = await self.store.get_call(self.call)
        for step in details.call.steps[self.told :]:
            self._tell(step)
        self.told = len(details.call.steps)
        rings = [leg for leg in details.call.legs if leg.kind == "agent"]
        for leg in rings[self.rung :]:
            self.show(f"  ☎ phone of agent {leg.agent} rings")
        self.rung = len(rings)
        return details

    async def finish(self, limit_s: float) -> CallDetails:
        """Waits until the call is ended in the record. Raises PeerError when it is not within `limit_s` seconds."""
        try:
            async with asyncio.timeout(limit_s):
                while (details := await self.look()) is None or details.call.outcome is None:
                    await asyncio.sleep(LOOK_S)
                return details
        except TimeoutError:
            raise PeerError("the call is over, but not in the record: see var/log/ingest.log") from None

    def _tell(self, step: StepRecord) -> None:
        for heard in step.heard:
            self.show(f"  ♪ {self._words(heard, step.language or 'ko')}")
        if step.got is not None:
            pressed = "•" * 6 if step.got.startswith("s1.") else step.got
            self.show(f"  → pressed {pressed}  ({step.node}: {step.result})")
        elif step.kind in ("hours", "enqueue", "message", "callback"):
            self.show(f"  · {step.node}: {step.result}")

    def _words(self, heard: str, language: str) -> str:
        """The text of a prompt by what the journal calls it; values stay as they are."""
        key, _, other = heard.partition("@")
        language = other or language
        return self.prompts.text(language, key) if key in self.prompts.keys(language) else heard
