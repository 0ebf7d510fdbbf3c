"""What is killed when: a list that follows from the seed alone."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

CONTROLLER, INGEST, POSTGRES, AMI, ASTERISK = "controller", "ingest", "postgres", "ami", "asterisk"
WEIGHTS: Mapping[tuple[str, str], int] = {
    (CONTROLLER, "kill"): 22,
    (CONTROLLER, "hang"): 16,
    (CONTROLLER, "term"): 12,
    (INGEST, "kill"): 10,
    (INGEST, "hang"): 10,
    (POSTGRES, "kill"): 6,
    (POSTGRES, "restart"): 5,
    (POSTGRES, "freeze"): 5,
    (AMI, "cut"): 14,
}
"""(target, how) -> how often. `kill` is SIGKILL, `hang` SIGSTOP, `term` SIGTERM, `restart` a fast shutdown,
`freeze` SIGSTOP of the server and all its children for a while, `cut` the end of the connection by Asterisk's hand."""
FREEZE_S = (1.0, 6.0)
HANG_S = 8.0
"""A controller is ended by the watchdog long before; should that fail, callers wait this long and the report says so.
Ingest, whom nobody waits for, is let go on."""
UNEVEN = (0.4, 1.6)
"""From one strike to the next, as a share of the mean."""
ASTERISK_SHARE = 25
"""One of so many kills is of Asterisk, in a series after the others: it ends calls, which nothing else may."""
ASTERISK_PAUSE_S = (7.0, 11.0)
"""Time for it to come back and take calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One kill."""

    number: int
    at_s: float
    """Seconds from the beginning of its series; when it is due and nothing to be struck is up, it waits."""
    target: str
    how: str
    hold_s: float
    """How long it stays stopped, at most."""
    pick: float
    """Which of several processes: from 0 to below 1."""

    def __str__(self) -> str:
        held = f" {self.hold_s:.1f} s" if self.hold_s else ""
        return f"{self.number:4} at {self.at_s:7.1f} s: {self.target} {self.how}{held}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Both series. No call may be dropped in the first; in the second, Asterisk dies with the calls in it."""

    main: tuple[Strike, ...]
    asterisk: tuple[Strike, ...]


def make_plan(*, seed: int, kills: int, every_s: float) -> Plan:
    """`kills` strikes in all, one about every `every_s` seconds. Raises ValueError for fewer than two."""
    if kills < 2:
        raise ValueError("a plan has at least two kills, one of which is Asterisk's")
    chosen = random.Random(f"strikes {seed}")
    of_asterisk = max(1, kills // ASTERISK_SHARE)
    ways, weights = list(WEIGHTS), list(WEIGHTS.values())
    main, at = [], 0.0
    for number in range(1, kills - of_asterisk + 1):
        at += every_s * chosen.uniform(*UNEVEN)
        target, how = chosen.choices(ways, weights)[0]
        hold_s = HANG_S if how == "hang" else chosen.uniform(*FREEZE_S) if how == "freeze" else 0.0
        main.append(Strike(number=number, at_s=at, target=target, how=how, hold_s=hold_s, pick=chosen.random()))
    asterisk, at = [], 0.0
    for number in range(kills - of_asterisk + 1, kills + 1):
        at += chosen.uniform(*ASTERISK_PAUSE_S)
        asterisk.append(Strike(number=number, at_s=at, target=ASTERISK, how="kill", hold_s=0.0, pick=0.0))
    return Plan(main=tuple(main), asterisk=tuple(asterisk))
