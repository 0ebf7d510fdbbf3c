"""Whether everything that a flow may say exists as a prompt, in every language of the centre."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.dialplan.document import Document, Path
from ivr.dialplan.nodes import spoken_parts
from ivr.dialplan.values import meant, nearest
from ivr.domain import saying
from ivr.domain.flow import Node, Prompt, Prompts, Say

KnownPrompts = Mapping[str, frozenset[str]]
"""Language -> keys of the prompts that exist."""


def check_audio(
    nodes: Mapping[str, Node],
    apology: Prompts,
    languages: tuple[str, ...],
    known: KnownPrompts,
    document: Document,
) -> None:
    """Prompts named by the flow and the words that spoken values are made of."""
    parts: list[tuple[Path, Prompts]] = [(("apology",), apology)]
    parts += [part for node in nodes.values() for part in spoken_parts(node, document)]
    available = tuple(language for language in languages if language in known)
    first_saying: Path | None = None
    for path, prompts in parts:
        for index, prompt in enumerate(prompts):
            match prompt:
                case Prompt():
                    _check_prompt(prompt, (*path, index), languages, available, known, document)
                case Say() if first_saying is None:
                    first_saying = (*path, index)
                case _:
                    pass
    if first_saying is not None:
        _check_sayings(first_saying, available, known, document)


def _check_prompt(
    prompt: Prompt,
    path: Path,
    languages: tuple[str, ...],
    available: tuple[str, ...],
    known: KnownPrompts,
    document: Document,
) -> None:
    if prompt.language is not None and prompt.language not in languages:
        document.problem(path, "unknown_language", **meant(prompt.language, languages))
        return
    heard_in = [language for language in available if prompt.language in (None, language)]
    missing = [language for language in heard_in if prompt.key not in known[language]]
    if not missing:
        return
    there = nearest(prompt.key, frozenset[str]().union(*(known[language] for language in missing)))
    kind = "misspelt_prompt" if there else "missing_prompt"
    document.problem(path, kind, languages=", ".join(missing), name=prompt.key, nearest=there)


def _check_sayings(path: Path, languages: tuple[str, ...], known: KnownPrompts, document: Document) -> None:
    """Told once a language: what is missing is one gap in a prompts file, however often values are spoken."""
    for language in languages:
        if language not in saying.LANGUAGES:
            spoken = ", ".join(saying.LANGUAGES)
            document.problem(path, "unspoken_language", language=language, spoken=spoken)
        elif missing := sorted(saying.keys(language) - known[language]):
            shown = ", ".join(missing[:5])
            document.problem(path, "missing_saying", language=language, count=str(len(missing)), keys=shown)
