"""Runs scenarios on the simulated line and says how each differs from what it must be."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ivr.domain.actions import Dial, Sound, Wait
from ivr.domain.centre import Centre
from ivr.domain.coverage import Edge, edges_taken
from ivr.domain.scenario import GAP, Scenario
from ivr.domain.values import BlindIndex, Personal
from ivr.testing.caller import ScriptMismatch
from ivr.testing.simulation import Script, SimulatedCall, simulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a scenario. Without failures it is green."""

    scenario: Scenario
    failures: tuple[str, ...]
    call: SimulatedCall | None = None
    """None when the script did not fit the flow."""
    edges: tuple[Edge, ...] = ()


def script_of(scenario: Scenario) -> Script:
    return Script(
        dial=scenario.dial,
        at=scenario.at,
        caller=scenario.caller,
        agents=scenario.agents,
        moves=scenario.moves,
        hang_up_at=scenario.hang_up_at,
    )


def run(centre: Centre, scenario: Scenario) -> Verdict:
    """Plays one scenario."""
    try:
        call = simulate(centre, script_of(scenario))
    except ScriptMismatch as error:
        return Verdict(scenario=scenario, failures=(str(error),))
    failures = tuple(_failures(centre, scenario, call))
    return Verdict(scenario=scenario, failures=failures, call=call, edges=tuple(edges_taken(centre.flow, call.notes)))


def _failures(centre: Centre, scenario: Scenario, call: SimulatedCall) -> list[str]:
    must, must_not = scenario.must, scenario.must_not
    told: list[str] = []
    path = call.nodes
    if must.path and not fits(must.path, path):
        told.append("the path differs (- must, + does):\n" + _difference(must.path, path))
    told += [f"must not come to {node}" for node in must_not.path if node in path]
    heard = heard_of(call)
    told += _unheard(must.hear, heard)
    told += [f"must not hear {key}" for key in must_not.hear if any(_is(key, each) for each in heard)]
    if must.outcome and call.outcome not in must.outcome:
        told.append(f"the outcome is {call.outcome}, but must be {' or '.join(must.outcome)}")
    if call.outcome in must_not.outcome:
        told.append(f"the outcome must not be {call.outcome}")
    queues = [str(note["queue"]) for note in call.notes if note["k"] == "queue"]
    if must.queue and list(must.queue) != queues:
        told.append(f"queues are {', '.join(queues) or 'none'}, but must be {', '.join(must.queue)}")
    told += [f"must not wait in the queue {queue}" for queue in must_not.queue if queue in queues]
    for what, wanted, unwanted, note in (
        ("message", must.message, must_not.message, call.message),
        ("call back", must.callback, must_not.callback, call.callback),
    ):
        told += _record(centre, what, wanted, unwanted, note)
    notes = [_plain(centre, note) for note in call.notes]
    told += [f"no journal note with {_shown(want)}" for want in must.notes if not _has(notes, want)]
    told += [f"there must be no journal note with {_shown(want)}" for want in must_not.notes if _has(notes, want)]
    return told


def fits(wanted: Sequence[str], path: Sequence[str]) -> bool:
    """Whether the path is the wanted one, GAP standing for any nodes or none."""
    places = {0}
    for node in wanted:
        if node == GAP:
            places = set(range(min(places), len(path) + 1)) if places else set()
        else:
            places = {place + 1 for place in places if place < len(path) and path[place] == node}
    return len(path) in places


def heard_of(call: SimulatedCall) -> list[str]:
    """What the caller heard, in order: as `key@language`."""
    return [
        f"{sound.key}@{sound.language}"
        for turn in call.turns
        if not isinstance(turn.action, Wait | Dial)
        for sound in turn.action.sounds
        if isinstance(sound, Sound)
    ]


def _is(wanted: str, heard: str) -> bool:
    return wanted == heard or wanted == heard.partition("@")[0]


def _unheard(wanted: Sequence[str], heard: Sequence[str]) -> list[str]:
    left = iter(heard)
    for key in wanted:
        if not any(_is(key, each) for each in left):
            return [f"must hear {key} (in this order: {', '.join(wanted)}), but hears {', '.join(heard)}"]
    return []


def _difference(wanted: Sequence[str], path: Sequence[str]) -> str:
    """Line by line; what a gap allows is no difference."""
    lines: list[str] = []
    for op, begin, end, first, last in difflib.SequenceMatcher(None, wanted, path, autojunk=False).get_opcodes():
        if op == "equal":
            lines += [f"  {node}" for node in wanted[begin:end]]
            continue
        lines += [f"- {node}" for node in wanted[begin:end] if node != GAP]
        lines += [f"{' ' if GAP in wanted[begin:end] else '+'} {node}" for node in path[first:last]]
    return "\n".join(lines)


def _record(
    centre: Centre, what: str, wanted: Mapping[str, str] | None, unwanted: Mapping[str, str] | None, note: Any
) -> list[str]:
    found = {} if note is None else _plain(centre, note)
    told = []
    if wanted is not None and note is None:
        told.append(f"there must be a {what}, but there is none")
    elif wanted is not None and not _agrees(found, wanted):
        real = {name: found.get(name, "") for name in wanted}
        told.append(f"the {what} must have {_shown(wanted)}, but has {_shown(real)}")
    if unwanted is not None and note is not None and _agrees(found, unwanted):
        told.append(f"there must be no {what}" + (f" with {_shown(unwanted)}" if unwanted else ""))
    return told


def _plain(centre: Centre, note: Mapping[str, Any]) -> dict[str, str]:
    """A note as text; data flattened, instants on the centre's clock."""
    plain: dict[str, str] = {}
    for name, value in note.items():
        text = value.text if isinstance(value, Personal | BlindIndex) else value
        if text is None:
            continue
        if name == "data":
            plain |= {f"data.{key}": str(entry) for key, entry in json.loads(text).items()}
        elif name in ("due", "at"):
            local = datetime.fromisoformat(text).astimezone(centre.calendars["centre"].timezone)
            plain[name] = local.replace(tzinfo=None).isoformat(" ", "minutes")
        else:
            plain[name] = ",".join(text) if isinstance(text, tuple | list) else str(text)
    return plain


def _agrees(found: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(found.get(name) == value for name, value in wanted.items())


def _has(notes: Sequence[Mapping[str, str]], wanted: Mapping[str, str]) -> bool:
    return any(_agrees(note, wanted) for note in notes)


def _shown(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {value or '-'}" for name, value in fields.items()) or "anything"
