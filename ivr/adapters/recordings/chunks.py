"""The form of a sealed file: AES-256-GCM in chunks, so that an hour of talk is never in memory at once.

Eight bytes of magic, seven random bytes, then chunks of 64 KiB, each with its tag. A chunk's nonce is the random bytes,
its number and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár): a chunk that
was altered, moved, repeated or left out, the end included, does not open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.errors import OperatorError

MAGIC = b"ivrseal1"
PREFIX_BYTES = 7
TAG_BYTES = 16
CHUNK = 64 * 1024


def seal(plain: Iterator[bytes], key: bytes) -> Iterator[bytes]:
    """The sealed form of a stream cut by `pieces`. The key may be used again: the random bytes differ each time."""
    head = MAGIC + os.urandom(PREFIX_BYTES)
    yield head
    aead = AESGCM(key)
    chunk, number = next(plain, b""), 0
    for following in plain:
        yield aead.encrypt(_nonce(head, number, last=False), chunk, head)
        chunk, number = following, number + 1
    yield aead.encrypt(_nonce(head, number, last=True), chunk, head)


def unseal(sealed: BinaryIO, key: bytes) -> Iterator[bytes]:
    """The plain chunks, each authentic when it is given. Raises OperatorError where the file was altered or cut."""
    head = sealed.read(len(MAGIC) + PREFIX_BYTES)
    if not head.startswith(MAGIC):
        raise OperatorError("this is not a sealed recording")
    aead = AESGCM(key)
    stream = pieces(sealed, CHUNK + TAG_BYTES)
    chunk, number = next(stream, b""), 0
    try:
        for following in stream:
            yield aead.decrypt(_nonce(head, number, last=False), chunk, head)
            chunk, number = following, number + 1
        yield aead.decrypt(_nonce(head, number, last=True), chunk, head)
    except (InvalidTag, ValueError) as error:
        raise OperatorError("a sealed recording was altered or cut, or its key is another one") from error


def pieces(stream: BinaryIO, size: int = CHUNK) -> Iterator[bytes]:
    """All of the stream in pieces of `size` bytes; the last may be shorter, an empty stream has none."""
    while piece := stream.read(size):
        yield piece


def _nonce(head: bytes, number: int, *, last: bool) -> bytes:
    return head[len(MAGIC) :] + number.to_bytes(4, "big") + bytes([last])
