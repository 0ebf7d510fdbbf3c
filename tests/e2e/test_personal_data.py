"""A birth date and telephone numbers, planted in real calls, are looked for wherever anything of a call is left, and
found nowhere: database dump, every file of var/, AMI, channels and globals of Asterisk, figures, and our processes.

Allowed are two places, both Asterisk's own and gone with the call: the caller's number as CALLERID of a live channel
and of the agent's whose phone shows it, and the same in events of AMI, where every event of a channel has it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import wave
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from records import Records
from system import CLOSED, OPEN, RunningSystem

from ivr.adapters.ami.client import AmiClient
from ivr.adapters.ami.message import Message
from ivr.adapters.runtime.asterisk_config import AMI_USER
from ivr.adapters.runtime.secrets import load_recordings_token
from ivr.adapters.runtime.toolchain import get_postgres
from ivr.testing.caller import LeavesQueue, Press, Talk
from ivr.testing.phones import Answer
from ivr.testing.sipp_xml import ScriptedCall
from ivr.testing.timeline import plan
from ivr.testing.waiting import eventually

BIRTH_DATE = "951207"
TYPED = "01077310465"
CALLER = "01055920837"
IN_QUEUE = "01066480291"
SECRETS = {"birth date": BIRTH_DATE, "number typed": TYPED, "caller": CALLER, "caller in the queue": IN_QUEUE}

SNOOPER = """
[snooper]
secret = nothing-here-is-secret
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read = all
write = all
"""


def patterns(value: str) -> Iterator[tuple[str, re.Pattern[bytes]]]:
    """Every guise that we can think of."""
    digits = value.encode()
    # Not within a longer number: microseconds and byte counts are digits too.
    yield "plain", re.compile(rb"(?<![0-9.])" + digits + rb"(?![0-9])")
    yield "with separators", re.compile(rb"(?<![0-9.])" + rb"[-. /]".join(_groups(value)) + rb"(?![0-9])")
    if value.startswith("0"):
        yield "international", re.compile(rb"82[- ]?" + digits[1:])
        yield "without its first digit", re.compile(rb"(?<![0-9.])" + digits[1:] + rb"(?![0-9])")
    else:
        yield "with the century", re.compile(rb"(?<![0-9.])19" + digits + rb"(?![0-9])")
        yield "as a date", re.compile(b"19" + b"-".join(_groups(value)))
    for name, written in (("ASCII", digits), ("UTF-16", value.encode("utf-16-le"))):
        yield f"hex of {name}", re.compile(written.hex().encode(), re.IGNORECASE)
    yield "UTF-16", re.compile(re.escape(value.encode("utf-16-le")))
    yield "reversed", re.compile(rb"(?<![0-9.])" + digits[::-1] + rb"(?![0-9])")
    yield "escaped", re.compile(re.escape("".join(f"%{byte:02x}" for byte in digits).encode()), re.IGNORECASE)
    for offset in range(3):
        # Within a longer text its base64 depends on where it stands; the letters at the edges on its neighbours too.
        text = base64.b64encode(bytes(offset) + digits)
        core = text[-(-offset * 8 // 6) : (offset + len(digits)) * 8 // 6]
        yield f"base64 at {offset}", re.compile(re.escape(core))
        yield f"base64url at {offset}", re.compile(re.escape(core.translate(bytes.maketrans(b"+/", b"-_"))))
    for offset in range(5):
        lifted = base64.b32encode(bytes(offset) + digits)
        yield (
            f"base32 at {offset}",
            re.compile(re.escape(lifted[-(-offset * 8 // 5) : (offset + len(digits)) * 8 // 5])),
        )


def _groups(value: str) -> list[bytes]:
    parts = (value[:3], value[3:7], value[7:]) if value.startswith("0") else (value[:2], value[2:4], value[4:])
    return [part.encode() for part in parts]


PATTERNS = [(f"{what}, {how}", pattern) for what, value in SECRETS.items() for how, pattern in patterns(value)]


def hits(data: bytes) -> list[str]:
    return [f"{what}: …{data[max(found.start() - 40, 0) : found.end() + 20]!r}"
            for what, pattern in PATTERNS if (found := pattern.search(data))]  # fmt: skip


@dataclass(slots=True)
class Capture:
    """What was seen while the calls went on."""

    ours: list[Message] = field(default_factory=list)
    snooped: list[Message] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    """`core show channel` of each live channel, again and again."""
    other: list[str] = field(default_factory=list)
    """Globals, figures, command lines, environments."""


@dataclass(slots=True)
class Evidence:
    capture: Capture
    message: Mapping[str, object]
    talk: Mapping[str, object]


@pytest.fixture(scope="module")
def evidence(system: RunningSystem) -> Evidence:
    return asyncio.run(_gather(system))


async def _gather(system: RunningSystem) -> Evidence:
    """A message with a call-back after hours and a talk in working hours, watched all the while."""
    capture = Capture()
    async with Records.open(system) as records, _snooper(system) as snooper:
        async with _watched(system, capture, snooper), system.on_duty("1001", Answer(talk_s=4)):
            await _call(system, CLOSED, CALLER, *_typing(), Talk(3.0), Press("1"))
            await _call(system, OPEN, IN_QUEUE, Press("2"), Press("1"), Press("1"), LeavesQueue("ANSWERED"))
        left, talked = await records.ended_calls([CALLER, IN_QUEUE])
        assert (left["outcome"], talked["outcome"]) == ("message_saved", "answered")
        assert len(await records.callbacks(left["id"])) == 1
        (message,), (talk,) = await records.messages(left["id"]), await records.talks(talked["id"])
        plain = [system.installation.layout.recordings / str(one["file"]) for one in (message, talk)]

        async def sealed() -> bool:
            return not any(path.exists() for path in plain)

        await eventually(sealed)
    return Evidence(capture=capture, message=message, talk=talk)


def _typing() -> tuple[Press, ...]:
    """In English: category, birth date, read-back, another number than the own, read-back."""
    return (Press("2"), Press("1"), Press(BIRTH_DATE), Press("1"), Press("2"), Press(TYPED), Press("1"))


async def _call(system: RunningSystem, at: object, caller: str, *moves: object) -> None:
    system.set_clock(at)  # type: ignore[arg-type]
    voice = system.prompts.path("en", "greeting")
    timeline = plan(system.centre, moves, at=at, seconds=system.prompts.seconds, caller=caller)  # type: ignore[arg-type]
    await system.call_all([ScriptedCall(script=timeline.script(voice=voice), caller=caller)])


@asynccontextmanager
async def _snooper(system: RunningSystem) -> AsyncIterator[AmiClient]:
    """A session of somebody who may see everything, which nobody may in a real installation."""
    file = system.installation.layout.asterisk_etc / "generated" / "manager.conf"
    before = file.read_text(encoding="utf-8")
    file.write_text(before + SNOOPER, encoding="utf-8")
    await system.asterisk.command("manager reload")
    ports = system.installation.settings.listening
    client = AmiClient(host=ports.bind, port=ports.ami, username="snooper", secret="nothing-here-is-secret")
    try:
        async with client:
            await client.wait_connected(10)
            yield client
    finally:
        file.write_text(before, encoding="utf-8")
        await system.asterisk.command("manager reload")


@asynccontextmanager
async def _watched(system: RunningSystem, capture: Capture, snooper: AmiClient) -> AsyncIterator[None]:
    ports = system.installation.settings.listening
    client = AmiClient(host=ports.bind, port=ports.ami, username=AMI_USER, secret=system.installation.secrets.ami)
    async with client:
        await client.wait_connected(10)
        tasks = [
            asyncio.create_task(_follow(client, capture.ours)),
            asyncio.create_task(_follow(snooper, capture.snooped)),
            asyncio.create_task(_look(system, capture)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def _follow(client: AmiClient, into: list[Message]) -> None:
    async for news in client.news():
        into.extend([news] if isinstance(news, Message) else [])


async def _look(system: RunningSystem, capture: Capture) -> None:
    """Again and again while calls are there: every state of the flow is met."""
    while True:
        listed = await system.asterisk.command("core show channels concise")
        for line in listed.splitlines():
            if line.startswith("PJSIP/") and "!" in line:
                capture.channels.append(await system.asterisk.command(f"core show channel {line.split('!')[0]}"))
        capture.other.append(await system.asterisk.command("core show globals"))
        capture.other.append(await asyncio.to_thread(_figures, system))
        capture.other += _of_processes(system.folder / "var")
        await asyncio.sleep(1)


def _of_processes(var: Path) -> Iterator[str]:
    """Command line and environment of each process of the system; the callers, SIPp, are not part of it."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            told = "\n".join((*process.cmdline(), json.dumps(process.environ())))
            if str(var) in told and process.name() != "sipp":
                yield told


