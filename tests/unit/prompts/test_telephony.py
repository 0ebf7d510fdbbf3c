"""What becomes of a recording on its way to the telephone, measured on the decoded result."""

from __future__ import annotations

import io
import warnings
import wave

import numpy as np
import pytest

from ivr.adapters.prompts import telephony
from ivr.adapters.prompts.telephony import NoSpeech

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # gone from the standard library in 3.13; audioop-lts replaces it
    import audioop

Samples = telephony.Samples


def wav(samples: Samples, rate: int = 22050, channels: int = 1, width: int = 2) -> bytes:
    """PCM WAV of samples in -1 to 1, the same in each channel."""
    integers = np.repeat(np.round(samples * (2 ** (8 * width - 1) - 1)).astype(np.int64), channels)
    if width == 1:
        integers += 128
    raw = integers.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(raw)
    return file.getvalue()


def sine(hertz: float, seconds: float = 1.0, rate: int = 22050, peak: float = 0.5) -> Samples:
    return peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def heard(ulaw: bytes) -> Samples:
    return np.frombuffer(audioop.ulaw2lin(ulaw, 2), dtype="<i2") / 32768


def rms_dbfs(samples: Samples) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples**2))))


def strength(samples: Samples, hertz: float) -> float:
    """Amplitude of one frequency in dBFS."""
    wave_of = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / telephony.RATE)
    return float(20 * np.log10(2 * abs(np.mean(samples * np.hanning(len(samples)) * 2 * wave_of)) + 1e-9))


def test_mu_law_codes_are_those_of_the_reference() -> None:
    every = np.arange(-32768, 32768)
    assert telephony.mu_law(every / 32768) == audioop.lin2ulaw(every.astype("<i2").tobytes(), 2)
    assert telephony.silence(0.001) == telephony.mu_law(np.zeros(8))


@pytest.mark.parametrize("peak", [0.05, 1.0])
@pytest.mark.parametrize(("rate", "channels", "width"), [(8000, 1, 2), (22050, 1, 1), (44100, 2, 3), (96000, 6, 4)])
def test_any_wav_comes_out_at_one_level_and_length(rate: int, channels: int, width: int, peak: float) -> None:
    out = heard(telephony.telephony(wav(sine(440, 1.0, rate, peak), rate, channels, width)))
    assert len(out) / telephony.RATE == pytest.approx(1.0, abs=0.02)
    assert rms_dbfs(out[800:-800]) == pytest.approx(telephony.SPEECH_DBFS, abs=0.5)


def test_pauses_do_not_count_for_the_level() -> None:
    word = sine(300, 0.5)
    alone = heard(telephony.telephony(wav(word)))
    sentence = heard(telephony.telephony(wav(np.concatenate([word, np.zeros(44100), word]))))
    assert rms_dbfs(sentence[800:3200]) == pytest.approx(rms_dbfs(alone[800:3200]), abs=0.3)


def test_peaks_are_limited_and_not_clipped() -> None:
    speech = sine(300, 1.0, peak=0.05)
    speech[::2205] = 0.99  # clicks, 26 dB above the rest
    out = heard(telephony.telephony(wav(speech)))
    assert np.abs(out).max() <= 10 ** (telephony.PEAK_DBFS / 20) * 1.02
    assert rms_dbfs(out[800:-800]) > telephony.SPEECH_DBFS - 8


def test_silence_around_the_words_goes_and_none_of_the_words() -> None:
    spoken = np.concatenate([np.zeros(22050), sine(300, 0.5), np.zeros(44100)]) + 0.01  # an offset is not a sound
    seconds = len(telephony.telephony(wav(spoken))) / telephony.RATE
    assert 0.5 + 0.08 < seconds < 0.5 + 0.15  # some room at both ends is kept


def test_ends_do_not_click() -> None:
    out = heard(telephony.telephony(wav(sine(300, peak=0.9))))
    assert max(abs(out[0]), abs(out[-1])) < 0.003


@pytest.mark.parametrize("hertz", [4500, 5000, 6500, 10000])
def test_what_a_telephone_cannot_carry_does_not_fold_back(hertz: float) -> None:
    both = sine(hertz, 1.0, 44100, 0.4) + sine(1000, 1.0, 44100, 0.4)
    out = heard(telephony.telephony(wav(both, 44100)))
    assert strength(out, 1000) == pytest.approx(-17, abs=1)
    assert strength(out, abs(telephony.RATE - hertz) % telephony.RATE) < -60


def test_speech_up_to_the_edge_of_the_band_stays_and_mains_hum_goes() -> None:
    mixed = sine(3400, 1.0, 44100, 0.3) + sine(1000, 1.0, 44100, 0.3) + sine(35, 1.0, 44100, 0.3)
    out = heard(telephony.telephony(wav(mixed, 44100)))
    assert strength(out, 3400) == pytest.approx(strength(out, 1000), abs=0.5)
    assert strength(out, 35) < strength(out, 1000) - 35


GOOD = wav(sine(440))


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        (b"", "not a readable WAV"),
        (b"ID3\x04 an mp3 with another name", "not a readable WAV"),
        (GOOD[:30], "not a readable WAV"),
        (GOOD[:-1000], "cut short"),
        (GOOD[:20] + b"\x03\x00" + GOOD[22:], "not"),
        (GOOD[:24] + b"\x01\x00\x00\x00" + GOOD[28:], "4000 to 384000 Hz"),
        (wav(np.zeros(0)), "silent"),
        (wav(np.zeros(22050)), "silent"),
    ],
)
def test_what_cannot_be_heard_is_refused_with_the_reason(damaged: bytes, reason: str) -> None:
    with pytest.raises(NoSpeech, match=reason):
        telephony.telephony(damaged)


def test_float_in_the_extensible_layout_is_refused_rather_than_played_as_noise() -> None:
    samples = sine(440).astype("<f4").tobytes()
    layout = b"\xfe\xff\x01\x00" + (22050).to_bytes(4, "little") + (88200).to_bytes(4, "little") + b"\x04\x00\x20\x00"
    layout += b"\x16\x00\x20\x00\x04\x00\x00\x00" + b"\x03\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
    chunks = (
        b"fmt " + len(layout).to_bytes(4, "little") + layout + b"data" + len(samples).to_bytes(4, "little") + samples
    )
    with pytest.raises(NoSpeech, match="PCM"):
        telephony.telephony(b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WAVE" + chunks)


def test_tone_is_the_tone_asked_for() -> None:
    out = heard(telephony.tone(1000, 0.4))
    assert len(out) == 3200
    assert strength(out, 1000) == pytest.approx(telephony.SPEECH_DBFS + 3, abs=0.5)
