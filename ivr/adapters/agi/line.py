"""A caller's channel behind the engine's `Line` port, and an agent's behind `Desk`, spoken in AGI commands."""

from __future__ import annotations

import asyncio
import re
import uuid
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ivr.adapters.agi import variables
from ivr.adapters.agi.codec import Header, Reply
from ivr.adapters.agi.server import AgiConnection
from ivr.domain.actions import (
    Ask,
    Audible,
    Event,
    Heard,
    Keyed,
    OwnRecording,
    Record,
    Recorded,
    Sound,
    Speak,
    Wait,
)
from ivr.domain.events import USER_EVENT, payload_parts
from ivr.engine.ports import Arrival
from ivr.errors import HungUp, PeerError

SAMPLES_PER_SECOND = 8000
BEEP = "beep"
STOP_KEYS = "#*0123456789"
_NUMBER = re.compile(r"^\+?\d{2,20}$")
_UNSAFE_IN_LABEL = re.compile(r"[^\w \[\]().-]")
"""Whatever could mean something to the dialplan or a SIP header; letters of any language stay."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where audio lies."""

    prompts: Path
    recordings: Path
    spoken: Path
    """For the moment that a personal value is spoken: joined audio, deleted after playing."""


def arrival_of(header: Header) -> Arrival:
    """Who reached us, from the AGI header and the arguments (state, event)."""
    state, event = (*header.arguments, "", "")[:2]
    kind, _, how = event.partition(":")
    number = header.get("callerid")
    return Arrival(
        call=header.get("uniqueid"),
        dnis=header.get("extension"),
        caller=number if _NUMBER.match(number) else None,
        state=state,
        left_queue=how if kind == "queue" else "",
    )


