"""Sealing of personal data: AES-256-GCM (`cryptography`) under a key of its centre and day, and keyed hashes to find
equals.

A sealed token is `s1.<key id>.<base64url(nonce + ciphertext)>`: text without commas or quotes, so it fits anywhere.
The key id is `<centre>-<yyyymmdd>` (UTC): once that day's key is destroyed, its tokens are noise wherever they are, in
the journal, in the database and in every backup of both. Tokens under the installation's own key, of older releases,
are read too; it also makes the keyed hashes, which must not change from day to day.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.adapters.keys import KEY_BYTES, NOBODY, NONCE_BYTES, KeyRing
from ivr.errors import DestroyedError, OperatorError

log = logging.getLogger(__name__)

SCHEME = "s1"
KNOWN_S = 60.0
"""Seconds after which a day's key is looked at again: a destroyed one is not used for longer."""
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_DAY_KEY = re.compile(r"([a-z0-9_]{1,40})-(\d{4})(\d\d)(\d\d)", re.ASCII)


def day_key(centre: str, day: date) -> str:
    """Name in the key ring of the key that seals what callers of this centre say on that day."""
    return f"{centre or NOBODY}/days/{day.isoformat()}"


class KeyVault:
    """Seals and unseals. Not for several threads at once."""

    def __init__(
        self,
        key: bytes,
        ring: KeyRing | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`key`: the installation's, of 32 bytes. Without a `ring` everything is sealed under it."""
        if len(key) != KEY_BYTES:
            raise OperatorError(f"the sealing key must have {KEY_BYTES} bytes, this one has {len(key)}")
        self._aead = AESGCM(_derived(key, b"seal"))
        self._index_key = _derived(key, b"index")
        self.key_id = _derived(key, b"id").hex()[:8]
        self._ring = ring
        self._now = now
        self._monotonic = monotonic
        self._known: dict[str, AESGCM] = {}
        """Keys of days by name, until `_known_until`."""
        self._known_until = 0.0

    @classmethod
    def from_file(cls, path: Path, ring: KeyRing | None = None) -> KeyVault:
        """Reads the key (hex text). Raises OperatorError when the file is missing, unreadable or not a key."""
        try:
            key = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except OSError as error:
            raise OperatorError(f"cannot read the sealing key {path}: {error.strerror}") from error
        except ValueError as error:
            raise OperatorError(
                f"{path} is not a sealing key: 64 hex digits are needed; restore it from backup"
            ) from error
        return cls(key, ring)

    def seal(self, text: str, centre: str = "") -> str:
        """Never fails: with a full disk or a damaged key ring the call goes on, sealed under the installation's key."""
        key_id, aead = self._key_of_today(centre)
        nonce = os.urandom(NONCE_BYTES)
        body = aead.encrypt(nonce, text.encode(), None)
        return f"{SCHEME}.{key_id}.{base64.urlsafe_b64encode(nonce + body).decode().rstrip('=')}"

    def unseal(self, token: str) -> str:
        """The plain text. Raises DestroyedError when its day is past its time, OperatorError for another key, an
        altered token or something that is none."""
        scheme, _, rest = token.partition(".")
        key_id, _, payload = rest.partition(".")
        if scheme != SCHEME:
            raise OperatorError("this is not a sealed value")
        aead = self._aead if key_id == self.key_id else self._day_key(key_id)
        try:
            raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
            return aead.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise OperatorError("a sealed value was altered or cut; it cannot be opened") from error

    def key_of(self, text: str) -> str:
        return hmac.new(self._index_key, text.encode(), sha256).hexdigest()

    def prepare(self, centre: str) -> None:
        """Makes the keys of today and tomorrow, so that no call has to. Raises OperatorError, OSError."""
        if self._ring is not None:
            today = self._now().astimezone(UTC).date()
            for day in (today, today + timedelta(days=1)):
                self._ring.make(day_key(centre, day))

    def _key_of_today(self, centre: str) -> tuple[str, AESGCM]:
        if self._ring is None:
            return self.key_id, self._aead
        day = self._now().astimezone(UTC).date()
        name = day_key(centre, day)
        aead = self._find_known(name)
        if aead is None:
            try:
                aead = self._known[name] = AESGCM(self._ring.make(name))
            except (OSError, OperatorError) as error:
                log.warning("sealed under the installation's key", extra={"key": name, "reason": str(error)})
                return self.key_id, self._aead
        return f"{centre or NOBODY}-{day:%Y%m%d}", aead

    def _day_key(self, key_id: str) -> AESGCM:
        found = _DAY_KEY.fullmatch(key_id)
        if found is None or self._ring is None:
            # A token may come from anywhere: what is no key id is not repeated in a message.
            other = f"key {key_id}" if _KEY_ID.fullmatch(key_id) else "another key"
            raise OperatorError(f"sealed under {other}, but this installation has key {self.key_id}")
        try:
            name = day_key(found[1], date(int(found[2]), int(found[3]), int(found[4])))
            aead = self._find_known(name)
            if aead is None:
                key = self._ring.find(name)
                if key is None:
                    raise DestroyedError(f"sealed under key {key_id}, which was destroyed when its time was over")
                aead = self._known[name] = AESGCM(key)
        except ValueError as error:
            raise OperatorError("this is not a sealed value") from error
        except OSError as error:
            raise OperatorError(f"cannot read the key {key_id}: {error.strerror}") from error
        return aead

    def _find_known(self, name: str) -> AESGCM | None:
        now = self._monotonic()
        if now >= self._known_until:
            self._known.clear()
            self._known_until = now + KNOWN_S
        return self._known.get(name)


def _derived(key: bytes, purpose: bytes) -> bytes:
    """One key a purpose, so that none can be learnt from the use of another."""
    return hmac.new(key, b"ivr/" + purpose, sha256).digest()
