"""Agents' SIP phones, played by SIPp: they register, dial service codes, and take calls in one way or another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ivr.errors import PeerError
from ivr.testing.sipp import Sipp, SippProcess, SippResult
from ivr.testing.sipp_xml import ANSWER_BYE, SILENCE, document, invite, message, ms, sdp, stream

_ANSWER_S = 20
"""Longest wait for the system's reply to a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Picks up after ringing `after_s` seconds. Hangs up after `talk_s`, or never (None): then the other side does."""

    after_s: float = 0.5
    talk_s: float | None = None


@dataclass(frozen=True, slots=True)
class Decline:
    """Busy, at once."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """Rings until the caller is taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Picks up, talks, then hands the caller on by blind transfer (REFER) to an extension."""

    after_s: float = 0.5
    talk_s: float = 2.0
    to: str = "*20"
    denied: tuple[str, ...] = ()
    """Extensions asked for before that: the system must refuse each, or the talk ends there."""


Behaviour = Answer | Decline | Ignore | Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPhone:
    """One SIP account on a phone of its own. `port` is where it can be called."""

    sipp: Sipp
    user: str
    password: str = field(repr=False)
    port: int
    voice: Path | None = None
    """What the agent says to callers (mu-law, 8 kHz); None: silence."""

    async def register(self, *, expires_s: int = 600) -> None:
        """Tells the system where this phone is; 0 takes it away. Raises PeerError when it is refused."""
        scenario = document(
            _register(expires_s, "", 1),
            '<recv response="401" auth="true"/>\n',
            _register(expires_s, self._credentials, 2),
            '<recv response="200"/>\n',
        )
        result = await self._run(scenario, "", _ANSWER_S)
        if not result.is_clean:
            raise PeerError(f"the phone of agent {self.user} could not register")

    async def dial(self, code: str) -> None:
        """Dials a service code such as `*11` and listens until the system hangs up. Raises PeerError when it fails."""
        limit = 2 * _ANSWER_S
        scenario = document(
            invite(self._credentials),
            stream("silence.ulaw"),
            f'<recv request="BYE" timeout="{ms(limit)}" next="gone"/>\n',
            *ANSWER_BYE,
        )
        result = await self._run(scenario, code, limit)
        if not result.is_clean:
            raise PeerError(f"agent {self.user} could not dial {code}")

    async def log_in(self) -> None:
        """Registers, then dials the code for logging in."""
        await self.register()
        await self.dial("*11")

    @asynccontextmanager
    async def serving(self, behaviour: Behaviour, *, limit_s: float = 300) -> AsyncIterator[SippProcess]:
        """Takes calls, each in the same way, until the context is left; calls under way are then cut off.

        `SippProcess.stop` ends it earlier and lets them finish. The result's `logged` has one line per ring: what the
        phone displayed (the From header).
        """
        files = {"silence.ulaw": SILENCE, "voice.ulaw": self.voice or SILENCE}
        scenario = phone_scenario(behaviour)
        async with await self.sipp.start(scenario, files=files, options=[], limit_s=limit_s, port=self.port) as process:
            yield process

    @property
    def _credentials(self) -> str:
        return f"[authentication username={self.user} password={self.password}]"

    async def _run(self, scenario: str, dialled: str, limit_s: float) -> SippResult:
        owner = f"SEQUENTIAL\n<sip:{self.user}@{self.sipp.address}>;;{dialled}\n".encode()
        files: dict[str, bytes | Path] = {"callers.csv": owner, "silence.ulaw": SILENCE}
        options = ["-inf", "callers.csv", "-m", "1", "-key", "contact_port", str(self.port)]
        async with await self.sipp.start(scenario, files=files, options=options, limit_s=limit_s) as process:
            return await process.wait()


def phone_scenario(behaviour: Behaviour) -> str:
    """The SIPp scenario of a phone that is called, any number of times."""
    rest: tuple[str, ...]
    match behaviour:
        case Decline():
            rest = (_reply("486 Busy Here"), '<recv request="ACK" next="end"/>\n')
        case Ignore():
            rest = (_reply("180 Ringing"), '<recv request="CANCEL" next="cancelled"/>\n')
        case Answer(after_s=after_s, talk_s=None):
            rest = (*_pick_up(after_s), '<recv request="BYE" next="gone"/>\n')
        case Answer(after_s=after_s, talk_s=float() | int() as talk_s):
            rest = (*_pick_up(after_s), *_talk(talk_s), *_hang_up())
        case Transfer(after_s=after_s, talk_s=talk_s, to=to, denied=denied):
            rest = (*_pick_up(after_s), *_talk(talk_s), *_denied(denied), *_refer(to, len(denied) + 1))
    return document(*_RING, *rest, *_CANCELLED, *_QUALIFIED, *ANSWER_BYE)


def _register(expires_s: int, credentials: str, number: int) -> str:
    return message(
        f"""
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: [field0];tag=[pid]t[call_number]
To: [field0]
Call-ID: [call_id]
CSeq: {number} REGISTER
Contact: <sip:phone@[local_ip]:[contact_port]>
{credentials}
Expires: {expires_s}
Max-Forwards: 70
Content-Length: 0
""".replace("\n\nExpires", "\nExpires"),
        retrans=True,
    )


def _reply(status: str, *, body: bool = False) -> str:
    """To the request that came last, as the phone's end of the dialog."""
    content = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp(101)}" if body else "Content-Length: 0"
    return message(
        f"""
SIP/2.0 {status}
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[pid]p[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:phone@[local_ip]:[local_port]>
{content}
""",
        retrans=body,
    )


