"""One thing that is wrong in a file that people write: where, what, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ivr.dialplan import scenario_texts, texts_en, texts_ko

TEXTS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "en": {**texts_en.TEXTS, **scenario_texts.TEXTS["en"]},
        "ko": {**texts_ko.TEXTS, **scenario_texts.TEXTS["ko"]},
    }
)
"""Language -> kind -> (what, hint), both with the details as {placeholders}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A mistake of the author's. `kind` is a stable code; the texts are made from it in the reader's language."""

    file: str
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    kind: str
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """What is wrong, in English."""
        return self.texts("en")[0]

    @property
    def hint(self) -> str:
        """What to do about it, in English."""
        return self.texts("en")[1]

    def texts(self, language: str) -> tuple[str, str]:
        """What is wrong and what to do about it. Raises KeyError for a language that TEXTS does not have."""
        what, hint = TEXTS[language][self.kind]
        return what.format_map(self.details), hint.format_map(self.details)

    def line_in(self, language: str) -> str:
        """`file:line:column: what. hint`, on one line."""
        what, hint = self.texts(language)
        return f"{self.file}:{self.line}:{self.column}: {what}. {hint}"

    def __str__(self) -> str:
        return self.line_in("en")


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By file and place, each told once (a default used by ten nodes is one mistake)."""
    unique = {(p.file, p.line, p.column, p.kind, tuple(sorted(p.details.items()))): p for p in problems}
    return tuple(unique[key] for key in sorted(unique))


def report(problems: Iterable[Problem], language: str = "en") -> str:
    """All problems as plain text, one a line."""
    return "".join(f"{problem.line_in(language)}\n" for problem in problems)
