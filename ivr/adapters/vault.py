"""Sealing of personal data: AES-256-GCM under the installation's key (`cryptography`), and keyed hashes to find equals.

A sealed token is `s1.<key id>.<base64url(nonce + ciphertext)>`: text without commas or quotes, so it fits anywhere.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.errors import OperatorError

SCHEME = "s1"
KEY_BYTES = 32
NONCE_BYTES = 12
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class KeyVault:
    """Seals and unseals under one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise OperatorError(f"the sealing key must have {KEY_BYTES} bytes, this one has {len(key)}")
        self._aead = AESGCM(_derived(key, b"seal"))
        self._index_key = _derived(key, b"index")
        self.key_id = _derived(key, b"id").hex()[:8]

    @classmethod
    def from_file(cls, path: Path) -> KeyVault:
        """Reads the key (hex text). Raises OperatorError when the file is missing, unreadable or not a key."""
        try:
            key = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except OSError as error:
            raise OperatorError(f"cannot read the sealing key {path}: {error.strerror}") from error
        except ValueError as error:
            raise OperatorError(
                f"{path} is not a sealing key: 64 hex digits are needed; restore it from backup"
            ) from error
        return cls(key)

    def seal(self, text: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        body = self._aead.encrypt(nonce, text.encode(), None)
        return f"{SCHEME}.{self.key_id}.{base64.urlsafe_b64encode(nonce + body).decode().rstrip('=')}"

    def unseal(self, token: str) -> str:
        """The plain text. Raises OperatorError for another key, an altered token or something that is none."""
        scheme, _, rest = token.partition(".")
        key_id, _, payload = rest.partition(".")
        if scheme != SCHEME:
            raise OperatorError("this is not a sealed value")
        if key_id != self.key_id:
            # A token may come from anywhere: what is no key id is not repeated in a message.
            other = f"key {key_id}" if _KEY_ID.fullmatch(key_id) else "another key"
            raise OperatorError(f"sealed under {other}, but this installation has key {self.key_id}")
        try:
            raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
            return self._aead.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise OperatorError("a sealed value was altered or cut; it cannot be opened") from error

    def key_of(self, text: str) -> str:
        return hmac.new(self._index_key, text.encode(), sha256).hexdigest()


def _derived(key: bytes, purpose: bytes) -> bytes:
    """One key a purpose, so that none can be learnt from the use of another."""
    return hmac.new(key, b"ivr/" + purpose, sha256).digest()
