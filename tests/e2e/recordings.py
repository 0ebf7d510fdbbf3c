"""What is in a recording, as a listener would judge it."""

from __future__ import annotations

import wave
from io import BytesIO

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]
FRAME = 160
"""20 ms at 8 kHz."""


def samples_of(wav: bytes) -> Samples:
    """Of a recording; fails unless it is 8 kHz, mono, 16 bit."""
    with wave.open(BytesIO(wav)) as recording:
        assert (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) == (8000, 1, 2)
        return np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2").astype(np.float64)


def samples_of_mu_law(audio: bytes) -> Samples:
    """G.711 as linear samples."""
    inverted = ~np.frombuffer(audio, dtype=np.uint8).astype(np.int64) & 0xFF
    magnitude = (((inverted & 0x0F) << 3) + 132 << ((inverted >> 4) & 0x07)) - 132
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.float64)


def loudness(samples: Samples) -> float:
    """Root mean square, of 32767."""
    return float(np.sqrt(np.mean(samples**2)))


def likeness(recorded: Samples, spoken: Samples) -> float:
    """Highest correlation of the two envelopes when one is moved along the other: 1 is the same rhythm, 0 another."""
    heard, said = _envelope(recorded), _envelope(spoken)
    length = min(len(heard), len(said))
    shifts = range(len(heard) - length // 2)
    return max(_correlation(heard[shift : shift + length], said) for shift in shifts)


def _envelope(samples: Samples) -> Samples:
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.asarray(np.sqrt(np.mean(frames**2, axis=1)))


def _correlation(one: Samples, other: Samples) -> float:
    length = min(len(one), len(other))
    one, other = one[:length] - one[:length].mean(), other[:length] - other[:length].mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm else 0.0
