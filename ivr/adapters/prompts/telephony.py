"""Any recording to telephony audio: mono, 8 kHz, an even level, no silence around it, headerless G.711 mu-law.

The only module that uses pydub (unmaintained, see docs/adr): it decodes, trims and fades. soxr limits the band so that
nothing above 4 kHz folds back. Importing numpy, soxr and pydub takes longer than a warm start may, so callers import
this module only when there is something to render.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import soxr
from numpy.lib.stride_tricks import sliding_window_view

with warnings.catch_warnings():
    # pydub warns that ffmpeg is missing (we only read WAV) and that audioop leaves the standard library in 3.13.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment
    from pydub.audio_segment import extract_wav_headers
    from pydub.silence import detect_leading_silence

RATE = 8000
"""Samples, and with mu-law bytes, a second."""
SPEECH_DBFS = -20.0
"""Level of the speech itself, pauses left out."""
PEAK_DBFS = -3.0
SILENCE = b"\xff"
"""One mu-law sample of silence."""

_FULL_SCALE = 32768.0
_FRAME = RATE // 50
_LEAD_MS, _TAIL_MS, _FADE_MS = 30, 60, 8
_PCM = b"\x01\x00"
_RATES = (4000, 384_000)
_STREAMED = 0x7FFFF000
"""Programs that write WAV to a pipe leave a length of about this or more, for they do not know it."""
_RUMBLE_HZ = (40.0, 100.0)
"""Nothing is left below the first, all above the second."""
_INAUDIBLE_DB = 45.0
"""Below the loudest 10 ms by this much counts as silence at the ends."""
_PEAK = 10 ** (PEAK_DBFS / 20)
_REACH = RATE // 250
"""Samples to either side of a peak that are turned down with it: 4 ms."""
_PAUSE_DB = 25.0
"""Below the loudest frame by this much counts as a pause when the level is measured."""

Samples = npt.NDArray[np.float64]


class NoSpeech(Exception):  # noqa: N818 - says what was found, the caller makes it an error that names the file
    """There is nothing to hear in the audio, or it cannot be read; the text says which."""


def telephony(wav: bytes) -> bytes:
    """A WAV file (PCM of any rate, width and number of channels) as mu-law at 8 kHz.

    Raises NoSpeech if it cannot be decoded or is silent throughout.
    """
    segment = _trimmed(_resampled(_decoded(wav)))
    if len(segment) <= 0:
        raise NoSpeech("it is silent")
    faded = segment.fade_in(_FADE_MS).fade_out(_FADE_MS)
    return mu_law(_levelled(_samples(faded)))


def tone(hertz: float, seconds: float) -> bytes:
    """A plain tone at the level of speech, its ends rounded so that they do not click."""
    at = np.arange(round(seconds * RATE)) / RATE
    ramp = np.minimum(1.0, np.minimum(at, at[::-1]) / 0.01)
    peak = 10 ** (SPEECH_DBFS / 20) * np.sqrt(2)
    return mu_law(peak * ramp * np.sin(2 * np.pi * hertz * at))


def silence(seconds: float) -> bytes:
    return SILENCE * round(seconds * RATE)


def mu_law(samples: Samples) -> bytes:
    """Samples in -1 to 1 as G.711 mu-law, one byte each (14-bit law, the same codes as the classic g711.c)."""
    linear = np.clip(np.round(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int32) >> 2
    magnitude = np.minimum(np.abs(linear), 8158) + 33
    segment = np.frexp(magnitude)[1] - 6
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    coded: npt.NDArray[np.uint8] = (code ^ np.where(linear < 0, 0x7F, 0xFF)).astype(np.uint8)
    return coded.tobytes()


def _decoded(wav: bytes) -> AudioSegment:
    try:
        chunks = {chunk.id: chunk for chunk in extract_wav_headers(wav)}
        layout, data = chunks[b"fmt "], chunks[b"data"]
        whole = len(wav) - data.position - 8 >= data.size or data.size >= _STREAMED
        # The extensible layout names its encoding further on; pydub takes all of it for PCM and would play noise.
        plain = wav[layout.position + 8 :][:2] == _PCM or wav[layout.position + 32 :][:2] == _PCM
        # The constructor reads PCM itself; from_file would look for ffmpeg when it fails.
        segment = AudioSegment(wav) if plain else None
    except Exception as error:  # pydub's parser fails on damaged files in many ways, all mean the same
        raise NoSpeech("it is not a readable WAV file") from error
    if segment is None or segment.channels < 1 or not _RATES[0] <= segment.frame_rate <= _RATES[1]:
        raise NoSpeech("it is not PCM audio of 8, 16, 24 or 32 bits at 4000 to 384000 Hz; export it as 16-bit PCM")
    if not whole:
        raise NoSpeech("it is cut short: its header promises more audio than there is")
    return segment


def _resampled(segment: AudioSegment) -> AudioSegment:
    # Mixed here: pydub's own mixing overflows on loud audio of many channels.
    samples = _samples(segment).reshape(-1, segment.channels).mean(axis=1)
    # Half the level: a filter overshoots where speech is loud, and that must not clip before it is levelled.
    narrow = _without_rumble(soxr.resample(0.5 * samples, segment.frame_rate, RATE, quality="VHQ"))
    pcm = np.round(np.clip(narrow, -1, 1) * (_FULL_SCALE - 1)).astype("<i2").tobytes()
    return AudioSegment(data=pcm, sample_width=2, frame_rate=RATE, channels=1)


def _without_rumble(samples: Samples) -> Samples:
    """Without offset and mains hum, which would otherwise pass for sound in the silence around the words."""
    size = len(samples) + RATE // 4  # room, so that what rings at one end does not come in at the other
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    slope = np.clip((hertz - _RUMBLE_HZ[0]) / (_RUMBLE_HZ[1] - _RUMBLE_HZ[0]), 0, 1)
    spectrum = np.fft.rfft(samples, size) * (0.5 - 0.5 * np.cos(np.pi * slope))
    return np.asarray(np.fft.irfft(spectrum, size)[: len(samples)], dtype=np.float64)


def _trimmed(segment: AudioSegment) -> AudioSegment:
    loudest = max((segment[start : start + 10].dBFS for start in range(0, len(segment), 10)), default=float("-inf"))
    if loudest < -65:
        return segment[:0]
    threshold = loudest - _INAUDIBLE_DB
    before = detect_leading_silence(segment, threshold, 10)
    after = detect_leading_silence(segment.reverse(), threshold, 10)
    return segment[max(0, before - _LEAD_MS) : min(len(segment), len(segment) - after + _TAIL_MS)]


def _levelled(samples: Samples) -> Samples:
    """The speech at SPEECH_DBFS, with the few peaks that would exceed PEAK_DBFS turned down for some milliseconds."""
    padded = np.concatenate([samples, np.zeros(-len(samples) % _FRAME)])
    power = np.mean(padded.reshape(-1, _FRAME) ** 2, axis=1)
    speech = power[power > power.max() / 10 ** (_PAUSE_DB / 10)]
    wanted = samples * (10 ** (SPEECH_DBFS / 20) / np.sqrt(speech.mean()))
    gain = np.minimum(1.0, _PEAK / np.maximum(np.abs(wanted), _PEAK))
    # The lowest gain around each sample, then smoothed over no more than that: it is down in time, and never a step.
    lowest = sliding_window_view(np.pad(gain, _REACH, constant_values=1.0), 2 * _REACH + 1).min(axis=1)
    smooth = np.convolve(np.pad(lowest, _REACH, mode="edge"), np.full(2 * _REACH + 1, 1 / (2 * _REACH + 1)), "valid")
    return np.asarray(wanted * smooth, dtype=np.float64)


def _samples(segment: AudioSegment) -> Samples:
    width: int = segment.sample_width
    integers = np.frombuffer(segment.raw_data, dtype=f"<i{width}")
    return np.asarray(integers / 2.0 ** (8 * width - 1), dtype=np.float64)
