"""SIP messages as nobody should send them, and wild values for those that are well-formed."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from ivr.fuzz.source import Source

_METHODS = (
    "INVITE", "REGISTER", "OPTIONS", "BYE", "CANCEL", "ACK", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "INFO",
    "UPDATE", "PRACK", "PUBLISH", "X",
)  # fmt: skip
_EXTRA = (
    "Diversion", "P-Asserted-Identity", "Remote-Party-ID", "User-Agent", "Subject", "Call-Info", "Alert-Info", "Reason",
    "Replaces", "Refer-To", "Authorization", "Session-Expires", "Require", "Supported", "X-IVR-Next",
)  # fmt: skip
CANARY = "ivr-fuzz-canary"
"""In the name of files that exist only when something ran that must not, and in headers that nobody may see."""


def canaries(folder: str) -> tuple[str, ...]:
    """Values that leave a file behind when they are expanded, and such as would add a command or header."""
    file = f"{folder}/{CANARY}"
    return (
        f"${{SHELL(touch {file}-1)}}", f"$(touch {file}-2)", f"`touch {file}-3`", f"a,1)&System(touch {file}-4)",
        f'"|System(touch {file}-5)', f"${{EVAL(${{SHELL(touch {file}-6)}})}}", f"x%0aEXEC System \"touch {file}-7\"",
        f"y%0d%0aAction: Command%0d%0aCommand: !touch {file}-8%0d%0aX-{CANARY}: 1", f"120&Local/x@{CANARY}",
        f"${{FILE({file}-9,0,1,,w)}}", f"{{{{{CANARY}}}}}", f"${{DB(x/{CANARY})}}",
    )  # fmt: skip


class Wild:
    """Values for SIP headers, with canaries among them."""

    def __init__(self, source: Source, folder: str) -> None:
        self._source = source
        self._canaries = canaries(folder)

    def value(self) -> str:
        """Text on one line, as long as a SIP header may be."""
        if self._source.chance() < 0.4:
            return self._source.one_of(self._canaries)
        return self._source.line(3).encode("utf-8", "replace").decode()[:3000]

    def quoted(self) -> str:
        """A display name that is well-formed whatever is in it."""
        return '"' + self.value().replace("\\", "\\\\").replace('"', '\\"') + '"'

    def user(self, most: int = 300) -> str:
        """The user part of a URI, of at most so many characters before they were escaped as they must be."""
        return quote(self.value()[:most], safe="") or "x"

    def extension(self, numbers: tuple[str, ...]) -> str:
        """Mostly a number that is served, often with more behind it."""
        number = self._source.one_of((*numbers, "+82", "0", "119"))
        return number if self._source.chance() < 0.4 else number + self.user(60)

    def field(self) -> str:
        """For SIPp's injection file: no separator, no keyword of SIPp, no control character, which SIP forbids."""
        text = "".join(each for each in self.value() if not unicodedata.category(each).startswith("C"))
        return text.translate({ord(";"): None, ord("["): "(", ord("]"): ")"})[:800]


def sip_message(source: Source, wild: Wild, *, port: int, server: str, number: int, numbers: tuple[str, ...]) -> bytes:
    """Message `number` of a run, for a peer at `port`: half of them are calls, half of all are damaged."""
    kind = source.chance()
    if kind < 0.04:
        return source.raw(source.one_of((10, 200, 2000)))
    method = "INVITE" if kind < 0.55 else source.one_of(_METHODS)
    if kind > 0.97:
        method = wild.value()[:50]
    # The peer's own address stays as it is: answers must come back, so that each call is ended at once.
    via = f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-{port}-{number};rport\r\n".encode()
    lines = [
        f"From: {wild.quoted()} <sip:{wild.user()}@127.0.0.1>;tag=f{number}",
        f"To: <sip:{wild.extension(numbers)}@{server}>",
        f"Call-ID: fuzz-{number}@{source.one_of(('127.0.0.1', wild.user()))}",
        f"CSeq: {source.one_of((1, 1, 1, number, 2**31 - 2, 2**31, 10**12))} {method}",
        f"Contact: <sip:{wild.user(20)}@127.0.0.1:{port}>",
        f"Max-Forwards: {source.one_of((70, 70, 70, 0, -1, 10**9))}",
    ]
    lines += [f"{source.one_of(_EXTRA)}: {wild.value()}" for _ in range(source.whole(0, 4))]
    body = _body(source, wild) if method == "INVITE" else source.one_of(("", "", wild.value()))
    length = len(body.encode()) if source.chance() < 0.9 else source.one_of((0, 1, 10**6, -1))
    lines += ["Content-Type: application/sdp"] if body else []
    lines += [f"Content-Length: {length}", "", body]
    start = f"{method} sip:{wild.extension(numbers)}@{server} SIP/2.0\r\n".encode()
    rest = "\r\n".join(lines).encode()
    if source.chance() < 0.5:
        rest = source.damaged(rest)
    if source.chance() < 0.1:
        start = source.damaged(start, 1)
    return start + via + rest


def _body(source: Source, wild: Wild) -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 39000 RTP/AVP 0 96",
             "a=rtpmap:0 PCMU/8000", "a=rtpmap:96 telephone-event/8000"]  # fmt: skip
    if source.chance() < 0.3:
        place = source.whole(0, len(lines) - 1)
        lines[place] = source.one_of((lines[place] + wild.value(), wild.value(), f"a={wild.value()}"))
    if source.chance() < 0.1:
        lines += [f"m=audio {source.whole(0, 70000)} RTP/AVP {source.whole(0, 300)}"] * source.one_of((1, 3, 40))
    return "\r\n".join([*lines, ""])
