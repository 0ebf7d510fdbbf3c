"""Asterisk's configuration as text: what comes from centres and settings, rendered with asterisk-config/templates/."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from ivr.adapters.runtime.layout import Layout
from ivr.adapters.runtime.ports import Ports
from ivr.adapters.runtime.secrets import Secrets
from ivr.domain.centre import Centre, Queue
from ivr.domain.flow import Destination, Enqueue, Transfer
from ivr.errors import OperatorError

AMI_USER = "ivr"
TEMPLATES = "templates"
APOLOGY_PROMPT = "fallback_apology"
"""Heard, in each language, when no controller answers; then a tone and a recording."""
THANKS_PROMPT = "goodbye"
ALL_BUSY_PROMPT = "all_lines_busy"
BEEP_PROMPT = "beep"


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskInput:
    """Everything that the rendered part of the configuration depends on."""

    centres: tuple[Centre, ...]
    retiring: tuple[Centre, ...] = ()
    """Versions from before a change: calls that began with them still need their queues and agents."""
    secrets: Secrets
    ports: Ports
    layout: Layout
    trunk_addresses: tuple[str, ...] = ("127.0.0.1",)
    """Whose calls are the public's."""
    peers: tuple[str, ...] = ("127.0.0.1",)
    """Who may log in to AMI."""
    outbound_trunk: str | None = None
    """host or host:port that takes calls going out; None: there are none."""
    qualify_s: int = 30
    """Seconds between two looks whether an agent's phone is still there; 0: never."""
    max_calls: int = 0
    """Callers at once; 0: no limit."""
    overload: str = "message"
    """What one too many gets: `message` or `busy` (503)."""
    local_calls: int = 40
    """Calls that local AGIs serve at once when no controller answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phone:
    user: str
    name: str
    language: str
    password: str


@dataclass(frozen=True, slots=True)
class _Target:
    """What the controller says, and what is dialled for it."""

    name: str
    routine: str
    """Of extensions.conf: ivr-dial, or ivr-dial-outside, which keeps to the centre's bounds."""
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Queue:
    name: str
    strategy: str
    ring_s: int
    retry_s: int
    wrap_up_s: int
    music: str
    announce_every_s: int
    announce_position: bool
    announce_wait: bool
    escalate_after_s: int
    keys: tuple[str, ...]
    top_penalty: int
    """Penalty of the highest tier: tiers count from 1, penalties from 0."""


def render(source: Path, given: AsteriskInput) -> dict[str, str]:
    """File name -> text for etc/generated/, one for each template in `source`/templates.

    Raises OperatorError when two centres have an agent of the same id, or a template is missing or wrong.
    """
    languages = _unique(language for centre in given.centres for language in centre.languages)
    queues = _queues(given)
    values = {
        "phones": _phones(given),
        "queues": queues,
        "music": _unique(queue.music for queue in queues),
        "ports": given.ports,
        "layout": given.layout,
        "trunk_addresses": given.trunk_addresses,
        "peers": given.peers,
        "outbound_trunk": given.outbound_trunk or "",
        "transfers": _targets(given),
        "qualify_s": given.qualify_s,
        "local_calls": given.local_calls,
        "ami_user": AMI_USER,
        "ami_secret": given.secrets.ami,
        "numbers": _numbers(given),
        "fallback_key": given.secrets.fallback_key,
        "apology": f"{_in_each(given.layout, languages, APOLOGY_PROMPT)}&{BEEP_PROMPT}",
        "all_busy": _in_each(given.layout, languages, ALL_BUSY_PROMPT),
        "max_calls": given.max_calls,
        "overload": given.overload,
        "thanks": _in_each(given.layout, languages, THANKS_PROMPT),
    }
    names = sorted(path.name for path in (source / TEMPLATES).glob("*.conf.j2"))
    if not names:
        raise OperatorError(
            f"no templates in {source / TEMPLATES}: set IVR_ASTERISK_CONFIG to the project's folder asterisk-config"
        )
    return {name.removesuffix(".j2"): fill(source / TEMPLATES / name, values) for name in names}


