"""What a caller or phone does, as a SIPp scenario: timed moves in, XML and the files that it streams out.

Keys travel as RFC 4733 events inside the caller's own RTP stream. SIPp's `play_dtmf` would need raw sockets, hence
root; `rtp_stream` does not, so a key is a file of event packets that is streamed like speech (see `key_packets`).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

KEYS = "0123456789*#"
"""In the order of their RFC 4733 event codes."""
KEY_S = 0.24
"""Seconds that one key takes: 0.12 s pressed, 0.12 s released."""
EVENT_PAYLOAD = 96
_PACKET = 50
"""Bytes: SIPp streams a dynamic payload type as "iLBC/8000", 50 bytes every 30 ms. Receivers read the first four."""
_TICKS = 240
_NUMBER = re.compile(r"\+?\d+")
_IGNORED_EVENT = 255
"""No receiver knows this code: a packet that passes the time between two keys."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Does nothing for `seconds`; silence is heard meanwhile."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Keys:
    """Presses keys one after the other, `KEY_S` each."""

    keys: str


@dataclass(frozen=True, slots=True)
class Voice:
    """Speaks (the script's voice file, repeated) for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Bye:
    """Hangs up."""


@dataclass(frozen=True, slots=True)
class AwaitBye:
    """Stays on the line until the other side hangs up; after `seconds` the call counts as failed."""

    seconds: float


SipMove = Pause | Keys | Voice | Bye | AwaitBye


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerScript:
    """What a caller does from the moment the call is answered. Ends in Bye or AwaitBye."""

    dial: str
    moves: tuple[SipMove, ...]
    voice: Path | None = None
    """Headerless mu-law or a mu-law WAV, 8 kHz, for Voice."""
    sends_audio: bool = True
    """False: not one RTP packet but for keys and voice, as behind a broken firewall."""
    may_be_cut_off: bool = False
    """True: the other side may hang up at any time; otherwise doing so before the script's end fails the call."""

    def __post_init__(self) -> None:
        if not self.moves or not isinstance(self.moves[-1], Bye | AwaitBye):
            raise ValueError("a caller's script ends in Bye or AwaitBye")
        if self.voice is None and any(isinstance(move, Voice) for move in self.moves):
            raise ValueError("a script that speaks needs a voice file")

    @property
    def seconds(self) -> float:
        """Longest length of the call after it was answered."""
        return sum(_length(move) for move in self.moves)


def key_packets(keys: str) -> bytes:
    """RTP payloads that press `keys`: per key three updates, one end, and four packets that nobody understands.

    Timestamps move on with each packet, unlike in RFC 4733, because SIPp sets them; Asterisk takes the duration from
    the event itself. The end is sent once: a repetition with a later timestamp would be another key.
    """
    payloads: list[bytes] = []
    for key in keys:
        code = KEYS.index(key)
        payloads += [struct.pack("!BBH", code, 10, _TICKS * count) for count in (1, 2, 3)]
        payloads += [struct.pack("!BBH", code, 0x80 | 10, _TICKS * 4)]
        payloads += [struct.pack("!BBH", _IGNORED_EVENT, 10, 0)] * 4
    return b"".join(payload.ljust(_PACKET, b"\0") for payload in payloads)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedCall:
    """A call to be placed: who (None: number withheld) does what."""

    script: CallerScript
    caller: str | None = field(repr=False)


def caller_scenario(scripts: Sequence[CallerScript]) -> str:
    """One SIPp scenario for callers with different scripts; `callers_file` says who follows which.

    A caller who comes to the end of the script leaves a line in the log: its place in the callers file.
    """
    parts = [invite(), *_dispatch(len(scripts))]
    for number, script in enumerate(scripts):
        parts.append(f'<label id="script{number}"/>\n')
        parts += _moves(script, number)
    return document(*parts, *ANSWER_BYE, '<nop><action><log message="[field3]"/></action></nop>\n')


def callers_file(calls: Sequence[ScriptedCall], scripts: Sequence[CallerScript], address: str) -> bytes:
    """SIPp's injection file: From header, number of the script, number dialled, place in this file."""
    lines = [
        f"{from_header(call.caller, address)};{scripts.index(call.script)};{call.script.dial};{place}"
        for place, call in enumerate(calls)
    ]
    return "\n".join(["SEQUENTIAL", *lines, ""]).encode()


def _dispatch(count: int) -> list[str]:
    """Sends each caller to its script."""
    if count == 1:
        return []
    number = (
        '<nop><action><assignstr assign_to="chosen" value="[field1]"/>'
        '<todouble assign_to="number" variable="chosen"/></action></nop>\n'
    )
    return [number] + [
        f'<nop test="hit{script}" next="script{script}"><action>'
        f'<test assign_to="hit{script}" variable="number" compare="equal" value="{script}"/></action></nop>\n'
        for script in range(count)
    ]


def _moves(script: CallerScript, number: int) -> list[str]:
    silence = stream("silence.ulaw") if script.sends_audio else ""
    parts = [silence]
    for place, move in enumerate(script.moves):
        label = f"{number}-{place}"
        match move:
            case Pause(seconds):
                parts.append(pause(seconds, label, script.may_be_cut_off))
            case Keys(keys):
                # The last key may be answered with a hang-up at once.
                lenient = script.may_be_cut_off or isinstance(script.moves[place + 1], AwaitBye)
                parts += [stream(keys_file(keys), kind="keys"), pause(len(keys) * KEY_S, label, lenient), silence]
            case Voice(seconds):
                parts += [stream(voice_file(script)), pause(seconds, label, script.may_be_cut_off)]
                parts.append(silence or pause_stream())
            case Bye():
                parts.append(_BYE)
            case AwaitBye(seconds):
                parts.append(f'<recv request="BYE" timeout="{ms(seconds)}" next="gone"/>\n')
    return parts


