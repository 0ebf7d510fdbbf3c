"""An engine over the small centre, and calls placed on it."""

from __future__ import annotations

from datetime import datetime

from ivr.adapters.vault import KeyVault
from ivr.domain.centre import Centre
from ivr.engine.ports import Arrival
from ivr.engine.session import Engine
from ivr.testing.caller import FakeLine, moves_from_keys, place_call
from ivr.testing.centres import OPEN_AT, small_centre
from ivr.testing.worlds import FixedCentres, ManualClock

VAULT = KeyVault(bytes(range(32)))
CALLER = "01012345678"
ARRIVAL = Arrival(call="n1-1.0", dnis="120", caller=CALLER)


def engine(centre: Centre | None = None, at: datetime = OPEN_AT) -> Engine:
    return Engine(centres=FixedCentres((centre or small_centre(),)), vault=VAULT, clock=ManualClock(at))


async def call(
    *keys: str, at: datetime = OPEN_AT, arrival: Arrival = ARRIVAL, centre: Centre | None = None
) -> FakeLine:
    """A whole call; `keys` in the short form of `moves_from_keys`."""
    line = FakeLine(moves=moves_from_keys(keys))
    return await place_call(engine(centre, at), line, arrival)
