"""A caller's channel behind the engine's `Line` port, and an agent's behind `Desk`, spoken in AGI commands."""

from __future__ import annotations

import logging
import os
import re
import wave
from collections.abc import Sequence
from pathlib import Path

from ivr.adapters.agi import variables
from ivr.adapters.agi.codec import Header, Reply
from ivr.adapters.agi.connection import Connection
from ivr.adapters.agi.playlist import Folders as Folders
from ivr.adapters.agi.playlist import playlist
from ivr.domain.actions import (
    Ask,
    Audible,
    Dial,
    Event,
    Heard,
    Keyed,
    Record,
    Recorded,
    Sound,
    Speak,
    Wait,
)
from ivr.domain.events import USER_EVENT, payload_parts
from ivr.engine.ports import Arrival
from ivr.errors import HungUp, PeerError

log = logging.getLogger(__name__)

SAMPLES_PER_SECOND = 8000
KEPT_SILENCE_S = 1.0
"""Of the silence that ended a recording, Asterisk leaves this much in the file: it is not the caller's voice."""
BEEP = "beep"
ANY_KEY = "#*0123456789"
_NUMBER = re.compile(r"^\+?\d{2,20}$")
_UNSAFE_IN_LABEL = re.compile(r"[^\w \[\]().-]")
"""Whatever could mean something to the dialplan or a SIP header; letters of any language stay."""
_UNSAFE_IN_NAME = re.compile(r"[^\w .-]")
"""Brackets too: among the arguments of an application an open one swallows every comma after it."""


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
        left_dial=how if kind == "transfer" else "",
    )


