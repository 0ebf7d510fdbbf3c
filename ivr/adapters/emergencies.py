"""Emergency orders on disk: one JSON line an order, appended, so that the file is also the record of who, when and why.

The newest order of a centre is the one that counts; `end` takes it back. Instants are of the business clock.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ivr.domain.hours import Emergency
from ivr.errors import OperatorError

log = logging.getLogger(__name__)

ORDERS = ("close", "open", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One line of the file."""

    centre: str
    order: str
    """close | open | end"""
    since: datetime
    """When it was given, and holds from."""
    until: datetime
    """For `end` the same as `since`."""
    by: str
    """Name of the operator's account."""
    reason: str

    def to_json(self) -> dict[str, str]:
        return {
            "centre": self.centre,
            "order": self.order,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "by": self.by,
            "reason": self.reason,
        }

    @property
    def emergency(self) -> Emergency | None:
        """None for `end`."""
        if self.order == "end":
            return None
        return Emergency(is_open=self.order == "open", since=self.since, until=self.until, reason=self.reason)


class EmergencyFile:
    """Implements `ivr.engine.ports.Emergencies`: looks at the file's time for each call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._by_centre: dict[str, Emergency | None] = {}

    def find_emergency(self, centre: str) -> Emergency | None:
        self._refresh()
        return self._by_centre.get(centre)

    def list_orders(self) -> list[Order]:
        """Every order that was ever given, the oldest first. Raises OperatorError naming a line that is none."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise OperatorError(f"cannot read the emergency orders {self._path}: {error}") from error
        orders = []
        for number, line in enumerate(lines, start=1):
            try:
                orders.append(_order(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                message = f"{self._path}:{number} is no emergency order: take this line out of the file"
                raise OperatorError(message) from error
        return orders

    def list_standing(self, now: datetime) -> list[Order]:
        """The orders that hold at `now` (aware). Raises OperatorError like `list_orders`."""
        newest = {order.centre: order for order in self.list_orders()}
        return [order for order in newest.values() if (found := order.emergency) is not None and found.holds(now)]

    def add(self, order: Order) -> None:
        """Appends; holds from the next call on. Raises OperatorError when the file cannot be written or is damaged."""
        self.list_orders()
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(order.to_json(), ensure_ascii=False) + "\n")
        except OSError as error:
            raise OperatorError(f"cannot write {self._path}: {error.strerror}") from error

    def _refresh(self) -> None:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
        except OSError:
            self._stamp, self._by_centre = None, {}
            return
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._by_centre = {order.centre: order.emergency for order in self.list_orders()}
        except OperatorError as error:
            # What was ordered before goes on to hold: a damaged line must not open or close a line, nor end a call.
            log.warning("%s", error)


def _order(line: str) -> Order:
    fields = json.loads(line)
    order = Order(
        centre=str(fields["centre"]),
        order=fields["order"],
        since=datetime.fromisoformat(fields["since"]),
        until=datetime.fromisoformat(fields["until"]),
        by=str(fields["by"]),
        reason=str(fields["reason"]),
    )
    if order.order not in ORDERS or order.since.tzinfo is None or order.until.tzinfo is None:
        raise ValueError(line)
    return order
