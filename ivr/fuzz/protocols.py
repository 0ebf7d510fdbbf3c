"""Cases for what Asterisk says to us and what we say to it: AGI and AMI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from panoramisk.actions import Action

from ivr.adapters.agi import codec
from ivr.adapters.agi.line import arrival_of
from ivr.adapters.ami import framing
from ivr.adapters.ami.message import Message, Value, checked
from ivr.adapters.ami.switch import EVENTS, fact_of, presence_of
from ivr.fuzz.kind import Kind, hold
from ivr.fuzz.source import Source

AGI_CALL = """agi_network: yes
agi_network_script: call
agi_request: agi://127.0.0.1:4573/call
agi_channel: PJSIP/trunk-00000001
agi_language: ko
agi_type: PJSIP
agi_uniqueid: n1-1795320249.0
agi_version: 22.10.1
agi_callerid: 0212345678
agi_calleridname: 홍길동
agi_callingpres: 0
agi_dnid: 120
agi_rdnis: unknown
agi_context: ivr
agi_extension: 120
agi_priority: 6
agi_enhanced: 0.0
agi_accountcode:
agi_threadid: 139912345678
agi_arg_1: s1.0badcafe.AAAA
agi_arg_2: queue:KEY:1

200 result=0
200 result=1 (timeout)
200 result=123
100 result=0 Trying...
200 result=35 endpos=8000
200 result=-1 (writefile) endpos=0
HANGUP
511 Command Not Permitted on a dead channel or intercept routine
520-Invalid command syntax.  Proper usage follows:
Usage: STREAM FILE <filename> <escape digits>
520 End of proper usage.
510 Invalid or unknown command
200 result=1 (speech) endpos=0 results=1 score0=90 text0="국민 연금" grammar0=x
"""
"""As Asterisk 22 says it, one line of each form."""
AMI_TALK = """Asterisk Call Manager/11.0.0
Response: Success
ActionID: 1/2/3
Message: Authentication accepted

Event: QueueMemberStatus
Queue: 120-pension
MemberName: 김하나 상담원
Interface: PJSIP/1001
StateInterface: PJSIP/1001
Membership: dynamic
Penalty: 0
CallsTaken: 3
LastCall: 1795320249
InCall: 0
Status: 1
Paused: 0
Ringinuse: 0

Event: QueueEntry
Queue: 120-pension
Position: 1
Channel: PJSIP/trunk-00000001
Uniqueid: n1-1795320249.0
CallerIDNum: 0212345678
Wait: 12

Event: CoreShowChannel
Channel: PJSIP/1001-00000002
ChannelState: 6
Uniqueid: n1-1795320250.1
Linkedid: n1-1795320249.0

Event: DeviceStateChange
Device: PJSIP/1001
State: INUSE

