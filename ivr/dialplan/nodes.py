"""Nodes as written -> nodes of the domain, and where in the file each part of a node stands."""

from __future__ import annotations

from ivr.dialplan import schema
from ivr.dialplan.conditions import RawDecide, decide
from ivr.dialplan.document import Document, Path
from ivr.dialplan.outside import RawLookup, RawTransfer, lookup, transfer
from ivr.dialplan.raw import RawRetry
from ivr.domain import flow
from ivr.domain.flow import Choice, Node, NodeId, Prompts, Retry

DEFAULT_TRIES = 3
DEFAULT_WAIT_S = 5.0
CALLER_CASES = ("known", "unknown")
NPS_SCALE = (0, 10)


def compile_node(
    name: NodeId, raw: schema.RawNode, defaults: RawRetry, languages: tuple[str, ...], document: Document
) -> Node | None:
    """The domain node, or None when something that it cannot do without is missing (added to the document)."""
    path: Path = ("nodes", name)
    match raw:
        case schema.RawPlay():
            return flow.Play(id=name, prompts=raw.play, next=raw.next, interruptible=raw.interruptible)
        case schema.RawMenu():
            retry = _retry(raw, defaults, document, path)
            return None if retry is None else _menu(name, raw, retry)
        case schema.RawCollect():
            retry = _retry(raw, defaults, document, path)
            return None if retry is None else _collect(name, raw, retry)
        case schema.RawSurvey():
            return _survey(name, raw, defaults, document)
        case schema.RawAssign():
            return flow.Assign(id=name, assign=raw.set, next=raw.next, category=raw.category, language=raw.language)
        case RawDecide():
            return decide(name, raw, document)
        case RawLookup():
            return lookup(name, raw)
        case RawTransfer():
            return transfer(name, raw)
        case schema.RawHours():
            return flow.Hours(id=name, calendar=raw.hours, open=raw.open, closed=raw.closed)
        case schema.RawChoose():
            return _choose(name, raw, languages, document)
        case schema.RawEnqueue():
            return flow.Enqueue(
                id=name, queue=raw.queue, keys=raw.keys, no_agents=raw.no_agents, timeout=raw.timeout, after=raw.after
            )
        case schema.RawMessage():
            retry = _retry(raw, defaults, document, path)
            return None if retry is None else _message(name, raw, retry)
        case schema.RawCallback():
            return flow.Callback(id=name, number=raw.callback, calendar=raw.calendar, next=raw.next, data=raw.data)
        case schema.RawEnd():
            return flow.End(id=name, prompts=raw.end, outcome=raw.outcome)
        case schema.RawCall():
            return None  # what stands in its place was read instead, unless it is wrong


def _retry(raw: RawRetry, defaults: RawRetry, document: Document, path: Path) -> Retry | None:
    on_failure = raw.on_failure or defaults.on_failure
    if on_failure is None:
        document.problem((*path, "on_failure"), "missing_on_failure")
        return None
    return _retry_to(on_failure, raw, defaults)


def _retry_to(on_failure: NodeId, raw: RawRetry, defaults: RawRetry) -> Retry:
    return Retry(
        tries=raw.tries or defaults.tries or DEFAULT_TRIES,
        wait_s=raw.wait or defaults.wait or DEFAULT_WAIT_S,
        on_invalid=_first(raw.on_invalid, defaults.on_invalid),
        on_silence=_first(raw.on_silence, defaults.on_silence),
        on_failure=on_failure,
    )


def _first(own: Prompts | None, default: Prompts | None) -> Prompts:
    return own if own is not None else default or ()


def _menu(name: NodeId, raw: schema.RawMenu, retry: Retry) -> flow.Menu:
    choices = {key: _choice(choice) for key, choice in raw.choices.items()}
    phrases: dict[str, dict[str, str]] = {}
    for key, choice in raw.choices.items():
        for language, said in choice.say.items():
            phrases.setdefault(language, {}).update(dict.fromkeys(said, key))
    return flow.Menu(id=name, prompts=raw.menu, choices=choices, retry=retry, phrases=phrases)


def _choice(raw: schema.RawChoice) -> Choice:
    return Choice(next=raw.next, category=raw.category, language=raw.language, assign=raw.set)