def _pick_up(after_s: float) -> tuple[str, ...]:
    return (
        _reply("180 Ringing"),
        # The caller may be taken away while it rings.
        f'<recv request="CANCEL" timeout="{ms(after_s)}" ontimeout="pick-up" next="cancelled"/>\n',
        '<label id="pick-up"/>\n',
        _reply("200 OK", body=True),
        '<recv request="ACK"/>\n',
        stream("voice.ulaw"),
    )


def _talk(seconds: float) -> tuple[str, ...]:
    return (
        f'<recv request="BYE" timeout="{ms(seconds)}" ontimeout="talked" next="gone"/>\n',
        '<label id="talked"/>\n',
    )


def _request(method: str, number: int, extra: str = "") -> str:
    """A request of the phone inside the dialog that the system began: To and From change places."""
    return message(
        f"""
{method} [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: [$to];tag=[pid]p[call_number]
To: [$from]
Call-ID: [call_id]
CSeq: {number} {method}
Contact: <sip:phone@[local_ip]:[local_port]>
Max-Forwards: 70
{extra}Content-Length: 0
""",
        retrans=True,
    )


def _hang_up() -> tuple[str, ...]:
    return (
        _request("BYE", 1),
        '<recv request="BYE" optional="true" next="gone"/>\n',
        '<recv response="200" next="end"/>\n',
    )


def _denied(targets: tuple[str, ...]) -> Iterator[str]:
    for number, to in enumerate(targets, start=1):
        yield _request("REFER", number, _refer_to(to))
        # The refusal comes in a NOTIFY, which SIPp answers by itself (-aa). A transfer that happens ends with a BYE.
        yield '<recv response="202"/>\n'
        yield f'<recv request="BYE" timeout="500" ontimeout="denied-{number}" next="gone"/>\n'
        yield f'<label id="denied-{number}"/>\n'


def _refer_to(extension: str) -> str:
    return f"Refer-To: <sip:{extension}@[remote_ip]:[remote_port]>\n"


def _refer(to: str, number: int) -> tuple[str, ...]:
    return (
        _request("REFER", number, _refer_to(to)),
        '<recv response="202"/>\n',
        # What became of it comes as NOTIFYs, which SIPp answers by itself (-aa). Then the phone is out of the talk.
        '<recv request="BYE" timeout="1000" ontimeout="handed-over" next="gone"/>\n',
        '<label id="handed-over"/>\n',
        _request("BYE", number + 1),
        '<recv response="481" optional="true" next="end"/>\n',
        '<recv response="200" next="end"/>\n',
    )


_RING = (
    # A look whether the phone is there comes as a call of its own.
    '<recv request="OPTIONS" optional="true" next="qualified"/>\n',
    """<recv request="INVITE" rrs="true"><action>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/>
<log message="[$from]"/>
</action></recv>
<Reference variables="from,to"/>
""",
)

_CANCELLED = (
    '<label id="cancelled"/>\n',
    _reply("200 OK"),
    message("""
SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=[pid]p[call_number]
[last_Call-ID:]
CSeq: [last_cseq_number] INVITE
Content-Length: 0
"""),
    '<recv request="ACK" next="end"/>\n',
)

_QUALIFIED = ('<label id="qualified"/>\n', _reply("200 OK"), '<nop next="end"/>\n')
