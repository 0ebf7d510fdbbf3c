"""A voice for tests: bursts of sound in a rhythm that a recording can be recognised by."""

from __future__ import annotations

import math
import random

from ivr.testing.sipp_xml import SILENCE

BURST_S = 0.2


def spoken_rhythm(seed: int, seconds: float = 8.0) -> bytes:
    """Mu-law audio, 8 kHz: bursts and gaps of 0.2 s, as loud as speech, in an order that belongs to `seed`."""
    chosen = random.Random(seed)
    tone = _tone(440.0, 0.25)
    gap = SILENCE[: len(tone)]
    return b"".join(chosen.choice((tone, gap)) for _ in range(round(seconds / BURST_S)))


def _tone(hertz: float, level: float) -> bytes:
    samples = range(round(BURST_S * 8000))
    return bytes(_mu_law(round(32767 * level * math.sin(2 * math.pi * hertz * each / 8000))) for each in samples)


def _mu_law(sample: int) -> int:
    """G.711: sign, three bits of exponent, four of mantissa, all inverted."""
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~((0x80 if sample < 0 else 0) | (exponent << 4) | mantissa) & 0xFF
