"""Music on hold, composed and synthesised here so that nobody's rights are touched.

Slow broken chords on a soft electric-piano-like tone, quiet enough to talk over, 32 seconds that loop without a seam:
what still rings at the end is laid over the beginning.
"""

from __future__ import annotations

from pathlib import Path

from ivr.adapters.prompts.files import SUFFIX, write_whole

MUSIC_FILE = Path("music") / "default" / f"broken-chords-1{SUFFIX}"
"""Below the prompts folder. The number rises when the music changes, which is how an old file is noticed."""

_LEVEL_DBFS = -28.0
_BEAT_S = 0.5
_CHORDS = (
    # MIDI note numbers, bass first, a bar each: Fmaj7 Em7 Dm9 Cmaj7 Am7 Bbmaj7 Gm7 C7sus. Mostly above 300 Hz, below
    # which a telephone lets little through.
    (53, 69, 72, 76, 79),
    (52, 67, 71, 74, 79),
    (50, 65, 69, 72, 76),
    (48, 67, 71, 76, 79),
    (57, 67, 72, 76, 81),
    (58, 69, 74, 77, 81),
    (55, 70, 74, 77, 82),
    (60, 70, 74, 77, 79),
)
_PATTERN = (0, 1, 2, 3, 4, 3, 2, 3)
"""Which note of the chord is struck on each beat."""
_PARTIALS = ((1, 1.0, 1.6), (2, 0.28, 0.9), (3, 0.10, 0.5), (4, 0.05, 0.3))
"""Multiple of the note's frequency, strength, seconds in which it fades to a third."""


def render_music(out_dir: Path) -> Path:
    """The music below a prompts folder, composed if it is not there yet; older versions are removed."""
    path = out_dir / MUSIC_FILE
    if not path.exists():
        write_whole(path, compose())
        for other in path.parent.glob(f"broken-chords-*{SUFFIX}"):
            if other != path:
                other.unlink(missing_ok=True)
    return path


def compose() -> bytes:
    """One loop as 8 kHz mu-law."""
    import numpy as np  # slow to import; a warm start composes nothing

    from ivr.adapters.prompts.telephony import RATE, mu_law

    beat = round(_BEAT_S * RATE)
    length = beat * len(_PATTERN) * len(_CHORDS)
    ring = np.arange(5 * RATE) / RATE
    attack = np.minimum(1.0, ring / 0.012) * np.minimum(1.0, ring[::-1] / 0.5)
    loop = np.zeros(length)
    for bar, chord in enumerate(_CHORDS):
        for step, voice in enumerate(_PATTERN):
            hertz = 440.0 * 2 ** ((chord[voice] - 69) / 12)
            note = sum(
                strength * np.exp(-ring / fade) * np.sin(2 * np.pi * hertz * multiple * ring)
                for multiple, strength, fade in _PARTIALS
            )
            accent = 1.0 if step == 0 else 0.6
            start = (bar * len(_PATTERN) + step) * beat
            np.add.at(loop, (start + np.arange(len(ring))) % length, accent * attack * note)
    return mu_law(loop * (10 ** (_LEVEL_DBFS / 20) / np.sqrt(np.mean(loop**2))))
