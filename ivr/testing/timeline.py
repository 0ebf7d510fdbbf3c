"""When a caller must do what: moves in terms of the flow become moves in seconds, by walking the flow beforehand.

A key that cuts a prompt brings caller and flow back in step, so lateness of the system does not add up over a call:
only prompts that nobody can cut and silences that are waited out let it grow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ivr.domain.act import action
from ivr.domain.actions import (
    Action,
    Ask,
    Audible,
    CallerHungUp,
    Dial,
    Event,
    Fetch,
    Heard,
    Keyed,
    Leave,
    QueueLeft,
    Record,
    Recorded,
    Sound,
    Speak,
    Wait,
)
from ivr.domain.centre import Centre
from ivr.domain.notes import Note
from ivr.domain.step import advance, start
from ivr.domain.values import Personal
from ivr.testing.caller import HangUp, LeavesQueue, Move, Press, Silence, Talk
from ivr.testing.sipp_xml import KEY_S, AwaitBye, Bye, CallerScript, Keys, Pause, SipMove, Voice

Seconds = Callable[[str, str], float]
"""(language, key) -> how long a prompt plays."""

OPENING_S = 0.2
"""From the answer to the first sound."""
STEP_S = 0.05
"""Asterisk and the controller between two actions."""
THINK_S = 1.0
"""From the beginning of a question to the key: by then even a slow system asks it."""
HANG_UP_S = 0.7
"""From the beginning of an action to a hang-up in it."""
BETWEEN_DIGITS_S = 5.0
"""Asterisk's wait for a further digit when an entry is neither full nor ended with #."""
QUEUE_KEY_S = 8.0
"""From entering a queue to a key pressed in it: after the announcement of the position, before the next one. app_queue
(22.10.1, say_position) loses the key that cuts "there are N callers": it keeps only that there was one."""
QUEUE_SLACK_S = 4.0
"""How late app_queue may notice that the longest wait is over (it looks between announcements and rings)."""
TONE_S = 0.3
"""From the end of the tone to the caller's first word."""
GOODBYE_S = 20.0
"""How long a caller waits for the system to hang up after its last words."""


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the flow where a caller can be: a node and its phase ("", confirm, review)."""

    node: str
    phase: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """What the caller does at `at` seconds after the call was answered, and in which node that is."""

    at: float
    move: Keys | Voice | Bye | AwaitBye
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One call as it should go."""

    dial: str
    caller: str | None = field(repr=False)
    cues: tuple[Cue, ...]
    notes: tuple[Note, ...] = field(repr=False)
    """What the journal must say, up to a hang-up in a queue, which the flow does not see."""
    seconds: float
    """Expected length of the call."""
    last: Place
    """Where the call ends."""

    @property
    def steps(self) -> tuple[tuple[str, str, str, str | None], ...]:
        """The path: node, phase, result, next node."""
        return tuple(
            (
                str(note["node"]),
                str(note["phase"]),
                str(note["result"]),
                None if note["to"] is None else str(note["to"]),
            )
            for note in self.notes
            if note["k"] == "step"
        )

    @property
    def outcome(self) -> str | None:
        """What the flow says of the end; None when something else decides (a message, an agent, who hung up)."""
        ends = [note["outcome"] for note in self.notes if note["k"] == "end"]
        return str(ends[-1]) if ends and ends[-1] is not None else None

    def script(self, *, voice: Path | None = None, sends_audio: bool = True) -> CallerScript:
        """For SIPp. `voice` is needed when the caller talks."""
        moves: list[SipMove] = []
        now = 0.0
        for cue in self.cues:
            if cue.at > now:
                moves.append(Pause(cue.at - now))
            moves.append(cue.move)
            now = max(now, cue.at) + _busy(cue.move)
        return CallerScript(dial=self.dial, moves=tuple(moves), voice=voice, sends_audio=sends_audio)


def plan(
    centre: Centre,
    moves: Sequence[Move],
    *,
    at: datetime,
    seconds: Seconds,
    caller: str | None,
    dial: str | None = None,
    hang_up_in: Place | None = None,
    think: Mapping[str, float] | None = None,
    think_s: float = THINK_S,
) -> Timeline:
    """Walks the flow with `moves` at the business time `at` (aware).

    When the moves are used up, or an action of `hang_up_in` begins, the caller hangs up; when the flow ends first, they
    wait for its goodbye. Keys come `think_s` after a question began, in the nodes of `think` later or earlier. Raises
    ValueError when a move does not fit what the flow does then.
    """
    dnis = dial if dial is not None else centre.numbers[0]
    step = start(centre, call="plan", dnis=dnis, caller=Personal(caller) if caller else None, at=at)
    walk = _Walk(seconds=seconds, moves=list(moves), now=OPENING_S, think=think or {}, think_s=think_s)
    notes = [*step.notes]
    state = step.state
    while True:
        walk.place, walk.language = Place(state.node, state.phase), state.language
        todo = action(centre, state)
        event = CallerHungUp() if walk.place == hang_up_in else walk.perform(todo)
        if event is None:
            break  # with an agent until one of the two hangs up: the flow does not see it
        if isinstance(event, CallerHungUp):
            walk.hang_up()
            if isinstance(todo, Wait):
                break
        step = advance(centre, state, event, at + timedelta(seconds=walk.now))
        notes += step.notes
        state = step.state
        if state.ended:
            break
    return Timeline(
        dial=dnis, caller=caller, cues=tuple(walk.cues), notes=tuple(notes), seconds=walk.now, last=walk.place
    )


