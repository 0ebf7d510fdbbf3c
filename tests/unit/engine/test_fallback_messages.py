"""What becomes of a message that the dialplan took when no process of ours answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from ivr.adapters.fallback_number import FallbackNumbers
from ivr.domain.centre import Centre
from ivr.domain.events import JournalEvent
from ivr.domain.ledger import Measured, derive
from ivr.domain.records import CallRecord
from ivr.engine.fallback_messages import FallbackMessages
from ivr.errors import OperatorError
from ivr.testing.centres import small_centre
from ivr.testing.worlds import FixedCentres, PlainVault

KEY = "0123456789abcdef"
NUMBER = "01012345678"
FILE = "_fallback/2026-11-23/n1-1.0-1.wav"
VAULT = PlainVault()


def blocks(number: str) -> str:
    """As extensions.conf makes them."""
    padded = f"{number[:18]}{'x' * 18}"
    return "".join(f"123456789{place}{padded[6 * place : 6 * place + 6]}" for place in range(3))


def sealed(plain: str, key: str = KEY) -> str:
    """As AES_ENCRYPT() does: whole blocks, the last one filled up with NUL."""
    raw = plain.encode()
    encryptor = Cipher(AES(key.encode()), ECB()).encryptor()
    done = encryptor.update(raw + bytes(-len(raw) % 16)) + encryptor.finalize()
    return base64.b64encode(done).decode()


@pytest.mark.parametrize("number", [NUMBER, "+821012345678", "120", "012345678901234567"])
def test_a_number_of_the_dialplan_is_opened(number: str) -> None:
    numbers = FallbackNumbers(KEY)
    assert numbers.find_number(f"f2.{sealed(blocks(number))}") == number
    assert numbers.find_number(f"f1.{sealed(number)}") == number


@pytest.mark.parametrize(
    "token",
    [
        "",
        "f2.",
        "f2.????",
        "f2.AAAA",
        "f3." + sealed(blocks(NUMBER)),
        "f2." + sealed(blocks("x")),
        "f2." + sealed("1234567890abcdef"),
        "f2." + sealed(blocks(NUMBER), "another key 0000"),
        "s1.00000000.AAAA",
    ],
)
def test_what_is_no_such_number_is_none(token: str) -> None:
    assert FallbackNumbers(KEY).find_number(token) is None


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(FallbackNumbers(KEY))


def call(caller: str, *, said_s: float = 7.0, centre: str = "", at: datetime | None = None) -> CallRecord:
    """A call that only the dialplan had, derived from its journal."""
    at = at or datetime(2026, 11, 23, 1, tzinfo=UTC)
    note = json.dumps({"file": FILE, "centre": centre, "dnis": "120", "caller": caller})
    extra = base64.b64encode(note.encode()).decode()

    def event(kind: str, second: int, extra: str = "") -> JournalEvent:
        return JournalEvent(
            type=kind, user_type=kind if kind == "IVRFALLBACK" else "", at=at + timedelta(seconds=second),
            channel="PJSIP/trunk-00000001", unique_id="n1-1.0", call="n1-1.0", exten="120", context="ivr-fallback",
            app="", peer="", extra_text=str(second), extra={"extra": extra} if extra else {},
        )  # fmt: skip

    events: Sequence[JournalEvent] = [
        event("CHAN_START", 0),
        event("IVRFALLBACK", 1, extra),
        event("HANGUP", 20),
        event("LINKEDID_END", 21),
    ]
    return derive(events, lambda _: Measured(seconds=said_s, sha256="0" * 64) if said_s else None)


def messages(centre: Centre | None = None, shift: timedelta = timedelta()) -> FallbackMessages:
    return FallbackMessages(
        centres=FixedCentres((centre or small_centre(),)),
        vault=VAULT,
        number=FallbackNumbers(KEY).find_number,
        shift=lambda: shift,
    )


def test_a_kept_message_makes_a_callback() -> None:
    record = messages().complete(call(f"f2.{sealed(blocks(NUMBER))}"))
    assert record.outcome == "message_saved"
    assert record.centre == "small"
    assert (record.caller, record.caller_key) == (VAULT.seal(NUMBER), VAULT.key_of(NUMBER))
    assert record.messages[0].data == VAULT.seal(json.dumps({"caller": NUMBER}))
    [asked] = record.callbacks
    assert (asked.number, asked.number_key) == (VAULT.seal(NUMBER), VAULT.key_of(NUMBER))
    assert (asked.origin, asked.language, asked.category) == ("message", "ko", None)
    assert asked.due == asked.at  # Monday 10:00 in Seoul


def test_it_is_due_when_the_centre_opens_by_the_business_clock() -> None:
    evening = timedelta(hours=10)
    record = messages(shift=evening).complete(call(f"f2.{sealed(blocks(NUMBER))}"))
    assert record.callbacks[0].due == datetime(2026, 11, 24, 0, tzinfo=UTC)


@pytest.mark.parametrize("said_s", [0.0, 7.0])
def test_a_withheld_number_is_not_called_back(said_s: float) -> None:
    record = messages().complete(call("", said_s=said_s))
    assert record.callbacks == ()
    assert (record.centre, record.caller, record.faults) == ("small", None, ())
    assert record.outcome == ("message_saved" if said_s else "failed")


def test_who_said_nothing_is_not_called_back() -> None:
    record = messages().complete(call(f"f2.{sealed(blocks(NUMBER))}", said_s=0))
    assert record.callbacks == ()
    assert record.caller == VAULT.seal(NUMBER)


def test_a_number_of_another_key_is_a_fault_and_the_message_stays() -> None:
    record = messages().complete(call(f"f2.{sealed(blocks(NUMBER), 'another key 0000')}"))
    assert (record.outcome, record.callbacks) == ("message_saved", ())
    assert record.faults == ("the number that the dialplan sealed cannot be opened",)


def test_the_centre_that_the_dialplan_wrote_stands() -> None:
    assert messages().complete(call("", centre="old_name")).centre == "old_name"


@dataclass
class NoCentres:
    def find_by_number(self, dnis: str) -> Centre | None:
        raise OperatorError("damaged")

    def find_version(self, centre: str, version: str) -> Centre | None: ...

    def any_languages(self) -> tuple[str, ...]: ...


def test_without_the_hours_it_is_due_at_once() -> None:
    """The record goes on whatever is damaged."""
    broken = FallbackMessages(NoCentres(), VAULT, FallbackNumbers(KEY).find_number, timedelta)
    record = broken.complete(call(f"f2.{sealed(blocks(NUMBER))}", centre="small"))
    assert [each.due for each in record.callbacks] == [record.messages[0].at]


def test_any_other_call_is_left_alone() -> None:
    record = call("")
    plain = CallRecord(**{**{name: getattr(record, name) for name in record.__slots__}, "messages": ()})
    assert messages().complete(plain) is plain