def document(*parts: str) -> str:
    """A whole scenario file."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="ivr">\n{"".join(parts)}</scenario>\n'


def stream(file: str, *, kind: str = "speech") -> str:
    """Speech is repeated until something else is streamed; keys are sent once."""
    how = "-1,0,PCMU/8000" if kind == "speech" else f"1,{EVENT_PAYLOAD},iLBC/8000"
    return f'<nop><action><exec rtp_stream="{file},{how}"/></action></nop>\n'


def pause_stream() -> str:
    """Stops sending RTP."""
    return '<nop><action><exec rtp_stream="pause"/></action></nop>\n'


def pause(seconds: float, label: str, may_be_cut_off: bool) -> str:
    """A pause in which a BYE fails the call, or one in which it ends it well. `label` is unique in the scenario."""
    if not may_be_cut_off:
        return f'<pause milliseconds="{ms(seconds)}"/>\n'
    return (
        f'<recv request="BYE" timeout="{ms(seconds)}" ontimeout="after{label}" next="gone"/>\n'
        f'<label id="after{label}"/>\n'
    )


def message(text: str, *, retrans: bool = False) -> str:
    """A SIP message to send; its lines are given without indentation."""
    attributes = ' retrans="500"' if retrans else ""
    return f"<send{attributes}><![CDATA[\n{text.strip()}\n\n]]></send>\n"


def sdp(events: int = EVENT_PAYLOAD) -> str:
    """Offers and answers mu-law and keys."""
    return f"""v=0
o=- 1 1 IN IP4 [media_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0 {events}
a=rtpmap:0 PCMU/8000
a=rtpmap:{events} telephone-event/8000
a=fmtp:{events} 0-16
a=ptime:20
a=sendrecv"""


SILENCE = b"\xff" * 8000
"""One second of mu-law silence."""

ROUTE = """From: [field0];tag=[pid]t[call_number]
[last_To:]
Call-ID: [call_id]
Max-Forwards: 70"""
"""Of a request inside the caller's dialog."""
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]"


def invite(authentication: str = "") -> str:
    """Calls, and goes on when it was answered. With `authentication` (SIPp's keyword) a challenge is answered first."""
    first = _invite_message("")
    challenged = ""
    if authentication:
        challenged = f'<recv response="401" auth="true"/>\n{_ack()}{_invite_message(authentication)}'
    return first + challenged + _RINGING + '<recv response="200" rrs="true"/>\n' + _ack()


def _invite_message(authentication: str) -> str:
    credentials = f"{authentication}\n" if authentication else ""
    return message(
        f"""
INVITE sip:[field2]@[remote_ip]:[remote_port] SIP/2.0
{_VIA}
From: [field0];tag=[pid]t[call_number]
To: <sip:[field2]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: [cseq] INVITE
Contact: <sip:[local_ip]:[local_port]>
{credentials}Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

{sdp()}
""",
        retrans=True,
    )


def _ack() -> str:
    return message(f"""
ACK [next_url] SIP/2.0
{_VIA}
{ROUTE}
CSeq: [cseq] ACK
Content-Length: 0
""")


_RINGING = "".join(f'<recv response="{code}" optional="true"/>\n' for code in (100, 180, 183))

_BYE = (
    message(
        f"""
BYE [next_url] SIP/2.0
{_VIA}
{ROUTE}
CSeq: [cseq] BYE
Content-Length: 0
""",
        retrans=True,
    )
    # Both may hang up at the same moment: theirs crosses ours.
    + '<recv request="BYE" optional="true" next="gone"/>\n<recv response="200" next="end"/>\n'
)

ANSWER_BYE = (
    '<label id="gone"/>\n',
    message("""
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0
"""),
    '<label id="end"/>\n<nop/>\n',
)


def media_files(scripts: Sequence[CallerScript]) -> dict[str, bytes | Path]:
    """The files that the scenario streams, by name."""
    files: dict[str, bytes | Path] = {"silence.ulaw": SILENCE}
    for script in scripts:
        if script.voice is not None:
            files[voice_file(script)] = script.voice
        for move in script.moves:
            if isinstance(move, Keys):
                files[keys_file(move.keys)] = key_packets(move.keys)
    return files


def keys_file(keys: str) -> str:
    """Name of the file that presses `keys`."""
    return f"keys-{keys.replace('*', 's').replace('#', 'h')}.evt"


def voice_file(script: CallerScript) -> str:
    """Name of the script's voice beside the scenario."""
    return f"voice-{script.voice.name if script.voice else ''}"


def from_header(caller: str | None, address: str) -> str:
    """The From header of a caller; None withholds the number. Raises ValueError for what is no number."""
    if caller is None:
        return '"Anonymous" <sip:anonymous@anonymous.invalid>'
    if not _NUMBER.fullmatch(caller):
        raise ValueError("a caller's number has digits only, and perhaps a +")
    return f"<sip:{caller}@{address}>"


def _length(move: SipMove) -> float:
    match move:
        case Pause(seconds) | Voice(seconds) | AwaitBye(seconds):
            return seconds
        case Keys(keys):
            return len(keys) * KEY_S
        case Bye():
            return 0.0


def ms(seconds: float) -> int:
    """Milliseconds for a scenario; at least one, because SIPp takes 0 as for ever."""
    return max(1, round(seconds * 1000))
