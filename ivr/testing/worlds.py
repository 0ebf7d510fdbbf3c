"""Small stand-ins for the engine's other ports: a clock set by hand, centres in a tuple, a vault that hides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from ivr.domain.centre import Centre
from ivr.errors import OperatorError


@dataclass(slots=True)
class ManualClock:
    """Says what it was told."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True, slots=True)
class FixedCentres:
    """The centres of a test or of one command."""

    centres: tuple[Centre, ...]

    def find_by_number(self, dnis: str) -> Centre | None:
        return next((centre for centre in self.centres if dnis in centre.numbers), None)

    def find_version(self, centre: str, version: str) -> Centre | None:
        return next((found for found in self.centres if (found.id, found.version) == (centre, version)), None)

    def any_languages(self) -> tuple[str, ...]:
        return self.centres[0].languages


class PlainVault:
    """Marks what would be sealed; for simulations, where the terminal is the caller's own."""

    def seal(self, text: str, centre: str = "") -> str:
        return f"plain.{text}"

    def unseal(self, token: str) -> str:
        if not token.startswith("plain."):
            raise OperatorError("this is not a sealed value")
        return token.removeprefix("plain.")

    def key_of(self, text: str) -> str:
        return sha256(text.encode()).hexdigest()