def _figures(system: RunningSystem) -> str:
    ports = system.installation.settings.listening
    with urllib.request.urlopen(f"http://{ports.bind}:{ports.http}/status", timeout=10) as answer:
        return str(answer.read())


def test_the_search_finds_what_it_looks_for() -> None:
    """In each guise, within other text."""
    for value, text in ((BIRTH_DATE, "95-12-07"), (TYPED, "010-7731-0465"), (CALLER, "+821055920837")):
        inner = f'{{"number": "x{value}y"}}'
        encoded = (base64.b64encode(inner.encode()), base64.urlsafe_b64encode(b"ab" + inner.encode()))
        guises = [value, text, value[::-1], value.encode().hex(), *(each.decode() for each in encoded)]
        for guise in (*guises, base64.b32encode(inner.encode()).decode()):
            assert hits(b"before " + guise.encode() + b" after"), guise
    assert not hits(b"1795323894.951207,1951207,9512070")


def test_nothing_in_the_database(evidence: Evidence, system: RunningSystem) -> None:
    settings = system.installation.settings
    dumped = subprocess.run(
        [get_postgres().program("pg_dump"), "--dbname", system.installation.dsn], capture_output=True, check=True
    ).stdout
    for table in ("calls", "events", "steps", "messages", "callbacks", "access_log", "purges"):
        assert f"COPY ivr.{table} ".encode() in dumped
    assert dumped.count(b"s1.120-") > 5, "the values are there, sealed"
    assert hits(dumped) == []
    assert settings.database_url is None


