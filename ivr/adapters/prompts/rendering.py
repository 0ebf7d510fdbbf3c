"""Brings a folder of prompts up to date with `prompts/`: renders what changed, keeps the rest, removes what is gone.

A prompt is made from, in this order: a recording `prompts/<language>/<key>.wav`, a sound in brackets, the voice.
Finished audio is cached by the digest of all that decided how it sounds, so a text that comes back costs a copy.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

from ivr.adapters.prompts import music, store
from ivr.adapters.prompts.catalogue import Catalogue, load_catalogue
from ivr.adapters.prompts.files import SUFFIX, write_whole
from ivr.adapters.prompts.store import Index, PromptStore, Rendered
from ivr.adapters.prompts.synthesis import synthesise, voice_of
from ivr.errors import AuthorError

REVISION = "1"
"""Raise it when the same text should sound different because our processing changed. (A newer espeak-ng alone renders
nothing anew: asking its version would cost every warm start a process.)"""

Progress = Callable[[int, int], None]
"""Told (prompts done, prompts in all) while rendering; not called when nothing changed."""

_Sizes = dict[tuple[str, str], int]
"""(Language, key) -> bytes."""

_TONE = re.compile(r"\[tone (\d+(?:\.\d+)?) Hz (\d+(?:\.\d+)?) s\]", re.ASCII)
_SILENCE = re.compile(r"\[silence (\d+(?:\.\d+)?) s\]", re.ASCII)
_LONGEST_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What one prompt is made of."""

    language: str
    key: str
    text: str
    where: str
    """`file:line:column` for messages."""
    recording: Path | None
    digest: str


def render_all(
    prompts_dir: Path,
    out_dir: Path,
    cache_dir: Path,
    languages: Sequence[str],
    progress: Progress = lambda done, total: None,
    *,
    tidy: bool = True,
) -> PromptStore:
    """Render the prompts of `languages` to `out_dir/<language>/<key>.ulaw`, and the music on hold beside them.

    Other languages in `out_dir` are left as they are; with `tidy` False, so is the audio of keys that are gone, which
    calls in progress may still play. Raises AuthorError for mistakes in the catalogues or recordings (one line each),
    OperatorError if the synthesiser is missing or a folder not writable.
    """
    catalogues = [load_catalogue(prompts_dir, language) for language in languages]
    sources = [source for catalogue in catalogues for source in _sources(catalogue, prompts_dir)]
    old = store.read_index(out_dir)
    stale = [source for source in sources if not _is_current(source, old, out_dir)]
    if stale:
        # Forget before writing: stopped half-way, the next start must not take a new file for the old prompt.
        store.write_index(out_dir, _without(old, stale))
    sizes = _render(stale, out_dir, cache_dir, progress)
    index = dict(old)
    for language in languages:
        index[language] = {
            source.key: Rendered(
                text=source.text,
                digest=source.digest,
                size=sizes[language, source.key] if (language, source.key) in sizes else old[language][source.key].size,
            )
            for source in sources
            if source.language == language
        }
    if stale or index != old:
        store.write_index(out_dir, index)
    for language in languages if tidy else ():
        _remove_others(out_dir / language, {store.audio_path(out_dir, language, key) for key in index[language]})
    music.render_music(out_dir)
    return PromptStore(out_dir)


def _sources(catalogue: Catalogue, prompts_dir: Path) -> Iterator[_Source]:
    recordings = {
        path.relative_to(prompts_dir / catalogue.language).with_suffix("").as_posix(): path
        for path in sorted((prompts_dir / catalogue.language).rglob("*"))
        if path.suffix.lower() == ".wav"
    }
    if unknown := sorted(recordings.keys() - catalogue.texts.keys()):
        hint = f"with its text to {catalogue.path}, or rename the file"
        raise AuthorError("\n".join(f"{recordings[key]}: no such key. Add `{key}` {hint}" for key in unknown))
    voice = repr(astuple(voice_of(catalogue.language))).encode()
    for key, text in catalogue.texts.items():
        recording = recordings.get(key)
        made_of = _read(recording) if recording else voice + text.encode()
        yield _Source(
            language=catalogue.language,
            key=key,
            text=text,
            where=catalogue.where(key),
            recording=recording,
            digest=hashlib.sha256(f"{REVISION}:".encode() + made_of).hexdigest()[:32],
        )


