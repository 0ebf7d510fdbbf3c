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
    wait: Annotated[float, BeforeValidator(duration("1s", "1m", fractions=True))] | None = None
    on_invalid: PromptsOrNone | None = None
    on_silence: PromptsOrNone | None = None
    on_failure: Target | None = None
