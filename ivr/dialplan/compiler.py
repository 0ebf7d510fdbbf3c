"""A folder of YAML -> a compiled centre, or every mistake in it at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ivr.dialplan import ease, graph, privacy, references, schema
from ivr.dialplan.audio import KnownPrompts, check_audio
from ivr.dialplan.calendars import calendars
from ivr.dialplan.document import Document, TooManyProblemsError
from ivr.dialplan.ease import Seconds
from ivr.dialplan.loader import read
from ivr.dialplan.nodes import compile_node
from ivr.dialplan.outbound import check_numbers
from ivr.dialplan.outside import check_lookups
from ivr.dialplan.people import agents, check_languages, check_people, check_words, outbound, queues, transfers
from ivr.dialplan.phone_check import PhoneCheck
from ivr.dialplan.problem import Problem, in_order
from ivr.dialplan.raw_centre import RawCentre
from ivr.dialplan.schema import RawFlow
from ivr.dialplan.subflow import expand
from ivr.dialplan.values import meant
from ivr.domain.centre import Centre, Limits
from ivr.domain.checks import CHECKS
from ivr.domain.flow import Flow, Node, targets
from ivr.domain.hours import Calendar
from ivr.errors import AuthorError, OperatorError

CENTRE_FILE, FLOW_FILE = "centre.yaml", "flow.yaml"
_CENTRE_ID = re.compile(r"[a-z0-9][a-z0-9_]{0,31}")
UNSTATED_DAYS = 90
"""Retention of a centre that states none: its flow keeps nothing, but the dialplan may take a message by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a folder of centres holds: those without a mistake, by id, and all mistakes in order of file and place."""

    centres: Mapping[str, Centre]
    problems: tuple[Problem, ...]

    def need_all(self) -> Mapping[str, Centre]:
        """The centres. Raises AuthorError, one line a problem, unless everything is right."""
        if self.problems:
            raise AuthorError("\n".join(str(problem) for problem in self.problems))
        return self.centres


def load_centres(folder: Path, known_prompts: KnownPrompts, seconds: Seconds | None = None) -> Loaded:
    """Every centre below `folder` (or the one that it is), and what is wrong with each or between them.

    `seconds` tells how long prompts play; without it nobody is told of one that takes too long. Raises OperatorError
    when the folder is not there or holds no centre.
    """
    if not folder.is_dir():
        raise OperatorError(f"there is no folder {folder}: name the folder that holds one folder for each centre")
    folders = list_centre_folders(folder)
    if not folders:
        raise OperatorError(f"no centre in {folder}: a centre is a folder with {CENTRE_FILE} and {FLOW_FILE}")
    return load_folders(folders, known_prompts, seconds)


def list_centre_folders(folder: Path) -> dict[str, Path]:
    """Centre -> its folder below `folder`, in order of the names; a centre's own folder is the only one."""
    if (folder / CENTRE_FILE).exists():
        return {folder.resolve().name: folder}
    return {entry.name: entry for entry in sorted(folder.iterdir()) if entry.is_dir() and _has_yaml(entry)}


def load_folders(folders: Mapping[str, Path], known_prompts: KnownPrompts, seconds: Seconds | None = None) -> Loaded:
    """Centres from folders of any name, such as kept versions: id -> folder. Clashes between them are told."""
    sources = [_Source(folder, known_prompts, seconds, id=name) for name, folder in folders.items()]
    _refuse_clashes(sources)
    return _loaded(sources)


def load_centre(folder: Path, known_prompts: KnownPrompts) -> Loaded:
    """The one centre in `folder`, without a look at others. Raises OperatorError when the folder is not there."""
    if not folder.is_dir():
        raise OperatorError(f"there is no folder {folder}: name the folder of a centre, such as dialplans/120")
    return _loaded([_Source(folder, known_prompts)])


def load_kept(folder: Path, name: str, known_prompts: KnownPrompts) -> Centre | None:
    """A centre from a version that was right when it was kept: what a newer release finds wrong with it is no reason to
    let go of its calls. None when it does not make a whole flow any more."""
    centre = _Source(folder, known_prompts, id=name).centre
    if centre is None:
        return None
    nodes = centre.flow.nodes
    used = {centre.flow.start, *(target for node in nodes.values() for target in targets(node).values())}
    return centre if used <= nodes.keys() else None


def _loaded(sources: list[_Source]) -> Loaded:
    return Loaded(
        centres={source.id: source.centre for source in sources if source.centre is not None and not source.problems()},
        problems=in_order(problem for source in sources for problem in source.problems()),
    )


def _has_yaml(folder: Path) -> bool:
    return not folder.name.startswith(".") and any(file.suffix in (".yaml", ".yml") for file in folder.iterdir())


def _refuse_clashes(sources: list[_Source]) -> None:
    """A number leads to one centre and a SIP account to one agent; the second to claim it is refused."""
    numbers: dict[str, str] = {}
    accounts: dict[str, str] = {}
    for source in sources:
        if source.raw is None or source.centre_file is None:
            continue
        with suppress(TooManyProblemsError):
            for index, number in enumerate(source.raw.numbers):
                if (other := numbers.setdefault(number, source.id)) != source.id:
                    source.centre_file.problem(("numbers", index), "number_taken", number=number, other=other)
            for agent in source.raw.agents:
                if (other := accounts.setdefault(agent, source.id)) != source.id:
                    source.centre_file.key_problem(("agents", agent), "agent_taken", name=agent, other=other)