class AgiLine:
    """Implements `ivr.engine.ports.Line`."""

    def __init__(self, connection: AgiConnection, folders: Folders) -> None:
        self._agi = connection
        self._folders = folders

    async def answer(self) -> None:
        _alive(await self._agi.execute("ANSWER"))

    async def perform(self, action: Speak | Ask | Record) -> Event:
        match action:
            case Speak(interruptible=False):
                await self._play(action.sounds)
                return Heard()
            case Speak():
                await self._ask(action.sounds, max_digits=1, wait_ms=1)
                return Heard()
            case Ask():
                return await self._ask(action.sounds, max_digits=action.max_digits, wait_ms=int(action.wait_s * 1000))
            case Record():
                return await self._record(action)

    async def commit(self, journal: str, state: str) -> None:
        for part in payload_parts(journal):
            await self._agi.execute("EXEC CELGenUserEvent", f"{USER_EVENT},{part}")
        if state and not self._agi.hung_up:
            await self._agi.execute("SET VARIABLE " + variables.STATE, state)

    async def hand_over(self, wait: Wait) -> None:
        values = {
            variables.QUEUE: wait.queue,
            variables.QUEUE_OPTIONS: "c" if wait.comes_back else "",
            variables.QUEUE_TIMEOUT: str(wait.timeout_s),
            variables.TALK_FILE: wait.talk_file or "",
            "CHANNEL(language)": wait.language,
            "CALLERID(name)": _UNSAFE_IN_LABEL.sub("", wait.label),
            variables.NEXT: variables.NEXT_QUEUE,
        }
        await self._agi.execute("EXEC MSet", ",".join(f"{name}={value}" for name, value in values.items()))

    async def hang_up(self) -> None:
        if not self._agi.hung_up:
            await self._agi.execute("SET VARIABLE " + variables.NEXT, variables.NEXT_DONE)

    async def _play(self, sounds: Sequence[Audible]) -> None:
        """To the end, whatever keys are pressed."""
        async with _Playlist(self._folders, sounds) as files:
            for file in files:
                _alive(await self._agi.execute("STREAM FILE", file, ""))

    async def _ask(self, sounds: Sequence[Audible], *, max_digits: int, wait_ms: int) -> Keyed:
        # GET DATA plays an &-list and takes keys from the first file on, without a gap in which a key could be lost.
        async with _Playlist(self._folders, sounds) as files:
            reply = _alive(await self._agi.execute("GET DATA", "&".join(files), wait_ms, max_digits))
        return Keyed(reply.result, terminated=reply.note != "timeout")

    async def _record(self, action: Record) -> Recorded:
        target = self._folders.recordings / action.file
        taken = await asyncio.to_thread(_seconds_recorded, target)
        if taken is not None:
            return Recorded(taken)  # the recording went on while no controller was there; it must not be lost
        await asyncio.to_thread(target.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        await self._ask(action.sounds, max_digits=1, wait_ms=1)
        language = next((sound.language for sound in action.sounds if isinstance(sound, Sound)), "")
        await self._play((Sound(BEEP, language),))
        limit = action.max_s * 1000
        name = str(target.with_suffix(""))
        reply = await self._agi.execute("RECORD FILE", name, "wav", STOP_KEYS, limit, 0, f"s={action.silence_s}")
        if reply.note == "writefile":
            raise OSError("Asterisk could not write the recording: is the disk full?")
        _alive(reply)
        return Recorded(_end_position(reply) / SAMPLES_PER_SECOND)


class AgiDesk(AgiLine):
    """Implements `ivr.engine.agent_desk.Desk`: an agent's phone that dialled a service code."""

    async def join(self, queue: str, agent: str, name: str, penalty: int) -> None:
        label = _UNSAFE_IN_LABEL.sub("", name)
        await self._agi.execute("EXEC AddQueueMember", f"{queue},PJSIP/{agent},{penalty},,{label},PJSIP/{agent}")

    async def leave(self, queue: str, agent: str) -> None:
        await self._agi.execute("EXEC RemoveQueueMember", f"{queue},PJSIP/{agent}")

    async def pause(self, agent: str) -> None:
        await self._agi.execute("EXEC PauseQueueMember", f",PJSIP/{agent}")

    async def resume(self, agent: str) -> None:
        await self._agi.execute("EXEC UnpauseQueueMember", f",PJSIP/{agent}")


class _Playlist:
    """Paths that Asterisk can play, in order. Runs of personal sounds are joined into one short-lived file, so that a
    birth date is never spelt out in a command, which AMI and traces show."""

    def __init__(self, folders: Folders, sounds: Sequence[Audible]) -> None:
        self._folders = folders
        self._sounds = sounds
        self._joined: list[Path] = []

    async def __aenter__(self) -> list[str]:
        files: list[str] = []
        for personal, run in groupby(self._sounds, key=_is_personal):
            paths = [self._path(sound) for sound in run]
            files += [str(await asyncio.to_thread(self._join, paths))] if personal else [str(path) for path in paths]
        return files

    async def __aexit__(self, *exc_info: object) -> None:
        for path in self._joined:
            path.with_suffix(".ulaw").unlink(missing_ok=True)

    def _path(self, sound: Audible) -> Path:
        match sound:
            case Sound(key, language):
                return self._folders.prompts / language / key
            case OwnRecording(file):
                return (self._folders.recordings / file).with_suffix("")

    def _join(self, paths: Sequence[Path]) -> Path:
        self._folders.spoken.mkdir(mode=0o700, parents=True, exist_ok=True)
        joined = self._folders.spoken / uuid.uuid4().hex
        self._joined.append(joined)
        # G.711 without a header: files join by concatenation.
        audio = b"".join(path.with_name(path.name + ".ulaw").read_bytes() for path in paths)
        joined.with_suffix(".ulaw").write_bytes(audio)
        return joined


def _is_personal(sound: Audible) -> bool:
    return isinstance(sound, Sound) and sound.personal


def _alive(reply: Reply) -> Reply:
    if reply.result == "-1":
        raise HungUp
    return reply


def _end_position(reply: Reply) -> int:
    match = re.search(r"endpos=(\d+)", reply.tail)
    if match is None:
        raise PeerError("Asterisk did not say how long the recording is")
    return int(match[1])


def _seconds_recorded(path: Path) -> float | None:
    """Length of a recording that is already there; None when there is none or no sound in it."""
    try:
        with wave.open(str(path)) as recording:
            return recording.getnframes() / recording.getframerate() or None
    except (OSError, EOFError, wave.Error):
        return None
