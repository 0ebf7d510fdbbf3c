"""The caller's number as the dialplan seals it when no process of ours answers: AES-128, key var/secrets/fallback.key.

AES_ENCRYPT() of Asterisk hides blocks of 16 characters one by one, equal blocks alike. So each block (`f2`) is ten
random digits and six characters of the number, filled up with x; `f1`, of earlier releases, is the number alone.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

BLOCK = 16
RANDOM = 10
"""Characters at the beginning of a block."""
_NUMBER = re.compile(r"\+?\d{2,20}")


@dataclass(frozen=True, slots=True)
class FallbackNumbers:
    """Opens them with the key as text."""

    key: str = field(repr=False)

    def find_number(self, token: str) -> str | None:
        """The number; None for what was sealed under another key, altered, or is none."""
        scheme, _, payload = token.partition(".")
        try:
            plain = self._opened(base64.b64decode(payload, validate=True))
        except ValueError:
            return None
        if scheme == "f2":
            plain = b"".join(plain[start + RANDOM : start + BLOCK] for start in range(0, len(plain), BLOCK))
        elif scheme != "f1":
            return None
        number = plain.rstrip(b"x\0").decode("ascii", "replace")
        return number if _NUMBER.fullmatch(number) else None

    def _opened(self, sealed: bytes) -> bytes:
        decryptor = Cipher(AES(self.key.encode()), ECB()).decryptor()  # noqa: S305 - what Asterisk's dialplan can do
        return decryptor.update(sealed) + decryptor.finalize()