def test_nothing_in_any_file(evidence: Evidence, system: RunningSystem) -> None:
    """Postgres' own files, its log of changes, Asterisk's database, spool and logs, the journal and the prompts."""
    var = system.installation.layout.var
    found, read = [], 0
    for folder, _, files in os.walk(var):
        for name in files:
            path = Path(folder) / name
            assert not hits(name.encode()), path
            with suppress(OSError):
                data = path.read_bytes()
                read += len(data)
                found += [f"{path.relative_to(var)}: {hit}" for hit in hits(data)]
    assert read > 10_000_000
    assert found == []


def test_nothing_on_ami_but_the_callers_id(evidence: Evidence) -> None:
    """Not even for who may see everything."""
    capture = evidence.capture
    assert len(capture.ours) > 5
    assert {"Newchannel", "Cdr", "Hangup"} & {message.text("Event") for message in capture.snooped}
    for message in (*capture.ours, *capture.snooped):
        kept = {name: value for name, value in message.items() if not _is_caller_id(name)}
        assert hits(json.dumps(kept).encode()) == [], message.text("Event")


def _is_caller_id(header: str) -> bool:
    return header.lower().endswith(("calleridnum", "connectedlinenum"))


def test_nothing_on_live_channels_but_the_callers_id(evidence: Evidence) -> None:
    channels = evidence.capture.channels
    assert len(channels) > 20
    assert any("IVR_STATE=" in shown for shown in channels)
    for shown in channels:
        kept = [line for line in shown.splitlines() if not re.match(r"\s*(Eff\. )?(Caller|Connected Line) ID", line)]
        assert hits("\n".join(kept).encode()) == []


