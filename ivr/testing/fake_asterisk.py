"""Asterisk's side of AGI, over a real socket or the pipes of a program, with a scripted caller on the channel.

It answers as 22.10.1 was measured to: `GET DATA` plays one file; -1 is a hang-up or a missing file; after a hang-up
`HANGUP` comes before the next reply and commands that need the caller get 511. Prompts are files whose bytes are
their own name (`write_prompts`), so that `heard` tells what was in a joined file too.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import signal
import wave
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivr.domain.events import PayloadJoiner
from ivr.engine.ports import Arrival
from ivr.testing.caller import DialEnds, HangUp, LeavesQueue, Move, Press, ScriptMismatch, Silence, Talk, decode_journal

SAMPLES_PER_SECOND = 8000
ANNOUNCEMENT_MS = 100
"""A GET DATA that waits for less is no question: nobody presses a key that fast."""
WORKS_WITHOUT_CALLER = ("EXEC ", "SET VARIABLE ", "GET VARIABLE ", "NOOP")
NOTICE = "HANGUP\n"
APPLICATIONS = frozenset(
    ("CELGenUserEvent", "MSet", "AddQueueMember", "RemoveQueueMember", "PauseQueueMember", "UnpauseQueueMember")
)


def write_prompts(folder: Path, keys: Iterable[str], languages: Iterable[str]) -> None:
    """Prompt files for tests: `<folder>/<language>/<key>.ulaw` holds `[key@language]`."""
    for language in languages:
        for key in keys:
            path = folder / language / f"{key}.ulaw"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"[{key}@{language}]", encoding="utf-8")


@dataclass(slots=True, kw_only=True)
class FakeAsterisk:
    """One channel. As with FakeLine, moves are consumed where they are asked for; without any the caller hangs up."""

    host: str = ""
    port: int = 0
    program: Sequence[str] = ()
    """The command of a local AGI; empty: FastAGI at host and port."""
    moves: list[Move] = field(default_factory=list)
    call_id: str = "n1-1.0"
    caller: str | None = "01012345678"
    hang_up_at: int | None = None
    """The number (from 0) of the command during which the caller leaves, whatever the command is."""
    drop_at: int | None = None
    """The number of the command that gets no reply: the connection is cut, as when Asterisk is killed."""
    impatient: bool = False
    """Presses the first key in the first file that can be interrupted, not when asked."""
    applications: frozenset[str] = APPLICATIONS
    variables: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    executed: list[tuple[str, str]] = field(default_factory=list)
    """Applications run, with their arguments, CELGenUserEvent excepted."""
    played: list[str] = field(default_factory=list)
    """Paths as they stood in the commands."""
    answered: bool = False
    hung_up: bool = False
    _announced: bool = False
    _saved_moves: list[Move] = field(default_factory=list)
    """What the caller had not yet done when the state was saved last."""
    _recorded: Move | None = None
    """What the caller did after a tone since then; its recording is on disk."""
    _joiner: PayloadJoiner = field(default_factory=PayloadJoiner)

    async def place_call(self, *, dnis: str = "120", entries: int = 50) -> None:
        """What the dialplan does with a call: enter, wait in a queue, enter again, be it after a controller's death."""
        event = ""
        self._save_moves()
        for _ in range(entries):
            entered_with = self.variables.get("IVR_STATE", "")
            self.variables["IVR_NEXT"] = ""
            await self.request("call", entered_with, event, extension=dnis)
            if self.hung_up or self.variables["IVR_NEXT"] == "done":
                return
            if self.variables["IVR_NEXT"] == "queue":
                left = self._leave_queue()
                if left is None:
                    return
                event = f"queue:{left}"
                self._save_moves()
            elif self.variables["IVR_NEXT"] == "transfer":
                ended = self._end_dial()
                if ended is None:
                    return
                event = f"transfer:{ended}"
                self._save_moves()
            else:
                event = event if self.variables.get("IVR_STATE", "") == entered_with else ""
                if self.variables["IVR_NEXT"] != "again":
                    self._repeat()
        raise ScriptMismatch(f"the call entered more than {entries} times")

    async def request(self, script: str, *arguments: str, extension: str = "120") -> None:
        """One AGI() application: sends the header and answers commands until the other side closes."""
        if self.program:
            await self._run_program(script, arguments, extension)
            return
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            await self.converse(reader, writer, self.header(script, arguments, extension))
        finally:
            writer.close()

    async def converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        header: str,
        hang_up: Callable[[], None] | None = None,
    ) -> None:
        """As `request`, over a connection that is there. `hang_up` tells a local program; None: by a line."""
        with contextlib.suppress(ConnectionError):  # the controller died: to the dialplan that is an empty IVR_NEXT
            writer.write(header.encode())
            while line := await reader.readline():
                told = self._announced
                reply = self._reply(line.decode().rstrip("\n"))
                if reply is None:
                    return
                if hang_up is not None and self._announced and not told:
                    hang_up()
                    reply = reply.removeprefix(NOTICE)
                writer.write(reply.encode())
                await writer.drain()

    async def _run_program(self, script: str, arguments: Sequence[str], extension: str) -> None:
        # State and event are read from the channel; what stands on the command line is for agents' codes.
        words = () if script == "call" else arguments
        if script == "call":
            self.variables["IVR_STATE"], self.variables["IVR_EVENT"] = (*arguments, "", "")[:2]
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*self.program, script, *words, stdin=pipe, stdout=pipe)
        assert child.stdin is not None
        assert child.stdout is not None
        header = self.header(script, (), extension)
        try:
            await self.converse(child.stdout, child.stdin, header, lambda: child.send_signal(signal.SIGHUP))
        finally:
            child.stdin.close()
            await child.wait()

    def arrival(self, *, dnis: str = "120") -> Arrival:
        """How the engine should see this channel."""
        return Arrival(call=self.call_id, dnis=dnis, caller=self.caller, state=self.variables.get("IVR_STATE", ""))

    def header(self, script: str, arguments: Sequence[str], extension: str = "120") -> str:
        """What a session begins with."""
        fields = {
            **({} if self.program else {"network": "yes", "network_script": script}),
            "request": self.program[0] if self.program else f"agi://{self.host}:{self.port}/{script}",
            "channel": "PJSIP/trunk-00000000",
            "language": "en",
            "type": "PJSIP",
            "uniqueid": self.call_id,
            "callerid": self.caller or "unknown",
            "calleridname": "unknown",
            "extension": extension,
            "enhanced": "0.0",
            **{f"arg_{number}": argument for number, argument in enumerate(arguments, start=1)},
        }
        return "".join(f"agi_{name}: {value}\n" for name, value in fields.items()) + "\n"

    def _save_moves(self) -> None:
        self._saved_moves, self._recorded = list(self.moves), None

    def _repeat(self) -> None:
        """The controller died: the caller is asked again and answers again; a recording that was made is there."""
        moves = list(self._saved_moves)
        if self._recorded is not None:
            moves.remove(self._recorded)
        self.moves = moves

    def _leave_queue(self) -> str | None:
        """app_queue's word, or None when the caller does not come back."""
        left = self.moves.pop(0) if self.moves else HangUp()
        if not isinstance(left, HangUp | LeavesQueue):
            raise ScriptMismatch(f"the script says {left}, but the caller is in a queue")
        comes_back = "c" in self.variables["IVR_QUEUE_OPTIONS"]
        if isinstance(left, HangUp) or (left.how == "ANSWERED" and not comes_back):
            self.hung_up = True
            return None
        return "DONE" if left.how == "ANSWERED" else left.how

    def _end_dial(self) -> str | None:
        """The dialplan's word for what became of a transfer, or None when the caller does not come back."""
        end = self.moves.pop(0) if self.moves else HangUp()
        if isinstance(end, DialEnds):
            return end.how
        if not isinstance(end, HangUp):
            raise ScriptMismatch(f"the script says {end}, but a phone is being called")
        self.hung_up = True
        return None

    def _reply(self, line: str) -> str | None:
        number = len(self.commands)
        self.commands.append(line)
        if number == self.drop_at:
            return None
        notice = ""
        if self.hung_up and not self._announced:
            self._announced, notice = True, NOTICE
        if self.hung_up and not line.startswith(WORKS_WITHOUT_CALLER):
            return f"{notice}511 Command Not Permitted on a dead channel or intercept routine\n"
        if number == self.hang_up_at:
            self.hung_up = True
        return f"{notice}{self._do(line)}\n"

    def _do(self, line: str) -> str:
        match shlex.split(line):
            case ["ANSWER"]:
                self.answered = not self.hung_up
                return "200 result=0" if self.answered else "200 result=-1"
            case ["NOOP"]:
                return "200 result=0"
            case ["SET", "VARIABLE", name, value]:
                self.variables[name] = value
                if name == "IVR_STATE":
                    self._save_moves()
                return "200 result=1"
            case ["GET", "VARIABLE", name]:
                return f"200 result=1 ({held})" if (held := self.variables.get(name)) else "200 result=0"
            case ["STREAM", "FILE", file, escape]:
                return self._stream(file, escape)
            case ["GET", "DATA", file, wait_ms, max_digits]:
                return self._get_data(file, int(wait_ms), int(max_digits))
            case ["RECORD", "FILE", name, "wav", _, _, _, _]:
                return self._record(Path(f"{name}.wav"))
            case ["EXEC", application, arguments]:
                return self._execute(application, arguments)
            case _:
                return "510 Invalid or unknown command"

    def _play(self, file: str) -> bool:
        """False when there is no such file; the caller may leave while it plays."""
        self.played.append(file)
        audio = Path(f"{file}.ulaw")
        if audio.is_file():
            self.heard += re.findall(r"\[(.*?)\]", audio.read_text(encoding="utf-8"))
        elif Path(f"{file}.wav").is_file():
            self.heard.append("<recording>")
        else:
            return False
        if self.moves and isinstance(self.moves[0], HangUp):
            self.hung_up = True
        return True

    def _stream(self, file: str, escape: str) -> str:
        if not self._play(file) or self.hung_up:
            return "200 result=-1 endpos=0"
        if escape and self.impatient and self.moves and isinstance(press := self.moves[0], Press):
            self.moves[0] = Press(press.keys[1:])
            if not press.keys[1:]:
                del self.moves[0]
            return f"200 result={ord(press.keys[0])} endpos=160"
        return "200 result=0 endpos=8000"

    def _get_data(self, file: str, wait_ms: int, max_digits: int) -> str:
        if (file and not self._play(file)) or self.hung_up:
            return "200 result=-1"
        if wait_ms < ANNOUNCEMENT_MS:
            return "200 result= (timeout)"
        match self._next():
            case Press(keys):
                digits = keys.split("#", 1)[0][:max_digits]
                if keys == f"{digits}#" and digits and len(digits) == max_digits:
                    self.moves.insert(0, Press("#"))  # the entry is full: the # comes to the next question
                ended = "#" in keys or len(digits) == max_digits
                return f"200 result={digits}" if ended else f"200 result={digits} (timeout)"
            case Silence():
                return "200 result= (timeout)"
            case None:
                return "200 result=-1"
            case move:
                raise ScriptMismatch(f"the script says {move}, but the flow asks for keys")

    def _record(self, path: Path) -> str:
        if not path.parent.is_dir():
            return "200 result=-1 (writefile)"
        match None if self.hung_up else self._next():
            case Talk(seconds):
                samples = int(seconds * SAMPLES_PER_SECOND)
                _write_silence(path, samples)
                self._recorded = Talk(seconds)
                return f"200 result=35 (dtmf) endpos={samples}"
            case Silence():
                _write_silence(path, SAMPLES_PER_SECOND)  # a second of the silence that ended it stays
                self._recorded = Silence()
                return f"200 result=0 (timeout) endpos={SAMPLES_PER_SECOND}"
            case None:
                _write_silence(path, 0)
                return "200 result=-1 (hangup) endpos=0"
            case move:
                raise ScriptMismatch(f"the script says {move}, but the flow records")

    def _execute(self, application: str, arguments: str) -> str:
        if application not in self.applications:
            return "200 result=-2"
        match application:
            case "CELGenUserEvent":
                payload = self._joiner.feed(self.call_id, arguments.removeprefix("IVR,"))
                if payload is not None:
                    self.journal.append(decode_journal(payload))
            case "MSet":
                self.variables |= dict(pair.partition("=")[::2] for pair in _arguments(arguments))
                self.executed.append((application, arguments))
            case _:
                self.executed.append((application, arguments))
        return "200 result=0"

    def _next(self) -> Move | None:
        """None: the caller is gone."""
        move = self.moves.pop(0) if self.moves else HangUp()
        if isinstance(move, HangUp):
            self.hung_up = True
            return None
        return move


def _arguments(text: str) -> list[str]:
    """As Asterisk separates them: a comma inside brackets is none, and an open bracket is never closed for it."""
    found, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]" and depth > 0)
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return found


def _write_silence(path: Path, samples: int) -> None:
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(SAMPLES_PER_SECOND)
        recording.writeframes(bytes(2 * samples))