class AgiLine:
    """Implements `ivr.engine.ports.Line`."""

    def __init__(self, connection: Connection, folders: Folders) -> None:
        self._agi = connection
        self._folders = folders

    async def answer(self) -> None:
        await self._sound("ANSWER")

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
            await self._run("CELGenUserEvent", f"{USER_EVENT},{part}")
        if state and not self._agi.hung_up:
            await self._agi.execute("SET VARIABLE " + variables.STATE, state)

    async def hand_over(self, to: Wait | Dial) -> None:
        if self._agi.hung_up:
            raise HungUp
        # Alone: a bracket in the label that is never closed would swallow the commas of MSet, and IVR_NEXT with them.
        await self._agi.execute("SET VARIABLE CALLERID(name)", _UNSAFE_IN_LABEL.sub("", to.label))
        arguments = _arguments_of(to)
        if isinstance(to, Wait) and to.talk_file and not await self._has_room(self._folders.talk_room):
            log.warning("a talk is not recorded: the disk is nearly full")
            arguments[variables.TALK_FILE] = ""
        values = {**arguments, "CHANNEL(language)": to.language, variables.NEXT: _next_of(to)}
        await self._run("MSet", ",".join(f"{name}={value}" for name, value in values.items()))

    async def let_go(self) -> None:
        if not self._agi.hung_up:
            await self._agi.execute("SET VARIABLE " + variables.NEXT, variables.NEXT_AGAIN)

    async def hang_up(self) -> None:
        if not self._agi.hung_up:
            await self._agi.execute("SET VARIABLE " + variables.NEXT, variables.NEXT_DONE)

    async def _play(self, sounds: Sequence[Audible]) -> None:
        """To the end, whatever keys are pressed."""
        async with playlist(self._folders, sounds, self._agi.aside) as files:
            for file in files:
                await self._sound("STREAM FILE", file, "")

    async def _ask(self, sounds: Sequence[Audible], *, max_digits: int, wait_ms: int) -> Keyed:
        """Takes keys from the first sound on; several files are there only around a recording of the caller's own."""
        async with playlist(self._folders, sounds, self._agi.aside) as files:
            *earlier, last = files or [""]
            key = ""
            for file in earlier:
                if key := _key_of(await self._sound("STREAM FILE", file, ANY_KEY)):
                    break
            if key == "#" or len(key) == max_digits:
                return Keyed(key.strip("#"), terminated=True)
            # An empty file name plays nothing and waits.
            reply = await self._sound("GET DATA", "" if key else last, wait_ms, max_digits - len(key))
        return Keyed(key + reply.result, terminated=reply.note != "timeout")

    async def _record(self, action: Record) -> Recorded:
        target = self._folders.recordings / action.file
        taken = await self._agi.aside(_seconds_recorded, target)
        if taken is not None:
            # The recording went on while no controller was there: it must not be lost, unless it is only silence.
            return Recorded(taken if taken > KEPT_SILENCE_S else 0.0)
        if not await self._has_room(self._folders.message_room):
            log.warning("a message is not recorded: the disk is full")
            return Recorded(0.0)
        await self._agi.aside(target.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        await self._ask(action.sounds, max_digits=1, wait_ms=1)
        await self._play((Sound(BEEP, action.language),))
        limit = action.max_s * 1000
        name = str(target.with_suffix(""))
        reply = await self._sound("RECORD FILE", name, "wav", ANY_KEY, limit, 0, f"s={action.silence_s}")
        seconds = _end_position(reply) / SAMPLES_PER_SECOND
        return Recorded(max(0.0, seconds - KEPT_SILENCE_S) if reply.note == "timeout" else seconds)

    async def _has_room(self, needed: int) -> bool:
        """Whether so many bytes are free for recordings; when nobody can say, it is tried."""
        try:
            disk = await self._agi.aside(os.statvfs, self._folders.recordings)
        except OSError:
            return True
        return bool(disk.f_bavail * disk.f_frsize >= needed)

    async def _sound(self, command: str, *words: str | int) -> Reply:
        """A command that needs the caller. Asterisk answers -1 when the caller is gone, but also when a file cannot be
        opened; only after a hang-up does a notice come before the next reply.

        Raises HungUp, or OSError for the file.
        """
        reply = await self._agi.execute(command, *words)
        if reply.result != "-1":
            return reply
        await self._agi.execute("NOOP")
        if self._agi.hung_up:
            raise HungUp
        if reply.note == "writefile":
            raise OSError("Asterisk could not write the recording: is the disk full?")
        raise OSError(f"Asterisk could not do {command}: is a prompt missing?")

    async def _run(self, application: str, arguments: str) -> None:
        reply = await self._agi.execute(f"EXEC {application}", arguments)
        if reply.result == "-2":
            raise PeerError(f"Asterisk has no application {application}: load its module in modules.conf")


class AgiDesk(AgiLine):
    """Implements `ivr.engine.agent_desk.Desk`: an agent's phone that dialled a service code."""

    async def join(self, queue: str, agent: str, name: str, penalty: int) -> None:
        label = _UNSAFE_IN_NAME.sub("", name)
        await self._run("AddQueueMember", f"{queue},PJSIP/{agent},{penalty},,{label},PJSIP/{agent}")

    async def leave(self, queue: str, agent: str) -> None:
        await self._run("RemoveQueueMember", f"{queue},PJSIP/{agent}")

    async def pause(self, agent: str) -> None:
        await self._run("PauseQueueMember", f",PJSIP/{agent}")

    async def resume(self, agent: str) -> None:
        await self._run("UnpauseQueueMember", f",PJSIP/{agent}")


def _next_of(to: Wait | Dial) -> str:
    return variables.NEXT_QUEUE if isinstance(to, Wait) else variables.NEXT_TRANSFER


def _arguments_of(to: Wait | Dial) -> dict[str, str]:
    match to:
        case Wait():
            return {
                variables.QUEUE: to.queue,
                variables.QUEUE_OPTIONS: "c" if to.comes_back else "",
                variables.QUEUE_TIMEOUT: str(to.timeout_s),
                variables.TALK_FILE: to.talk_file or "",
            }
        case Dial():
            return {variables.TRANSFER: to.target, variables.TRANSFER_RING: str(to.ring_s)}


def _key_of(reply: Reply) -> str:
    """The key that stopped STREAM FILE: its character code, 0 for none."""
    return "" if reply.result == "0" else chr(int(reply.result))


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
