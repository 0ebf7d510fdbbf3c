"""One packet from Asterisk, with typed access, and the check of what may be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from panoramisk.message import Message as PanoramiskMessage

from ivr.adapters.ami.framing import Headers

Value = str | int | Sequence[str]
"""Of a header to send; a sequence becomes one header an element."""

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")
_SINGLE = frozenset({"event", "response", "actionid", "commandid", "message", "eventlist", "subevent"})
"""Headers by which answers are matched: a peer that repeats one is heard once."""


class Message(PanoramiskMessage):  # type: ignore[misc]  # panoramisk has no types
    """A response or an event. Header names are found whatever their case. May hold personal data: never printed."""

    @classmethod
    def of(cls, headers: Headers) -> Message:
        return cls({name: _value(name, values) for name, values in headers.items()})

    def text(self, name: str) -> str:
        """The (first) value of the header `name`; empty when it is not there."""
        values = self.texts(name)
        return values[0] if values else ""

    def texts(self, name: str) -> list[str]:
        """All values of the header `name`, in order."""
        value = self.get(name, [])
        return list(value) if isinstance(value, list) else [value]

    def number(self, name: str) -> int:
        """The value as a whole number; 0 when it is none, or one that nothing here counts to."""
        try:
            value = int(self.text(name))
        except ValueError:
            return 0
        return value if abs(value) < 2**33 else 0

    def __repr__(self) -> str:
        return f"<Message {self.text('event') or self.text('response')}>"


def checked(name: str, headers: Mapping[str, Value]) -> dict[str, str | list[str]]:
    """The headers of one action, ready to send. Raises ValueError for what could add a header or a second action."""
    sent: dict[str, str | list[str]] = {"Action": _clean(name)}
    for header, value in headers.items():
        if not _NAME.match(header):
            raise ValueError("an AMI header name has letters, digits and hyphens only")
        if header.lower() in ("action", "actionid"):
            raise ValueError(f"{header} is set by the client itself")
        sent[header] = _clean(str(value)) if isinstance(value, (str, int)) else [_clean(each) for each in value]
    return sent


def _clean(value: str) -> str:
    if any(character in value for character in "\r\n\0"):
        raise ValueError("an AMI header may not contain a line break")
    return value


def _value(name: str, values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 or name.lower() in _SINGLE else values