def _collect(name: NodeId, raw: schema.RawCollect, retry: Retry) -> flow.Collect:
    return flow.Collect(
        id=name,
        prompts=raw.collect,
        min_digits=raw.digits[0],
        max_digits=raw.digits[1],
        check=raw.check,
        personal=raw.personal,
        read_back=raw.read_back,
        into=raw.into,
        next=raw.next,
        retry=retry,
        terminator=None if raw.terminator == "none" else raw.terminator,
        value_range=raw.range,
    )


def _survey(name: NodeId, raw: schema.RawSurvey, defaults: RawRetry, document: Document) -> flow.Survey:
    if raw.metric == "nps" and raw.scale != NPS_SCALE:
        document.problem(("nodes", name, "scale"), "nps_scale")
    return flow.Survey(
        id=name,
        prompts=raw.survey,
        lowest=raw.scale[0],
        highest=raw.scale[1],
        metric=raw.metric,
        of=raw.of,
        next=raw.next,
        # A survey is a favour: who gives no score goes on like everybody else.
        retry=_retry_to(raw.on_failure or raw.next, raw, defaults),
    )


def _choose(name: NodeId, raw: schema.RawChoose, languages: tuple[str, ...], document: Document) -> flow.Choose | None:
    """`otherwise` may be left out where the cases name everything that the variable can be."""
    otherwise = raw.otherwise
    if otherwise is None:
        # Without a readable centre.yaml the languages are not known; that is told already.
        everything = {"caller": CALLER_CASES, "language": languages or tuple(raw.cases)}.get(raw.choose)
        if not everything or not set(everything) <= raw.cases.keys():
            document.problem(("nodes", name, "otherwise"), "missing_otherwise", variable=raw.choose)
            return None
        otherwise = raw.cases[everything[-1]]
    return flow.Choose(id=name, on=raw.choose, cases=raw.cases, otherwise=otherwise)


def _message(name: NodeId, raw: schema.RawMessage, retry: Retry) -> flow.Message:
    return flow.Message(
        id=name,
        prompts=raw.message,
        review=raw.review,
        max_s=raw.max,
        silence_s=raw.silence,
        keep_key=raw.keep,
        again_key=raw.again,
        cancel_key=raw.cancel,
        next=raw.next,
        cancelled=raw.cancelled,
        retry=retry,
        data=raw.data,
    )


def edge_path(node: Node, label: str, document: Document) -> Path:
    """Where the edge `label` of `flow.targets` is written."""
    path: Path = ("nodes", node.id)
    match node:
        case flow.Menu() if label in node.choices:
            return (*path, "choices", label, "next")
        case flow.Enqueue() if label in node.keys:
            return (*path, "keys", label)
        case flow.Decide() if label.isdecimal():
            return (*path, "choose", int(label) - 1, "next")
        case flow.Lookup() if label == "timeout" and not document.has((*path, label)):
            return (*path, "error")
        case flow.Survey() if label == "on_failure" and not document.has((*path, label)):
            return (*path, "next")
        case flow.Choose() if label in node.cases:
            return (*path, "cases", label)
        case _ if label == "on_failure" and not document.has((*path, label)):
            return ("defaults", label)
        case _:
            return (*path, label)


def spoken_parts(node: Node, document: Document) -> list[tuple[Path, Prompts]]:
    """What a node says, part by part, with where it is written. Agrees with `flow.prompts_of`."""
    path: Path = ("nodes", node.id)
    match node:
        case flow.Play():
            return [((*path, "play"), node.prompts)]
        case flow.End():
            return [((*path, "end"), node.prompts)]
        case flow.Menu():
            return [((*path, "menu"), node.prompts), *_retry_parts(path, node.retry, document)]
        case flow.Collect():
            own = [((*path, "collect"), node.prompts), ((*path, "read_back"), node.read_back)]
            return [*own, *_retry_parts(path, node.retry, document)]
        case flow.Survey():
            return [((*path, "survey"), node.prompts), *_retry_parts(path, node.retry, document)]
        case flow.Message():
            own = [((*path, "message"), node.prompts), ((*path, "review"), node.review)]
            return [*own, *_retry_parts(path, node.retry, document)]
        case _:
            return []


def _retry_parts(path: Path, retry: Retry, document: Document) -> list[tuple[Path, Prompts]]:
    parts = {"on_invalid": retry.on_invalid, "on_silence": retry.on_silence}
    return [
        ((*path, label) if document.has((*path, label)) else ("defaults", label), prompts)
        for label, prompts in parts.items()
    ]
