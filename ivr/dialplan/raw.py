"""What all shapes of a file's parts share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from ivr.dialplan.target import Target
from ivr.dialplan.values import PromptsOrNone, duration, whole


class Raw(BaseModel):
    """A mapping of a file, keys and values already of the right type."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class RawRetry(Raw):
    """What happens on wrong keys and silence; a node that says nothing takes the flow's `defaults`."""

    tries: Annotated[int, BeforeValidator(whole(1, 10))] | None = None
    """Attempts in all, wrong keys and silences together; 3 if nothing says otherwise."""
    wait: Annotated[float, BeforeValidator(duration("1s", "1m", fractions=True))] | None = None
    """This long without a key is a silence; 5s if nothing says otherwise."""
    on_invalid: PromptsOrNone | None = None
    """Heard after a wrong key; then the question again."""
    on_silence: PromptsOrNone | None = None
    """Heard after a silence; then the question again."""
    on_failure: Target | None = None
    """Where the caller goes on after the last try."""
