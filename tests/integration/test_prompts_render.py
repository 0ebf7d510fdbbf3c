"""Rendering with the real synthesiser: what is made, what is kept, what is said when it cannot be made."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ivr.adapters.prompts import music
from ivr.adapters.prompts.catalogue import QUEUE_KEYS
from ivr.adapters.prompts.rendering import render_all
from ivr.adapters.prompts.store import PromptStore
from ivr.domain import saying
from ivr.errors import AuthorError, OperatorError

SHIPPED = Path(__file__).parents[2] / "prompts"


class Workshop:
    """A prompts folder with its output, and what the last rendering reported."""

    def __init__(self, folder: Path) -> None:
        self.texts, self.out, self.cache = folder / "prompts", folder / "out", folder / "cache"
        self.texts.mkdir()
        self.rendered: list[tuple[int, int]] = []

    def write(self, language: str = "en", **texts: str) -> None:
        lines = (f"{key}: '{text}'\n" for key, text in texts.items())
        (self.texts / f"{language}.yaml").write_text("".join(lines), encoding="utf-8")

    def record(self, key: str, samples: npt.NDArray[np.float64], rate: int = 16000) -> Path:
        path = self.texts / "en" / f"{key}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
        return path

    def render(self, *languages: str) -> PromptStore:
        self.rendered = []
        return render_all(
            self.texts,
            self.out,
            self.cache,
            languages or ("en",),
            progress=lambda done, total: self.rendered.append((done, total)),
        )

    def audio(self, key: str, language: str = "en") -> bytes:
        return (self.out / language / f"{key}.ulaw").read_bytes()


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> PromptStore:
    folder = tmp_path_factory.mktemp("shipped")
    return render_all(SHIPPED, folder / "out", folder / "cache", saying.LANGUAGES)


def linear(ulaw: bytes) -> npt.NDArray[np.float64]:
    """G.711 mu-law decoded by its definition, in -1 to 1."""
    code = ~np.frombuffer(ulaw, dtype=np.uint8)
    magnitude = (((code & 0x0F).astype(np.int64) << 3) + 132 << ((code & 0x70) >> 4)) - 132
    return np.asarray(np.where(code & 0x80, -magnitude, magnitude) / 32768.0)


def frames(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Power of each 20 ms."""
    return np.asarray(np.mean(np.pad(samples, (0, -len(samples) % 160)).reshape(-1, 160) ** 2, axis=1))


@pytest.mark.parametrize("language", saying.LANGUAGES)
def test_every_shipped_prompt_sounds_as_loud_as_the_others(shipped: PromptStore, language: str) -> None:
    keys = shipped.keys(language)
    assert (saying.keys(language) | QUEUE_KEYS) <= keys
    for key in sorted(keys - {"beep", "digits/pause"}):
        audio = shipped.path(language, key).read_bytes()
        assert shipped.seconds(language, key) == len(audio) / 8000 > 0.15, key
        samples = linear(audio)
        power = frames(samples)
        speech = power[power > power.max() / 300]
        assert 10 * np.log10(speech.mean()) == pytest.approx(-20, abs=1), key
        assert 20 * np.log10(np.abs(samples).max()) <= -2.9, key
        audible = np.flatnonzero(power > power.max() / 10_000)
        assert audible[0] <= 3, f"{key} begins late"
        assert len(power) - audible[-1] <= 7, f"{key} has silence at its end"
        assert max(abs(samples[0]), abs(samples[-1])) < 0.01, f"{key} clicks"


@pytest.mark.parametrize("language", saying.LANGUAGES)
def test_shipped_prompts_have_no_strays(shipped: PromptStore, language: str) -> None:
    files = {path.relative_to(shipped.folder / language) for path in (shipped.folder / language).rglob("*.*")}
    assert files == {Path(f"{key}.ulaw") for key in shipped.keys(language)}


