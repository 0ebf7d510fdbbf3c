"""Centres under the orders of the hour: an emergency that an operator declared goes before every calendar."""

from __future__ import annotations

from dataclasses import replace

from ivr.domain.centre import Centre
from ivr.domain.hours import Emergency
from ivr.engine.ports import Centres, Emergencies


class CentresInEmergency:
    """Implements `ivr.engine.ports.Centres` over other centres: each with the emergency that is declared for it.

    A call takes its centre when it enters or comes back, so an order holds from the next call on.
    """

    def __init__(self, centres: Centres, emergencies: Emergencies) -> None:
        self._centres = centres
        self._emergencies = emergencies
        self._made: dict[tuple[str, str], tuple[Centre, Emergency, Centre]] = {}

    def find_by_number(self, dnis: str) -> Centre | None:
        return self._under_order(self._centres.find_by_number(dnis))

    def find_version(self, centre: str, version: str) -> Centre | None:
        return self._under_order(self._centres.find_version(centre, version))

    def any_languages(self) -> tuple[str, ...]:
        return self._centres.any_languages()

    def _under_order(self, centre: Centre | None) -> Centre | None:
        emergency = None if centre is None else self._emergencies.find_emergency(centre.id)
        if centre is None or emergency is None:
            return centre
        made = self._made.get((centre.id, centre.version))
        if made is None or made[0] is not centre or made[1] is not emergency:
            made = (centre, emergency, under(centre, emergency))
            self._made[centre.id, centre.version] = made
        return made[2]


def under(centre: Centre, emergency: Emergency | None) -> Centre:
    """The centre with every calendar under the order; None: with none."""
    calendars = {name: replace(calendar, emergency=emergency) for name, calendar in centre.calendars.items()}
    return replace(centre, calendars=calendars)