def fill(template: Path, values: Mapping[str, object]) -> str:
    """One template with its values. Raises OperatorError naming the file when it is wrong or lacks a value."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - not HTML
        # `{#` opens no comment here: it is text in configuration files.
        comment_start_string="{##",
        comment_end_string="##}",
        finalize=_one_line,
    )
    environment.filters["yes_no"] = lambda value: "yes" if value else "no"
    try:
        return environment.get_template(template.name).render(values)
    except (jinja2.TemplateError, OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{template}: {error}") from error


def _one_line(value: object) -> object:
    """A value never adds a line, a comment or a section of its own to a configuration file."""
    if isinstance(value, str):
        return "".join(letter for letter in value if letter.isprintable() and letter not in ';"\\[]')
    return value


def _numbers(given: AsteriskInput) -> tuple[tuple[str, str], ...]:
    """(number, centre), also of versions going out of use; where a number moved, the live centre has it."""
    found: dict[str, str] = {}
    for centre in (*given.centres, *given.retiring):
        for number in centre.numbers:
            found.setdefault(number, centre.id)
    return tuple(found.items())


def _phones(given: AsteriskInput) -> list[_Phone]:
    owners: dict[str, str] = {}
    phones = []
    for centre in given.centres:
        for agent in centre.agents.values():
            if (other := owners.setdefault(agent.id, centre.id)) != centre.id:
                raise OperatorError(
                    f"agent {agent.id!r} is in centre {other!r} and in {centre.id!r}: SIP users must differ"
                )
            password = given.secrets.agents.get(agent.id)
            if password is None:
                raise OperatorError(f"agent {agent.id!r} has no password in {given.layout.agents_file}")
            phones.append(_Phone(user=agent.id, name=agent.name, language=agent.language, password=password))
    known = given.secrets.agents
    for centre in given.retiring:
        for agent in centre.agents.values():
            if agent.id not in owners and agent.id in known:
                owners[agent.id] = centre.id
                phones.append(_Phone(user=agent.id, name=agent.name, language=agent.language, password=known[agent.id]))
    return phones


def _targets(given: AsteriskInput) -> tuple[_Target, ...]:
    """Everywhere that a flow of ours transfers callers to, queues excepted: a whitelist, not a pattern."""
    found: dict[str, _Target] = {}
    for centre in (*given.centres, *given.retiring):
        for node in centre.flow.nodes.values():
            match node:
                case Transfer(to=Destination("agent", agent)) if agent in centre.agents:
                    name = f"{centre.id}.agent.{agent}"
                    found.setdefault(name, _Target(name, "ivr-dial", f"PJSIP/{agent}"))
                case Transfer(to=Destination("number", name)) if given.outbound_trunk is not None:
                    to, target = centre.transfers[name], f"{centre.id}.number.{name}"
                    if to.price is not None:
                        arguments = _outside(centre, to.number, to.price)
                        found.setdefault(target, _Target(target, "ivr-dial-outside", arguments))
                case _:
                    pass
    return tuple(found.values())


def _outside(centre: Centre, number: str, price: int) -> str:
    """Arguments of ivr-dial-outside."""
    bounds, zone = centre.outbound, centre.calendars["centre"].timezone.key
    return f"PJSIP/{number}@outbound,{centre.id},{price},{bounds.minutes},{bounds.calls},{bounds.spend},{zone}"


def _queues(given: AsteriskInput) -> list[_Queue]:
    """The queues of live centres, and those that only earlier versions have."""
    everywhere = (*given.centres, *given.retiring)
    first: dict[str, tuple[Centre, Queue]] = {}
    for centre in everywhere:
        for queue in centre.queues.values():
            first.setdefault(queue.asterisk_name, (centre, queue))
    return [_queue(centre, queue, everywhere) for centre, queue in first.values()]


def _queue(centre: Centre, queue: Queue, everywhere: Iterable[Centre]) -> _Queue:
    tiers = [agent.queues[queue.name] for agent in centre.agents.values() if queue.name in agent.queues]
    # A caller who heard that a key leaves the queue may press it, also after a change that took it away.
    nodes = [
        node
        for each in everywhere
        if each.id == centre.id
        for node in each.flow.nodes.values()
        if isinstance(node, Enqueue) and node.queue == queue.name
    ]
    return _Queue(
        name=queue.asterisk_name,
        strategy=queue.strategy,
        ring_s=queue.ring_s,
        retry_s=queue.retry_s,
        wrap_up_s=queue.wrap_up_s,
        music=queue.music,
        announce_every_s=queue.announce_every_s,
        announce_position=queue.announce_position,
        announce_wait=queue.announce_wait,
        escalate_after_s=queue.escalate_after_s,
        keys=_unique(key for node in nodes for key in node.keys),
        top_penalty=max(tiers, default=1) - 1,
    )


def _in_each(layout: Layout, languages: Iterable[str], key: str) -> str:
    """Argument of Playback(): the prompt in one language after the other."""
    return "&".join(f"{layout.prompts}/{language}/{key}" for language in languages)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