@dataclass(slots=True)
class _Walk:
    """The caller's side while the flow is walked: what time it is and what was done when."""

    seconds: Seconds
    moves: list[Move]
    now: float
    think: Mapping[str, float]
    think_s: float
    late: float = 0.0
    """How much later than `now` the present question may begin."""
    cues: list[Cue] = field(default_factory=list)
    place: Place = Place("")
    language: str = ""
    recorded: float = 0.0

    def perform(self, todo: Action) -> Event | None:
        """What comes of an action; None when an agent takes the caller over for good."""
        match todo:
            case Speak():
                return self._listen(todo.sounds)
            case Leave():
                return self._say_goodbye(todo.sounds)
            case _ if not self.moves or isinstance(self.moves[0], HangUp):
                return CallerHungUp()
            case Ask():
                return self._ask(todo)
            case Record():
                return self._record(todo)
            case Wait():
                return self._wait(todo)
            case Dial() | Fetch():
                raise ValueError(f"{self.place.node} asks something outside, which takes as long as it takes")

    def hang_up(self) -> None:
        self._do(Bye(), HANG_UP_S + self.late)

    def _listen(self, sounds: Sequence[Audible]) -> Event:
        # As in FakeLine: a hang-up that is due comes in whatever is heard next.
        if self.moves and isinstance(self.moves[0], HangUp):
            return CallerHungUp()
        self._pass(self._length(sounds) + STEP_S)
        return Heard()

    def _say_goodbye(self, sounds: Sequence[Audible]) -> Event:
        if self.moves and isinstance(self.moves[0], HangUp):
            return CallerHungUp()
        length = self._length(sounds)
        self._do(AwaitBye(length + self.late + GOODBYE_S), 0.0)
        self._pass(length)
        return Heard()

    def _ask(self, todo: Ask) -> Event:
        match self.moves.pop(0):
            case Press(keys):
                digits, hash_key, _ = keys.partition("#")
                digits = digits[: todo.max_digits]
                terminated = bool(hash_key) or len(digits) == todo.max_digits
                self._do(Keys(digits + hash_key), self.think.get(self.place.node, self.think_s) + self.late)
                self.late = 0.0
                self._pass(STEP_S if terminated else BETWEEN_DIGITS_S)
                return Keyed(digits, terminated=terminated)
            case Silence():
                self._pass(self._length(todo.sounds) + todo.wait_s + STEP_S)
                return Keyed("")
            case move:
                raise ValueError(f"the script says {move}, but {self.place.node} asks for keys")

    def _record(self, todo: Record) -> Event:
        until_tone = self._length(todo.sounds) + self.seconds(self.language, "beep") + 2 * STEP_S
        match self.moves.pop(0):
            case Talk(seconds):
                self._do(Voice(seconds), until_tone + TONE_S + self.late)
                self._do(Keys("#"), 0.0)
                self.late = 0.0
                self.recorded = TONE_S + seconds
            case Silence():
                self._pass(until_tone + todo.silence_s)
                self.recorded = 0.0
            case move:
                raise ValueError(f"the script says {move}, but {self.place.node} records")
        return Recorded(self.recorded)

    def _wait(self, todo: Wait) -> Event | None:
        match self.moves.pop(0):
            case LeavesQueue("TIMEOUT"):
                self._pass(todo.timeout_s)
                self.late += QUEUE_SLACK_S
                return QueueLeft("TIMEOUT")
            case LeavesQueue("JOINEMPTY"):
                self._pass(STEP_S)
                return QueueLeft("JOINEMPTY")
            case LeavesQueue("ANSWERED"):
                if self.moves and isinstance(self.moves[0], Talk):
                    self._do(Bye(), self.moves[0].seconds)
                else:
                    self._do(AwaitBye(todo.timeout_s + 600), 0.0)
                return None
            case LeavesQueue(how) if how.startswith("KEY:"):
                key = how.removeprefix("KEY:")
                self._do(Keys(key), QUEUE_KEY_S + self.late)
                self.late = 0.0
                return QueueLeft("KEY", key)
            case move:
                raise ValueError(f"the script says {move}, which cannot be timed in the queue {todo.queue}")

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def _do(self, move: Keys | Voice | Bye | AwaitBye, after: float) -> None:
        """The caller acts `after` seconds from now; what keys end has ended when the last of them is released."""
        self.now += after
        self.cues.append(Cue(at=self.now, move=move, node=self.place.node))
        self.now += 0.0 if isinstance(move, AwaitBye) else _busy(move)

    def _length(self, sounds: Sequence[Audible]) -> float:
        return sum(self._sound(sound) for sound in sounds)

    def _sound(self, sound: Audible) -> float:
        return self.seconds(sound.language, sound.key) if isinstance(sound, Sound) else self.recorded


def _busy(move: Keys | Voice | Bye | AwaitBye) -> float:
    match move:
        case Keys(keys):
            return len(keys) * KEY_S
        case Voice(seconds):
            return seconds
        case Bye() | AwaitBye():
            return 0.0
