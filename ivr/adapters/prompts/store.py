"""A folder of rendered prompts: what is there, how long it is, where Asterisk finds it.

`index.json` in the folder lists every prompt with its text, so opening the folder reads one small file and needs
neither the YAML nor any audio library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ivr.adapters.prompts.files import BYTES_PER_SECOND, SUFFIX, write_whole
from ivr.errors import AuthorError, OperatorError

INDEX = "index.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One prompt on disk."""

    text: str
    digest: str
    """Of everything that decided how it sounds; another digest means render again."""
    size: int
    """Bytes."""


Index = Mapping[str, Mapping[str, Rendered]]
"""Language -> key -> prompt."""


class PromptStore:
    """Rendered prompts of every language in `folder`.

    Raises OperatorError when the folder was never rendered or its index is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._index = read_index(self.folder)
        if not self._index:
            raise OperatorError(f"no prompts in {self.folder}: render them with `ivr prompts` first")

    def languages(self) -> tuple[str, ...]:
        return tuple(self._index)

    def keys(self, language: str) -> frozenset[str]:
        """Every key that can be played in a language; empty for one that was not rendered."""
        return frozenset(self._index.get(language, ()))

    def seconds(self, language: str, key: str) -> float:
        """How long a prompt plays. Raises AuthorError if there is no such prompt."""
        return self._get(language, key).size / BYTES_PER_SECOND

    def text(self, language: str, key: str) -> str:
        """What is spoken, as written in the catalogue. Raises AuthorError if there is no such prompt."""
        return self._get(language, key).text

    def path(self, language: str, key: str) -> Path:
        """The audio file. Raises AuthorError if there is no such prompt."""
        self._get(language, key)
        return audio_path(self.folder, language, key)

    def sound(self, language: str, key: str) -> str:
        """The same for Asterisk: absolute, without extension. Raises AuthorError if there is no such prompt."""
        return str(self.path(language, key))[: -len(SUFFIX)]

    def _get(self, language: str, key: str) -> Rendered:
        try:
            return self._index[language][key]
        except KeyError:
            raise AuthorError(f"no prompt {key!r} in {language!r}: add it to prompts/{language}.yaml") from None


def audio_path(folder: Path, language: str, key: str) -> Path:
    return folder / language / f"{key}{SUFFIX}"


def read_index(folder: Path) -> Index:
    """The index of a folder; empty if there is none. Raises OperatorError if it cannot be read."""
    try:
        raw = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return {
            language: {key: Rendered(**prompt) for key, prompt in prompts.items()} for language, prompts in raw.items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise OperatorError(f"{folder / INDEX} cannot be read: {error.strerror}. Check its owner and mode") from None
    except (ValueError, TypeError, AttributeError):
        raise OperatorError(f"{folder / INDEX} is damaged: delete it and render the prompts again") from None


def write_index(folder: Path, index: Index) -> None:
    raw = {language: {key: asdict(prompt) for key, prompt in prompts.items()} for language, prompts in index.items()}
    write_whole(folder / INDEX, json.dumps(raw, ensure_ascii=False, indent=0).encode())