def test_nothing_in_globals_figures_command_lines_and_environments(evidence: Evidence) -> None:
    other = evidence.capture.other
    assert any("ivr" in one and "controller" in one for one in other)
    assert [hit for one in other for hit in hits(one.encode())] == []


def test_a_recording_comes_out_as_it_was_made(evidence: Evidence, system: RunningSystem) -> None:
    for row in (evidence.message, evidence.talk):
        file = str(row["file"])
        sealed = system.installation.layout.recordings / f"{file}.sealed"
        assert b"RIFF" not in sealed.read_bytes()
        wav = system.recording(file)
        assert sha256(wav).hexdigest() == row["sha256"]
        with wave.open(BytesIO(wav)) as recording:
            assert recording.getnframes() / 8000 == pytest.approx(row["seconds"], abs=0.01)
    assert system.recording(str(evidence.message["call"])) == system.recording(str(evidence.message["file"]))


def test_over_http_with_token_name_and_reason(evidence: Evidence, system: RunningSystem) -> None:
    token = load_recordings_token(system.installation.layout)
    headers = {"Authorization": f"Bearer {token}", "X-Ivr-Who": "kim", "X-Ivr-Why": "complaint 4711"}
    file = str(evidence.message["file"])
    assert sha256(_get(system, file, headers)[1]).hexdigest() == evidence.message["sha256"]
    for missing, status in (("Authorization", 401), ("X-Ivr-Who", 400), ("X-Ivr-Why", 400)):
        given = {name: value for name, value in headers.items() if name != missing}
        code, body = _get(system, file, given)
        assert (code, b"RIFF" in body) == (status, False)
    assert _get(system, file, {**headers, "Authorization": "Bearer x"})[0] == 401
    assert _get(system, "120/2026-11-23/n1-1.1-1.wav", headers)[0] == 404
    assert _get(system, urllib.parse.quote("../../secrets/seal.key"), headers)[0] == 404


async def test_who_had_it_and_why_is_on_record(evidence: Evidence, system: RunningSystem, records: Records) -> None:
    file = str(evidence.message["file"])
    system.recording(file)
    _get(system, file, {
        "Authorization": f"Bearer {load_recordings_token(system.installation.layout)}",
        "X-Ivr-Who": "lee", "X-Ivr-Why": "complaint 4712",
    })  # fmt: skip
    rows = await records.rows("SELECT who, what, why FROM ivr.access_log ORDER BY number DESC LIMIT 2")
    assert {(row["what"], row["why"]) for row in rows} == {
        (f"recording {file}", "complaint 4712"),
        (f"recording {file}", "a test"),
    }
    logs = [path.read_text(encoding="utf-8") for path in system.installation.layout.log.glob("*.log")]
    assert any("a recording is given out" in log and file in log for log in logs)
    assert not any("complaint 4712" in log for log in logs)
    assert not any("retention waits" in log or "retention failed" in log for log in logs)


def test_what_will_be_past_its_time_is_told_and_destroyed_only_on_purpose(
    evidence: Evidence, system: RunningSystem
) -> None:
    (told,) = [one for one in json.loads(system.run("purge", "--dry-run", "--at", "2046-01-01", "--json"))
               if one["centre"] == "120"]  # fmt: skip
    assert told["messages"] >= 1
    assert told["talks"] >= 1
    assert told["callbacks"] >= 1
    assert system.run("purge").strip() == "nothing is past its time"
    assert sha256(system.recording(str(evidence.message["file"]))).hexdigest() == evidence.message["sha256"]


def _get(system: RunningSystem, which: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    ports = system.installation.settings.listening
    request = urllib.request.Request(f"http://{ports.bind}:{ports.http}/recording/{which}", headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()
