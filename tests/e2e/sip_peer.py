"""A SIP peer of no good intentions: every header as it is told, from any address of the machine. SIPp is too polite."""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5

ANSWER_S = 4.0
"""Longest wait for a final response."""


@dataclass(slots=True, kw_only=True)
class Dialog:
    """A request and what came of it."""

    code: int
    """Final status."""
    call_id: str
    cseq: int
    local: str
    """Our From."""
    remote: str
    """Their To, with its tag."""
    target: str
    reason: str = field(default="", repr=False)


@dataclass(slots=True)
class SipPeer:
    """One UDP socket. Asks, answers a digest challenge if it has a password, and acknowledges."""

    server: tuple[str, int]
    socket: socket.socket

    @property
    def here(self) -> str:
        host, port = self.socket.getsockname()
        return f"{host}:{port}"

    def ask(
        self,
        method: str,
        to: str,
        *,
        sender: str,
        display: str = "",
        headers: str = "",
        contact: str = "",
        password: str | None = None,
        user: str | None = None,
        dialog: Dialog | None = None,
        body: str | None = None,
    ) -> Dialog:
        """Sends one request and returns with its final response. `to` and `sender` are the user parts, raw."""
        call_id = dialog.call_id if dialog else uuid.uuid4().hex
        cseq = dialog.cseq + 1 if dialog else 1
        uri = dialog.target if dialog else f"sip:{to}@{self.server[0]}:{self.server[1]}"
        local = dialog.local if dialog else f"{display}<sip:{sender}@{self.here}>;tag={uuid.uuid4().hex[:8]}"
        remote = dialog.remote if dialog else f"<{uri}>"
        if body is None and method == "INVITE":
            body = _offer(self.socket.getsockname()[0])
        authorization = ""
        for _ in range(2):
            branch = f"z9hG4bK{uuid.uuid4().hex}"
            self._send(
                f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.here};rport;branch={branch}\r\n"
                f"From: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: {contact or f'<sip:peer@{self.here}>'}\r\nMax-Forwards: 70\r\n{headers}{authorization}"
                + (f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}" if body else "")
                + ("" if body else "Content-Length: 0\r\n\r\n")
            )
            code, reply = self._final(call_id, cseq)
            remote_now = _header(reply, "To") or remote
            contact_uri = re.search(r"<(.*?)>", _header(reply, "Contact") or "")
            target = contact_uri[1] if contact_uri and 200 <= code < 300 else uri
            if method == "INVITE" and code:
                # Of a refusal it belongs to the transaction, of a success it does not.
                via = branch if code >= 300 else f"z9hG4bK{uuid.uuid4().hex}"
                self._send(
                    f"ACK {uri if code >= 300 else target} SIP/2.0\r\n"
                    f"Via: SIP/2.0/UDP {self.here};rport;branch={via}\r\nFrom: {local}\r\nTo: {remote_now}\r\n"
                    f"Call-ID: {call_id}\r\nCSeq: {cseq} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
                )
            if code != 401 or password is None or authorization:
                break
            authorization = _digest(reply, method, uri, user or sender, password)
            cseq += 1
        return Dialog(
            code=code, call_id=call_id, cseq=cseq, local=local, remote=remote_now, target=target,
            reason=reply.partition("\r\n")[0],
        )  # fmt: skip

    def hang_up(self, dialog: Dialog) -> None:
        """BYE."""
        self.ask("BYE", "", sender="", dialog=dialog)

    def raw(self, datagram: bytes) -> None:
        self.socket.sendto(datagram, self.server)

    def _send(self, message: str) -> None:
        self.raw(message.encode("utf-8", "surrogateescape"))

    def _final(self, call_id: str, cseq: int) -> tuple[int, str]:
        """Status 0 when nobody answers."""
        for message in self._incoming():
            status = re.match(r"SIP/2\.0 (\d{3})", message)
            if status and call_id in message and _header(message, "CSeq").startswith(f"{cseq} "):
                if int(status[1]) >= 200:
                    return int(status[1]), message
            elif not status:
                self._agree(message)
        return 0, ""

    def _incoming(self) -> Iterator[str]:
        while True:
            try:
                yield self.socket.recv(65_536).decode("utf-8", "replace")
            except TimeoutError:
                return

    def _agree(self, request: str) -> None:
        """200 to whatever they ask of us meanwhile (NOTIFY, BYE, OPTIONS)."""
        if request.startswith("ACK"):
            return
        kept = [line for line in request.split("\r\n") if re.match(r"(?i)(via|from|to|call-id|cseq):", line)]
        self._send("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]))


@contextmanager
def sip_peer(server: str, *, address: str = "127.0.0.1") -> Iterator[SipPeer]:
    """A peer at this address of the loopback network."""
    host, _, port = server.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((address, 0))
        opened.settimeout(ANSWER_S)
        yield SipPeer((host, int(port)), opened)


def _header(message: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}:[ \t]*(.*?)\r?$", message)
    return found[1] if found else ""


def _offer(address: str) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        "m=audio 30998 RTP/AVP 0 96\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\n"
    )


def _digest(challenge: str, method: str, uri: str, user: str, password: str) -> str:
    """RFC 2617 with qop=auth, as Asterisk asks for it."""
    values = dict(re.findall(r'(\w+)="?([^",]+)"?', _header(challenge, "WWW-Authenticate")))
    nonce, cnonce = values["nonce"], uuid.uuid4().hex
    secret = _hash(f"{user}:{values['realm']}:{password}")
    response = _hash(f"{secret}:{nonce}:00000001:{cnonce}:auth:{_hash(f'{method}:{uri}')}")
    opaque = f', opaque="{values["opaque"]}"' if "opaque" in values else ""
    return (
        f'Authorization: Digest username="{user}", realm="{values["realm"]}", nonce="{nonce}", uri="{uri}", '
        f'response="{response}", qop=auth, nc=00000001, cnonce="{cnonce}", algorithm=MD5{opaque}\r\n'
    )


def _hash(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