def _without(index: Index, sources: Sequence[_Source]) -> Index:
    gone = {(source.language, source.key) for source in sources}
    return {
        language: {key: prompt for key, prompt in prompts.items() if (language, key) not in gone}
        for language, prompts in index.items()
    }


def _is_current(source: _Source, index: Index, out_dir: Path) -> bool:
    rendered = index.get(source.language, {}).get(source.key)
    if rendered is None or rendered.digest != source.digest:
        return False
    try:
        return store.audio_path(out_dir, source.language, source.key).stat().st_size == rendered.size
    except OSError:
        return False


def _render(sources: Sequence[_Source], out_dir: Path, cache_dir: Path, progress: Progress) -> _Sizes:
    """Render on every core. Authors' mistakes are collected and raised together, any other fault ends it at once."""
    sizes: _Sizes = {}
    mistakes: list[str] = []
    # Threads suffice: espeak-ng is another process, and numpy and soxr let go of the interpreter.
    with tempfile.TemporaryDirectory(prefix="ivr-prompts-") as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [(source, pool.submit(_make, source, out_dir, cache_dir, Path(scratch))) for source in sources]
        try:
            for done, (source, job) in enumerate(jobs, start=1):
                try:
                    sizes[source.language, source.key] = job.result()
                except AuthorError as mistake:
                    mistakes.append(str(mistake))
                progress(done, len(jobs))
        finally:
            pool.shutdown(cancel_futures=True)
    if mistakes:
        raise AuthorError("\n".join(mistakes))
    return sizes


def _make(source: _Source, out_dir: Path, cache_dir: Path, scratch: Path) -> int:
    """Put one prompt in its place; its size in bytes."""
    cached = cache_dir / f"{source.digest}{SUFFIX}"
    audio = cached.read_bytes() if cached.exists() else b""
    if not audio:
        audio = _audio(source, scratch)
        write_whole(cached, audio)
    write_whole(store.audio_path(out_dir, source.language, source.key), audio)
    return len(audio)


def _audio(source: _Source, scratch: Path) -> bytes:
    from ivr.adapters.prompts import telephony  # slow to import; a warm start renders nothing

    if source.recording is not None:
        try:
            return telephony.telephony(_read(source.recording))
        except telephony.NoSpeech as reason:
            raise AuthorError(f"{source.recording}: {reason}. Record it again, or delete it to use the voice") from None
    if source.text.startswith("["):
        return _sound(source)
    wav = scratch / f"{threading.get_ident()}.wav"  # not by digest: two keys may have the same text at the same time
    synthesise(source.text, voice_of(source.language), wav)
    try:
        return telephony.telephony(wav.read_bytes())
    except telephony.NoSpeech:
        raise AuthorError(f"{source.where}: {source.key!r} cannot be spoken. Write it in words") from None
    finally:
        wav.unlink(missing_ok=True)


def _sound(source: _Source) -> bytes:
    from ivr.adapters.prompts import telephony

    if match := _TONE.fullmatch(source.text):
        hertz, seconds = float(match[1]), float(match[2])
        if 20 <= hertz <= 3400 and 0 < seconds <= _LONGEST_S:
            return telephony.tone(hertz, seconds)
    if (match := _SILENCE.fullmatch(source.text)) and 0 < float(match[1]) <= _LONGEST_S:
        return telephony.silence(float(match[1]))
    raise AuthorError(
        f"{source.where}: {source.key!r} is no sound that is known. "
        'Write "[tone 1000 Hz 0.4 s]" (20 to 3400 Hz) or "[silence 0.3 s]", or text without brackets'
    )


def _read(recording: Path) -> bytes:
    try:
        return recording.read_bytes()
    except OSError as error:
        raise AuthorError(f"{recording}: cannot be read: {error.strerror}. Check its owner and mode") from None


def _remove_others(folder: Path, wanted: set[Path]) -> None:
    for path in folder.rglob(f"*{SUFFIX}"):
        if path not in wanted:
            path.unlink(missing_ok=True)
