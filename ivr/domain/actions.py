"""What a call does next and what can come of it. The engine asks for one blocking action at a time; the shell performs
it and answers with one event. Durations are in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sound:
    """A rendered prompt. `personal` ones must not be named in a command that others can read."""

    key: str
    language: str
    personal: bool = False


@dataclass(frozen=True, slots=True)
class OwnRecording:
    """What the caller recorded in this call; `file` is relative to the recordings folder."""

    file: str


Audible = Sound | OwnRecording


@dataclass(frozen=True, slots=True, kw_only=True)
class Speak:
    """Play; ends in Heard."""

    sounds: tuple[Audible, ...]
    interruptible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Play and take keys from the first sound on; ends in Keyed."""

    sounds: tuple[Audible, ...]
    max_digits: int
    wait_s: float
    phrases: Mapping[str, str] = field(default_factory=dict)
    """What the caller may say instead -> the key that it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Play, beep, record to `file`; ends in Recorded."""

    sounds: tuple[Audible, ...]
    language: str
    """Of the beep."""
    file: str
    max_s: int
    silence_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Hand the caller to a queue; the dialplan waits there without us and comes back with QueueLeft."""

    queue: str
    """Its name in Asterisk."""
    timeout_s: int
    label: str
    """What the agent's phone shows beside the number."""
    language: str
    """Of the announcements in the queue."""
    talk_file: str | None
    comes_back: bool
    """True: after the agent hangs up the flow goes on."""
    keys: tuple[str, ...] = ()
    """Keys that leave the queue; the dialplan has them from the centre, this is for whoever plays Asterisk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Connect the caller to a target that Asterisk knows; the dialplan comes back with DialEnded."""

    target: str
    """Its name in the context ivr-transfer-out."""
    ring_s: int
    label: str
    """What the phone shows beside the number."""
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Ask another system over HTTP; ends in Fetched. May be asked again after a crash, with the same `key`."""

    url: str
    method: str
    """GET | POST."""
    query: Mapping[str, str] = field(repr=False)
    body: Mapping[str, str] = field(repr=False)
    """Sent as a JSON object by POST. The only part that may be personal."""
    headers: Mapping[str, str]
    secrets: Mapping[str, str]
    """Header -> environment variable that holds its value."""
    within_s: float
    """Longest wait for one answer."""
    retries: int
    key: str
    """The same for every repetition of this one question (header Idempotency-Key)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Play, then hang up; ends in Heard."""

    sounds: tuple[Audible, ...]


Action = Speak | Ask | Record | Wait | Dial | Fetch | Leave


@dataclass(frozen=True, slots=True)
class Heard:
    """The sounds were played to the end or cut by a key that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """Keys pressed; empty and not `terminated` is silence, empty and `terminated` is a bare #."""

    digits: str
    terminated: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    seconds: float


@dataclass(frozen=True, slots=True)
class QueueLeft:
    """`how` is app_queue's word (TIMEOUT, JOINEMPTY, LEAVEEMPTY, CONTINUE …) or KEY with the `key` pressed."""

    how: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class DialEnded:
    """`how` is ANSWERED (and the other side hung up first), BUSY, NOANSWER or FAILED."""

    how: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """`how` is found, not_found, timeout or error."""

    how: str
    document: object = field(default=None, repr=False)
    """The JSON of a found answer."""


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    """The caller is gone."""


Event = Heard | Keyed | Recorded | QueueLeft | DialEnded | Fetched | CallerHungUp
