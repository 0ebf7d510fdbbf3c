"""Everything at once against a running system, then the look at it, then a normal call."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ivr.adapters.runtime.secrets import load_control_token
from ivr.bootstrap import Installation
from ivr.fuzz.live.keys import storm
from ivr.fuzz.live.looks import Look
from ivr.fuzz.live.messages import Wild, sip_message
from ivr.fuzz.live.ports import Nonsense, agi_nonsense, ami_nonsense, http_nonsense, throw
from ivr.fuzz.live.sip_peer import SipPeer, open_peer
from ivr.fuzz.source import Source
from ivr.testing.caller import HangUp, Press
from ivr.testing.sipp import Sipp
from ivr.testing.sipp_xml import ANSWER_BYE, SILENCE, document, message, sdp, stream
from ivr.testing.timeline import plan

SIPP_SHARE = 0.1
"""Of the SIP messages: well-formed calls with wild values, by SIPp. The rest are raw, most of them malformed."""
STORMS_EVERY = 200
"""One storm of keys for so many SIP messages."""
STORM_S = 3.0
STORMS_AT_ONCE = 5
RETRIES = 8
OPEN_AT_ONCE = 20
"""Calls of the raw peer that are under way: it is not the load that is tried here."""
CALLS_PER_S = 25.0
BURST = 10
"""Raw messages between two breaths."""


@dataclass(slots=True)
class LiveTally:
    """What was sent and what came of it."""

    sent: Counter[str] = field(default_factory=Counter)
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    calls: int = 0
    """Calls that Asterisk's journal knows of these."""
    findings: list[str] = field(default_factory=list)


async def run_live(
    installation: Installation, sipp: Sipp, messages: int, seed: int, say: Callable[[str], None] = lambda _: None
) -> LiveTally:
    """`messages` SIP messages and calls, and as many connections to each TCP port as a tenth of that."""
    tally = LiveTally()
    ports, layout = installation.settings.listening, installation.layout
    look = Look.take(layout)
    token = load_control_token(layout)
    connections = max(40, messages // 10)
    with tempfile.TemporaryDirectory(prefix="ivr-fuzz-") as folder:
        Path(folder).chmod(0o777)  # whatever runs as whoever may leave its canary
        nonsense: dict[str, tuple[Nonsense, int]] = {
            "http": (http_nonsense(token), ports.http),
            "agi": (agi_nonsense, ports.agi),
            "ami": (ami_nonsense, ports.ami),
        }
        async with asyncio.TaskGroup() as group:
            raw = group.create_task(_raw_sip(installation, folder, messages, seed, tally))
            group.create_task(_sipp_calls(installation, sipp, folder, messages, seed, tally))
            group.create_task(_storms(installation, messages, seed, tally))
            for name, (make, port) in nonsense.items():
                group.create_task(_connections(name, make, (ports.bind, port), connections, seed, tally))
        say(f"sent: {', '.join(f'{count} {what}' for what, count in sorted(tally.sent.items()))}")
        for name, answers in (*tally.answers.items(), ("sip", raw.result())):
            say(f"{name} answers: {', '.join(f'{word} {count}' for word, count in answers.most_common(12))}")
        tally.answers["sip"] = raw.result()
        tally.findings += await look.compare(installation.asterisk.count_channels, Path(folder))
    tally.findings += await _normal_call(installation, sipp)
    http, agi = tally.answers["http"], tally.answers["agi"]
    tally.findings += [f"the HTTP port answered {word}" for word in http if word.startswith("HTTP/1.1 5")]
    tally.findings += [
        f"{name} left {seen['hung']} connections hanging" for name, seen in (("agi", agi),) if seen["hung"]
    ]
    tally.calls = len(look.calls())
    return tally


async def _normal_call(installation: Installation, sipp: Sipp) -> list[str]:
    """A caller as any other: what is wrong, if anything."""
    script = plan(
        installation.centres[0],
        (Press("1"), HangUp()),
        at=installation.clock.now(),
        seconds=installation.prompts.seconds,
        caller=None,
    ).script()
    result = await sipp.call(script, None)
    return [] if result.is_clean else ["a normal call afterwards did not go as it must"]


async def _connections(
    name: str, make: Nonsense, server: tuple[str, int], count: int, seed: int, tally: LiveTally
) -> None:
    tally.answers[name] = await throw(make, Source(seed, name, 0), server, count)
    tally.sent[f"{name} connections"] += count


async def _raw_sip(installation: Installation, folder: str, messages: int, seed: int, tally: LiveTally) -> Counter[str]:
    ports = installation.settings.listening
    numbers = installation.centres[0].numbers
    async with open_peer((ports.bind, ports.sip)) as peer:
        for number in range(round(messages * (1 - SIPP_SHARE))):
            source = Source(seed, "sip", number)
            wild = Wild(source, folder)
            where = f"{ports.bind}:{ports.sip}"
            peer.send(sip_message(source, wild, port=peer.port, server=where, number=number, numbers=numbers))
            tally.sent["raw SIP messages"] += 1
            if number % BURST == 0:
                await _breathe(installation, peer)
        await asyncio.sleep(1.0)  # the last answers
        return peer.codes


async def _breathe(installation: Installation, peer: SipPeer) -> None:
    """Until Asterisk has caught up with the calls that were begun."""
    await asyncio.sleep(0.05)
    while len(peer.open) > OPEN_AT_ONCE:
        await asyncio.sleep(0.05)


async def _sipp_calls(
    installation: Installation, sipp: Sipp, folder: str, messages: int, seed: int, tally: LiveTally
) -> None:
    count = round(messages * SIPP_SHARE)
    rows = ["SEQUENTIAL"]
    for number in range(count):
        source = Source(seed, "sipp", number)
        wild = Wild(source, folder)
        quoted = '"' + wild.field().replace("\\", "").replace('"', "'") + '"'
        caller = f"{quoted} <sip:{wild.user(60)}@127.0.0.1>"
        rows.append(f"{wild.extension(installation.centres[0].numbers)};{caller};{wild.field()};{wild.field()}")
    files: dict[str, bytes | Path] = {"wild.csv": "\n".join([*rows, ""]).encode(), "silence.ulaw": SILENCE}
    options = [
        "-inf",
        "wild.csv",
        "-m",
        str(count),
        "-l",
        "50",
        "-max_invite_retrans",
        "4",
        "-r",
        "1",
        "-rp",
        str(round(1000 / CALLS_PER_S)),
    ]
    limit_s = 60 + count / CALLS_PER_S * 2
    async with await sipp.start(_wild_call(), files=files, options=options, limit_s=limit_s) as process:
        result = await process.wait()
    tally.sent["SIPp calls"] += result.calls
    tally.answers["sipp"] = Counter(went_as_scripted=result.successful, refused=result.failed)


def _wild_call() -> str:
    """Calls, says nothing for a moment, hangs up; a refusal ends it too."""
    via = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]"
    invite = message(
        f"""
INVITE sip:[field0]@[remote_ip]:[remote_port] SIP/2.0
{via}
From: [field1];tag=[pid]w[call_number]
To: <sip:[field0]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:[local_ip]:[local_port]>
Diversion: <sip:[field0]@x.invalid>
User-Agent: [field2]
Subject: [field3]
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

{sdp()}
""",
        retrans=True,
    )
    within = """From: [field1];tag=[pid]w[call_number]
[last_To:]
Call-ID: [call_id]
Max-Forwards: 70
Content-Length: 0"""
    provisional = "".join(f'<recv response="{code}" optional="true"/>\n' for code in (100, 180, 183))
    codes = (400, 401, 403, 404, 416, 484, 488, 500, 503)
    refused = "".join(f'<recv response="{code}" optional="true" next="no"/>\n' for code in codes)
    return document(
        invite,
        provisional,
        refused,
        '<recv response="200" timeout="8000"/>\n',
        message(f"ACK [next_url] SIP/2.0\n{via}\nCSeq: 1 ACK\n{within}"),
        stream("silence.ulaw"),
        '<recv request="BYE" timeout="200" ontimeout="leave" next="gone"/>\n<label id="leave"/>\n',
        message(f"BYE [next_url] SIP/2.0\n{via}\nCSeq: 2 BYE\n{within}", retrans=True),
        '<recv request="BYE" optional="true" next="gone"/>\n<recv response="200" next="end"/>\n',
        '<label id="no"/>\n',
        message(f"ACK sip:[field0]@[remote_ip]:[remote_port] SIP/2.0\n{via}\nCSeq: 1 ACK\n{within}"),
        '<nop next="end"/>\n',
        *ANSWER_BYE,
    )