class _Source:
    """One centre's folder on its way: read, checked and, as far as its parts allow, compiled."""

    def __init__(
        self, folder: Path, known_prompts: KnownPrompts, seconds: Seconds | None = None, *, id: str | None = None
    ) -> None:
        self.id = id or folder.resolve().name
        self._unread: list[Problem] = []
        if not _CENTRE_ID.fullmatch(self.id):
            self._unread.append(
                Problem(file=str(folder), line=1, column=1, kind="bad_folder", details={"name": self.id})
            )
        self.centre_file = self._read(folder / CENTRE_FILE)
        self.flow_file = self._read(folder / FLOW_FILE)
        self.raw: RawCentre | None = None
        self._flow: RawFlow | None = None
        self._nodes: dict[str, Node] = {}
        self._calendars: dict[str, Calendar] = {}
        if self.centre_file is not None:
            with suppress(TooManyProblemsError):
                self._check_centre(self.centre_file, known_prompts)
        if self.flow_file is not None:
            with suppress(TooManyProblemsError):
                self._check_flow(self.flow_file, known_prompts, seconds)
        self.centre = self._compile()
        """Good for use only when there are no problems."""

    def problems(self) -> list[Problem]:
        files = (file for file in (self.centre_file, self.flow_file) if file is not None)
        return [*self._unread, *(problem for file in files for problem in file.found)]

    def _compile(self) -> Centre | None:
        raw = self.raw
        if raw is None or self._flow is None or self.centre_file is None or self.flow_file is None:
            return None
        return Centre(
            id=self.id,
            title=raw.title,
            numbers=raw.numbers,
            languages=raw.languages,
            calendars=self._calendars,
            queues=queues(self.id, raw),
            agents=agents(raw),
            categories=raw.categories,
            transfers=transfers(raw),
            outbound=outbound(raw),
            flow=Flow(start=self._flow.start, nodes=self._nodes, apology=self._flow.apology),
            checks={**CHECKS, "phone": PhoneCheck(raw.country)},
            limits=Limits(steps=raw.limits.steps, minutes=raw.limits.minutes),
            version=hashlib.sha256(self.centre_file.digest + self.flow_file.digest).hexdigest()[:12],
            message_retention_days=raw.retention.messages or UNSTATED_DAYS,
            talk_retention_days=raw.retention.talk or UNSTATED_DAYS,
            call_retention_days=raw.retention.calls or raw.retention.messages or UNSTATED_DAYS,
        )

    def _read(self, path: Path) -> Document | None:
        document, problems = read(path)
        if document is None:
            self._unread += problems
        return document

    def _check_centre(self, file: Document, known_prompts: KnownPrompts) -> None:
        raw = self.raw = schema.read(RawCentre, file)
        if raw is None:
            return
        check_languages(raw, known_prompts, file)
        check_words(raw, file)
        check_people(raw, file)
        numbers = {name: to.number for name, to in raw.transfers.items()}
        check_numbers(numbers, raw.country, raw.outbound.rates if raw.outbound is not None else {}, file)
        self._calendars = calendars(raw, file)

    def _check_flow(self, file: Document, known_prompts: KnownPrompts, seconds: Seconds | None) -> None:
        sources, scope = expand(file)
        self._flow = schema.read(RawFlow, file, scope)
        raw_nodes = schema.read_nodes(sources, file)
        if self._flow is None:
            return
        languages = () if self.raw is None else self.raw.languages
        for name, raw_node in raw_nodes.items():
            node = None if raw_node is None else compile_node(name, raw_node, self._flow.defaults, languages, file)
            if node is not None:
                self._nodes[name] = node
        references.check_targets(self._nodes, raw_nodes, file)
        references.check_digits(self._nodes, file)
        ease.check_keys(self._nodes, file)
        privacy.check_resident_numbers(self._nodes, {} if self.raw is None else self.raw.legal_basis, file)
        check_lookups(self._nodes, file)
        if self._flow.start not in raw_nodes:
            file.problem(("start",), "unknown_node", **meant(self._flow.start, raw_nodes))
        elif len(self._nodes) == len(raw_nodes) and not any(found.kind == "unknown_node" for found in file.found):
            self._check_shape(self._flow.start, file)
        if self.raw is not None and self.centre_file is not None:
            references.check_names(self._nodes, self.raw, file)
            check_audio(self._nodes, self._flow.apology, self.raw.languages, known_prompts, file)
            privacy.check_legal_basis(self._nodes, self.raw, file)
            privacy.check_retention(self._nodes, self.raw, self.centre_file)
            if seconds is not None:
                ease.check_lengths(self._nodes, self.raw.languages, self.raw.limits.prompt, seconds, file)

    def _check_shape(self, start: str, file: Document) -> None:
        """What only a whole graph can tell; with a node missing it would only tell what follows from that."""
        references.check_variables(self._nodes, start, file)
        if self.raw is not None and self.centre_file is not None:
            ease.check_depth(self._nodes, start, self.raw.limits.menus, file)
            privacy.check_unused_basis(self._nodes, self.raw, self.centre_file)
        for name in graph.unreachable(self._nodes, start):
            file.key_problem(("nodes", name), "unreachable_node", node=name)
        for name in graph.without_exit(self._nodes):
            file.key_problem(("nodes", name), "no_way_out", node=name)
        for circle in graph.idle_loops(self._nodes):
            file.key_problem(("nodes", circle[0]), "idle_loop", nodes=" -> ".join((*circle, circle[0])))
