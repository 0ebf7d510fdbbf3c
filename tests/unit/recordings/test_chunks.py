"""The form of sealed files: what comes out is what went in, and nothing else ever comes out."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.recordings import chunks
from ivr.errors import OperatorError

KEY = bytes(range(32))


def sealed(plain: bytes) -> bytes:
    return b"".join(chunks.seal(chunks.pieces(BytesIO(plain)), KEY))


def opened(data: bytes, key: bytes = KEY) -> bytes:
    return b"".join(chunks.unseal(BytesIO(data), key))


@pytest.mark.parametrize(
    "size", [0, 1, chunks.CHUNK - 1, chunks.CHUNK, chunks.CHUNK + 1, 3 * chunks.CHUNK, 3 * chunks.CHUNK + 7]
)
def test_what_is_sealed_is_opened(size: int) -> None:
    plain = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed(plain[:size])) == plain[:size]


def test_the_same_twice_is_not_the_same() -> None:
    assert sealed(b"question") != sealed(b"question")
    assert b"question" not in sealed(b"question")


def test_only_one_chunk_is_in_memory() -> None:
    asked = 0

    def endless() -> object:
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * chunks.CHUNK

    stream = chunks.seal(endless(), KEY)  # type: ignore[arg-type]
    for _ in range(4):  # the head and three chunks
        next(stream)
    assert asked == 4, "one chunk ahead, to know the last one"


THREE = b"a" * chunks.CHUNK + b"b" * chunks.CHUNK + b"c" * 100
HEAD = 15
STEP = chunks.CHUNK + chunks.TAG_BYTES


@given(st.integers(min_value=0))
def test_no_altered_byte_passes(where: int) -> None:
    data = bytearray(sealed(b"what was said"))
    data[where % len(data)] ^= 1
    with pytest.raises(OperatorError):
        opened(bytes(data))


@pytest.mark.parametrize(
    "mangle",
    [
        pytest.param(lambda d: d[: HEAD + 2 * STEP], id="the last chunk cut off"),
        pytest.param(lambda d: d[:-1], id="a byte cut off"),
        pytest.param(lambda d: d + b"x", id="a byte added"),
        pytest.param(lambda d: d[:HEAD], id="nothing but the head"),
        pytest.param(lambda d: d[:HEAD] + d[HEAD + STEP :], id="the first chunk left out"),
        pytest.param(lambda d: d[: HEAD + STEP] + d[HEAD:], id="the first chunk twice"),
        pytest.param(
            lambda d: d[:HEAD] + d[HEAD + STEP : HEAD + 2 * STEP] + d[HEAD : HEAD + STEP] + d[HEAD + 2 * STEP :],
            id="two chunks exchanged",
        ),
        pytest.param(lambda d: b"", id="empty"),
        pytest.param(lambda d: b"RIFF" + d, id="no head"),
    ],
)
def test_no_other_order_or_end_passes(mangle: object) -> None:
    with pytest.raises(OperatorError):
        opened(mangle(sealed(THREE)))  # type: ignore[operator]


def test_another_key_opens_nothing() -> None:
    with pytest.raises(OperatorError):
        opened(sealed(THREE), bytes(32))