async def _storms(installation: Installation, messages: int, seed: int, tally: LiveTally) -> None:
    """Calls to the first number, each under a storm of keys."""
    ports = installation.settings.listening
    count = max(1, messages // STORMS_EVERY)
    number = installation.centres[0].numbers[0]
    running: set[asyncio.Task[int]] = set()
    unanswered: dict[bytes, bytes] = {}

    def answered(call_id: bytes, rtp: int) -> float:
        unanswered.pop(call_id, None)
        if rtp:
            source = Source(seed, f"storm {call_id!r}", 0)
            running.add(asyncio.create_task(storm(source, (ports.bind, rtp), STORM_S)))
        return STORM_S + 0.2

    async with open_peer((ports.bind, ports.sip), answered) as peer:
        for place in range(count):
            invite = _plain_invite(peer.port, f"{ports.bind}:{ports.sip}", number, place)
            unanswered[f"storm-{peer.port}-{place}".encode()] = invite
            peer.send(invite)
            await asyncio.sleep(STORM_S / STORMS_AT_ONCE)
        for _ in range(RETRIES):  # a datagram may be lost among the others; the same again is the same call
            for invite in unanswered.values():
                peer.send(invite)
            await asyncio.sleep(STORM_S / STORMS_AT_ONCE if unanswered else 0)
        await asyncio.sleep(STORM_S)
    tally.sent["storms of keys"] += len(running)
    tally.sent["RTP packets"] += sum(await asyncio.gather(*running))
    if len(running) < count:
        tally.findings.append(f"only {len(running)} of {count} calls for a storm of keys were answered")


def _plain_invite(port: int, server: str, number: str, place: int) -> bytes:
    body = "\r\n".join([
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 39000 RTP/AVP 0 96",
        "a=rtpmap:0 PCMU/8000", "a=rtpmap:96 telephone-event/8000", "",
    ])  # fmt: skip
    return "\r\n".join([
        f"INVITE sip:{number}@{server} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-storm-{port}-{place};rport",
        f"From: <sip:0212340000@127.0.0.1>;tag=s{place}", f"To: <sip:{number}@{server}>",
        f"Call-ID: storm-{port}-{place}", "CSeq: 1 INVITE", f"Contact: <sip:0212340000@127.0.0.1:{port}>",
        "Max-Forwards: 70", "Content-Type: application/sdp", f"Content-Length: {len(body)}", "", body,
    ]).encode()  # fmt: skip