""".replace("\n", "\r\n")
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
_HEADERS = (
    "Event", "Queue", "Interface", "Location", "Device", "State", "Status", "Paused", "Penalty", "LastCall", "InCall",
    "Wait", "Channel", "Uniqueid", "Linkedid", "ChannelState", "MemberName", "Response", "ActionID", "Message",
    "EventList", "Output",
)  # fmt: skip
_ITEMS = (*sorted(EVENTS), "QueueMember", "QueueEntry", "QueueParams", "CoreShowChannel", "DeviceStateListComplete")
_SLACK = 2
"""Bytes that a decoder may hold beyond its limit: a half line end."""


def agi_stream(source: Source) -> None:
    """Any chunking gives the same messages and the same end; what is kept is bounded; the error is ours."""
    data = _agi_bytes(source)
    whole = _decoded_agi([data])
    cut = _decoded_agi(source.chunks(data))
    hold(whole == cut, "AGI: another chunking gives other messages")


def _agi_bytes(source: Source) -> bytes:
    if source.chance() < 0.03:  # around the limit of a line, also in characters of three bytes
        length = codec.LINE_LIMIT + source.whole(-2, 2)
        filler = b"x" * length if source.chance() < 0.5 else "가".encode() * source.whole(length // 3, length)
        return b"agi_network: yes\n\n200 result=1 " + filler + b"\n200 result=0\n"
    data = AGI_CALL.encode(source.one_of(("utf-8", "utf-8", "utf-8", "euc-kr")))
    if source.chance() < 0.2:
        data = data.replace(b"\n", b"\r\n")
    if source.chance() < 0.3:
        lines = data.split(b"\n")
        data = b"\n".join(source.one_of(lines) for _ in range(source.whole(1, 40)))
    return source.damaged(data)


def _decoded_agi(chunks: Sequence[bytes]) -> tuple[list[str], str]:
    """Messages as text, and how it ended."""
    decoder = codec.Decoder()
    found: list[str] = []
    for chunk in chunks:
        try:
            for message in decoder.feed(chunk):
                match message:
                    case codec.Header(fields):
                        hold(len(fields) <= codec.HEADER_LIMIT, "AGI: more header lines than the limit")
                        hold(
                            not any("\n" in value for value in fields.values()), "AGI: a header value has a line break"
                        )
                        arrival = arrival_of(message)
                        number = arrival.caller or "00"
                        hold(number.removeprefix("+").isdigit(), "AGI: a caller's number is no number")
                        found.append(f"header {sorted(fields.items())}")
                    case codec.Reply():
                        found.append(f"reply {message.code} {message.result!r} {message.note!r} {message.tail!r}")
                    case codec.HangupNotice():
                        found.append("hangup")
        except codec.ProtocolError as error:
            return found, str(error)
        hold(len(decoder._buffer) <= codec.LINE_LIMIT + _SLACK, "AGI: the buffer grows beyond its limit")
    return found, ""


def agi_command(source: Source) -> None:
    """A command is one line, and Asterisk takes it apart into just these words; or it is refused with ValueError."""
    words: list[str | int] = [
        source.text() if source.chance() < 0.9 else source.whole(-9, 99) for _ in range(source.whole(1, 4))
    ]
    try:
        line = codec.command("SET VARIABLE", *words)
    except ValueError:
        texts = [word for word in words if isinstance(word, str)]
        unfit = any(set(text) & set("\r\n\0") or any("\ud800" <= each <= "\udfff" for each in text) for text in texts)
        hold(unfit or sum(map(len, texts)) > codec.COMMAND_LIMIT // 8, "AGI: a good command is refused")
        return
    hold(line.endswith(b"\n") and line.count(b"\n") == 1, "AGI: a command is not one line")
    hold(b"\r" not in line and b"\0" not in line, "AGI: a command has a control character that ends it")
    hold(len(line) <= codec.COMMAND_LIMIT, "AGI: a command is longer than Asterisk reads at once")
    taken = taken_apart(line.decode().removesuffix("\n"))
    hold(taken == ["SET", "VARIABLE", *map(str, words)], "AGI: Asterisk would read other words")


def taken_apart(line: str) -> list[str]:
    """A command line as `parse_args` of res_agi.c reads it."""
    words: list[str] = []
    word = ""
    quoted = escaped = False
    is_open = False
    for character in line:
        if escaped:
            word, escaped, is_open = word + character, False, True
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted, is_open = not quoted, True
        elif character in " \t" and not quoted:
            if is_open:
                words.append(word)
            word, is_open = "", False
        else:
            word, is_open = word + character, True
    return [*words, word] if is_open else words


def ami_stream(source: Source) -> None:
    """Any chunking gives the same packets; no value holds a line end; what is kept is bounded; the error is ours."""
    data = _ami_bytes(source)
    whole = _framed(framing.Framer(), [data])
    hold(whole == _framed(framing.Framer(), source.chunks(data)), "AMI: another chunking gives other packets")


def _ami_bytes(source: Source) -> bytes:
    if source.chance() < 0.03:
        length = framing.LINE_LIMIT + source.whole(-8, 3)
        return framing.BANNER + b"11.0.0\r\nA: " + b"x" * length + b"\r\nEvent: X\r\n\r\n"
    if source.chance() < 0.4:
        lines = [f"{source.one_of(_HEADERS)}: {source.text()}" for _ in range(source.whole(1, 12))]
        lines += [""] * source.whole(0, 2)
        return framing.BANNER + b"11.0.0\r\n" + "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n"
    data = AMI_TALK.encode(source.one_of(("utf-8", "utf-8", "euc-kr")))
    return source.damaged(data)


def _framed(framer: framing.Framer, chunks: Sequence[bytes]) -> tuple[list[framing.Headers], str]:
    found: list[framing.Headers] = []
    for chunk in chunks:
        try:
            for headers in framer.feed(chunk):
                values = [value for every in headers.values() for value in every]
                hold(not any("\r\n" in text for text in (*headers, *values)), "AMI: a value holds a line end")
                hold(len({name.lower() for name in headers}) == len(headers), "AMI: one header has two names")
                found.append(headers)
        except framing.FramingError as error:
            try:
                list(framer.feed(b"Event: X\r\n\r\n"))
            except framing.FramingError:
                return found, str(error)
            hold(False, "AMI: a broken framer goes on")
        hold(len(framer._buffer) <= framing.LINE_LIMIT + _SLACK, "AMI: the buffer grows beyond its limit")
    return found, ""


def ami_facts(source: Source) -> None:
    """Whatever a packet says, the board gets a fact or nothing."""
    packets = [_packet(source) for _ in range(source.whole(1, 4))]
    for packet in packets:
        fact_of(packet, NOW)
        hold("\n" not in repr(packet) or len(repr(packet)) < 20_100, "AMI: a message prints itself")
    presence_of(packets, packets[:1], packets, NOW)


def _packet(source: Source) -> Message:
    values: dict[str, list[str]] = {"Event": [source.one_of(_ITEMS)]}
    for _ in range(source.whole(0, 8)):
        usual = source.one_of(("PJSIP/1001", "1", "0", "PJSIP/1001-00000002", "12", "120-pension"))
        value = source.line() if source.chance() < 0.5 else usual
        values.setdefault(source.one_of(_HEADERS), []).append(value)
    return Message.of(values)


def ami_action(source: Source) -> None:
    """An action has the headers that it was given and no other, each on one line; or it is refused with ValueError."""
    names = [source.one_of(_HEADERS) if source.chance() < 0.8 else source.text(1) for _ in range(source.whole(0, 5))]
    given: dict[str, Value] = {name: _value(source) for name in names}
    try:
        wanted = checked(source.one_of(("QueueStatus", "Originate", source.text(2))), given)
        sent = str(Action(wanted))
    except ValueError:
        return
    lines = sent.split("\r\n")
    hold(lines[-2:] == ["", ""] and "" not in lines[:-2], "AMI: an action does not end once")
    hold(not set(sent.replace("\r\n", "")) & set("\r\n\0"), "AMI: an action has a lone control character")
    count = sum(len(value) if isinstance(value, list) else 1 for value in wanted.values())
    hold(len(lines) - 2 == count + 1, "AMI: an action has other headers than it was given")  # and its ActionID


def _value(source: Source) -> Value:
    values: tuple[Value, ...] = (source.text(), source.whole(-5, 10**9), [source.text(2), source.text(2)])
    return source.one_of(values)


def _kind(name: str, case: Callable[[Source], None], share: int) -> Kind:
    return Kind(name=name, case=case, share=share)


KINDS = (
    _kind("agi-stream", agi_stream, 16),
    _kind("agi-command", agi_command, 16),
    _kind("ami-stream", ami_stream, 16),
    _kind("ami-facts", ami_facts, 8),
    _kind("ami-action", ami_action, 8),
)
