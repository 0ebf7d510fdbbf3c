"""Other systems from a script, for tests and simulations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.domain.actions import Fetch, Fetched


@dataclass(slots=True)
class FakeLookup:
    """Implements `ivr.engine.ports.Lookup`: the same answer for each address whenever it is asked."""

    answers: Mapping[str, Fetched] = field(default_factory=dict)
    """URL -> answer; an address that is not here is an error, as if nobody listened there."""
    asked: list[Fetch] = field(default_factory=list)

    async def fetch(self, question: Fetch) -> Fetched:
        self.asked.append(question)
        return self.answers.get(question.url, Fetched("error"))