def test_warm_start_renders_nothing_and_loads_no_audio_library(shipped: PromptStore) -> None:
    script = (
        "import sys; from pathlib import Path; from ivr.adapters.prompts.rendering import render_all\n"
        "prompts, out = map(Path, sys.argv[1:])\n"
        "def progress(done, total): sys.exit('rendered something')\n"
        "render_all(prompts, out, Path('/nonexistent/cache'), ('ko', 'en'), progress)\n"
        "sys.exit(sorted({'numpy', 'soxr', 'pydub'} & sys.modules.keys()) or 0)"
    )
    command = [sys.executable, "-c", script, str(SHIPPED), str(shipped.folder)]
    done = subprocess.run(command, cwd=SHIPPED.parent, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_only_changed_text_is_rendered(workshop: Workshop) -> None:
    workshop.write(hello="Hello.", bye="Goodbye.")
    workshop.render()
    assert workshop.rendered == [(1, 2), (2, 2)]
    hello, bye = workshop.audio("hello"), workshop.audio("bye")
    workshop.write(hello="Good morning.", bye="Goodbye.")
    store = workshop.render()
    assert workshop.rendered == [(1, 1)]
    assert store.text("en", "hello") == "Good morning."
    assert workshop.audio("hello") != hello
    assert workshop.audio("bye") == bye


def test_text_that_comes_back_needs_no_synthesiser(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.write(hello="Hello.")
    workshop.render()
    hello = workshop.audio("hello")
    workshop.write(hello="Good morning.")
    workshop.render()
    workshop.write(hello="Hello.")
    monkeypatch.setenv("PATH", "")
    workshop.render()
    assert workshop.audio("hello") == hello


def test_lost_or_damaged_file_is_put_back(workshop: Workshop) -> None:
    workshop.write(hello="Hello.", bye="Goodbye.")
    store = workshop.render()
    hello, bye = workshop.audio("hello"), workshop.audio("bye")
    store.path("en", "hello").unlink()
    store.path("en", "bye").write_bytes(b"")
    workshop.render()
    assert (workshop.audio("hello"), workshop.audio("bye")) == (hello, bye)


def test_removed_key_takes_its_file_along(workshop: Workshop) -> None:
    workshop.write(hello="Hello.", bye="Goodbye.")
    workshop.render()
    workshop.write(hello="Hello.")
    store = workshop.render()
    assert store.keys("en") == {"hello"}
    assert [path.name for path in (workshop.out / "en").iterdir()] == ["hello.ulaw"]


def test_languages_are_independent(workshop: Workshop) -> None:
    workshop.write("en", hello="Hello.")
    workshop.write("ko", hello="안녕하십니까.")
    workshop.render("ko")
    store = workshop.render("en")
    assert store.languages() == ("ko", "en")
    assert workshop.audio("hello", "ko") != workshop.audio("hello", "en")


def test_recording_wins_until_it_is_deleted(workshop: Workshop) -> None:
    workshop.write(hello="Hello.")
    workshop.render()
    synthetic = workshop.audio("hello")
    path = workshop.record("hello", 0.3 * np.sin(np.arange(32000) * 0.2))
    store = workshop.render()
    assert store.seconds("en", "hello") == pytest.approx(2.0, abs=0.05)
    assert store.text("en", "hello") == "Hello."
    path.unlink()
    workshop.render()
    assert workshop.audio("hello") == synthetic


def test_mistakes_of_authors_are_told_together_and_the_old_audio_stays(workshop: Workshop) -> None:
    workshop.write(hello="Hello.", bye="Goodbye.", dots="Dots.", sound="[silence 1 s]")
    workshop.render()
    hello = workshop.audio("hello")
    silent = workshop.record("hello", np.zeros(16000))
    broken = workshop.record("bye", np.zeros(10))
    broken.write_bytes(b"RIFF")
    workshop.write(hello="Hello.", bye="Goodbye.", dots="...", sound="[tone 9000 Hz 1 s]")
    with pytest.raises(AuthorError) as refused:
        workshop.render()
    lines = str(refused.value).splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"{silent}: it is silent")
    assert lines[1].startswith(f"{broken}: it is not a readable WAV file")
    assert lines[2].startswith(f"{workshop.texts}/en.yaml:3:7: 'dots' cannot be spoken")
    assert lines[3].startswith(f"{workshop.texts}/en.yaml:4:8: 'sound' is no sound")
    assert workshop.audio("hello") == hello


def test_rendering_that_broke_off_is_not_taken_for_finished(workshop: Workshop) -> None:
    workshop.write(sound="[tone 1000 Hz 1 s]")
    workshop.render()
    first = workshop.audio("sound")
    workshop.write(sound="[tone 500 Hz 1 s]", dots="...")
    with pytest.raises(AuthorError, match="dots"):
        workshop.render()
    assert workshop.audio("sound") != first
    workshop.write(sound="[tone 1000 Hz 1 s]")
    workshop.render()
    assert workshop.audio("sound") == first


def test_recording_without_a_key_is_refused(workshop: Workshop) -> None:
    workshop.write(hello="Hello.")
    stray = workshop.record("helo", np.ones(100))
    with pytest.raises(AuthorError, match="no such key") as refused:
        workshop.render()
    assert str(stray) in str(refused.value)


def test_missing_synthesiser_is_one_line_with_the_remedy(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.write(**{f"prompt_{number}": f"Number {number}" for number in range(9)})
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OperatorError, match="apt-get install espeak-ng") as refused:
        workshop.render()
    assert "\n" not in str(refused.value)


def test_unknown_voice_is_one_line(workshop: Workshop) -> None:
    workshop.write("xx", hello="Hello.")
    with pytest.raises(OperatorError, match="voice 'xx'"):
        workshop.render("xx")


def test_folder_that_cannot_be_written_is_one_line(workshop: Workshop) -> None:
    workshop.write(hello="Hello.")
    workshop.out.write_text("a file where the folder should be")
    with pytest.raises(OperatorError, match="out"):
        workshop.render()


def test_text_is_never_an_option_or_markup_of_the_synthesiser(workshop: Workshop) -> None:
    workshop.write(hello="--version", bye="<b>Goodbye</b> & thanks; $(date)")
    store = workshop.render()
    assert store.seconds("en", "hello") > 0.4
    assert store.seconds("en", "bye") > 1


def test_many_keys_of_the_same_text(workshop: Workshop) -> None:
    workshop.write(**{f"one_{number}": "one" for number in range(12)})
    workshop.render()
    assert len({workshop.audio(f"one_{number}") for number in range(12)}) == 1


def test_music_is_long_quiet_and_loops_without_a_seam(shipped: PromptStore) -> None:
    (path,) = (shipped.folder / "music" / "default").iterdir()
    samples = linear(path.read_bytes())
    assert len(samples) >= 30 * 8000
    assert 10 * np.log10(np.mean(samples**2)) == pytest.approx(-28, abs=1)
    power = frames(samples)
    assert power.min() > power.mean() / 1000, "no gap in the loop"
    steps = np.abs(np.diff(samples))
    assert abs(samples[0] - samples[-1]) <= np.median(steps), "no click where it starts over"
    # The first note has not yet risen: what sounds there are the last notes of the round before.
    assert np.mean(samples[:16] ** 2) > power.mean() / 10


def test_older_music_is_replaced(tmp_path: Path) -> None:
    old = tmp_path / "music" / "default" / "broken-chords-0.ulaw"
    own = old.with_name("of-the-customer.ulaw")
    old.parent.mkdir(parents=True)
    old.write_bytes(b"\xff")
    own.write_bytes(b"\xff")
    path = music.render_music(tmp_path)
    assert {file.name for file in old.parent.iterdir()} == {path.name, own.name}
