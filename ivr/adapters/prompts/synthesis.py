"""Text to speech with espeak-ng, one short process per prompt."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ivr.adapters.prompts.korean import respell
from ivr.errors import OperatorError

_PROGRAM = "espeak-ng"
_LIMIT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a language is spoken."""

    name: str
    """As `espeak-ng --voices` lists it, with an optional variant (`en-us+f3`)."""
    words_per_minute: int = 150
    amplitude: int = 60
    """0 to 200. At espeak-ng's own default of 100 loud vowels are clipped already."""


VOICES = {"ko": Voice(name="ko", words_per_minute=185), "en": Voice(name="en-us", words_per_minute=165)}


def voice_of(language: str) -> Voice:
    """The voice of a language; espeak-ng knows most by their two-letter code."""
    return VOICES.get(language) or Voice(name=language)


def synthesise(text: str, voice: Voice, wav: Path) -> None:
    """Write `text` as a 16-bit mono WAV.

    Raises OperatorError if espeak-ng is missing, does not know the voice or does not finish.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise OperatorError("espeak-ng is not installed, it speaks the prompts: run `apt-get install espeak-ng`")
    command = [program, "-v", voice.name, "-s", str(voice.words_per_minute), "-a", str(voice.amplitude), "-w", str(wav)]
    spoken = respell(text) if voice.name.startswith("ko") else text
    try:
        # Text goes in by stdin: on the command line one that begins with a dash would be an option.
        done = subprocess.run(
            [*command, "-b", "1", "--stdin"], input=spoken.encode(), capture_output=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise OperatorError(f"espeak-ng did not finish within {_LIMIT_S} s: try `{_PROGRAM} test` by hand") from None
    except OSError as error:
        raise OperatorError(f"{program} cannot be run: {error.strerror}. Install espeak-ng anew") from None
    if done.returncode != 0 or not wav.exists() or wav.stat().st_size <= 44:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise OperatorError(
            f"espeak-ng could not speak with the voice {voice.name!r}: {said[0] if said else 'it wrote no audio'}. "
            "See `espeak-ng --voices`, and check that the disk is not full"
        )
