"""Nodes that reach beyond the flow, lookups and transfers: how they are written, what they become and may not do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, LiteralString
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainValidator

from ivr.dialplan.document import Document, Path
from ivr.dialplan.raw import Raw
from ivr.dialplan.target import Target
from ivr.dialplan.values import Dialled, Labels, Name, Text, Truth, duration, filled, one_of, refuse, text, whole
from ivr.dialplan.written import Written, words
from ivr.domain import flow
from ivr.domain.flow import Assign, Collect, Destination, Lookup, Menu, Node, NodeId

SECRET_PREFIX = "IVR_LOOKUP_"  # noqa: S105 - the beginning of names, no secret
"""Of environment variables that a lookup may send: a dialplan reaches no other secret of the process."""

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,500}")
_SECRET = re.compile(SECRET_PREFIX + r"[A-Z0-9_]{1,64}")
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_JSON_PATH = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,9}")
_OWN_HEADERS = frozenset(("host", "content-length", "content-type", "transfer-encoding", "idempotency-key"))


def _matching(pattern: re.Pattern[str], kind: LiteralString) -> BeforeValidator:
    def convert(value: object) -> str:
        found = text(value)
        if not pattern.fullmatch(found):
            raise refuse(kind, value=found)
        return found

    return BeforeValidator(convert)


def _url(value: object) -> str:
    found = text(value)
    try:
        parts = urlsplit(found)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or parts.username is not None or parts.query or parts.fragment or not found.isascii() or " " in found:
        raise refuse("bad_url")
    return found


def _header(value: object) -> str:
    found = text(value)
    if not _HEADER.fullmatch(found) or found.lower() in _OWN_HEADERS:
        raise refuse("bad_header", value=found)
    return found


def _destination(value: object) -> Destination:
    """`head_office` (a number of centre.yaml), `{queue: pension}` or `{agent: 1001}`."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, name),) = value.items()
        if kind in ("queue", "agent"):
            return Destination(kind, text(name))
    if not isinstance(value, str):
        raise refuse("bad_destination")
    return Destination("number", text(value))


Fields = dict[Annotated[str, _matching(_FIELD, "bad_field")], Text]


class RawTransferNumber(Raw):
    """A number that calls may be transferred to."""

    number: Dialled
    """What is dialled."""
    label: Labels
    """What reports call it, in every language of the centre."""


_DESTINATION = Written(
    "name of `transfers`, {queue: name} or {agent: name}",
    {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {"queue": {"type": "string"}, "agent": {"type": ["string", "integer"]}},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    },
)


class RawTransfer(Raw):
    """Connects the caller elsewhere. When somebody answers, the call ends with that talk."""

    transfer: Annotated[Destination, PlainValidator(_destination), _DESTINATION]
    """Where to: a number of `transfers`, a queue or an agent."""
    ring: Annotated[int, BeforeValidator(duration("5s", "2m"))] = 30
    """Longest ringing."""
    busy: Target
    """When the other side is talking."""
    no_answer: Target
    """When nobody answers."""
    failed: Target
    """When it cannot be reached."""


class RawLookup(Raw):
    """Asks another system over HTTP and takes values from its JSON answer."""

    lookup: Annotated[str, BeforeValidator(_url), words("URL without a query", "https?://[^ ?#]+")]
    """Whom to ask."""
    method: Annotated[str, BeforeValidator(one_of("GET", "POST"))] = "GET"
    """HTTP method."""
    query: Fields = {}
    """Names -> value or `$variable`, in the URL: nothing personal."""
    body: Fields = {}
    """Names -> value or `$variable`, sent as a JSON object with POST."""
    headers: dict[Annotated[str, BeforeValidator(_header)], Annotated[str, _matching(_HEADER_VALUE, "bad_header")]] = {}
    """Headers and their values."""
    secrets: dict[Annotated[str, BeforeValidator(_header)], Annotated[str, _matching(_SECRET, "bad_secret")]] = {}
    """Header -> environment variable that holds its value; its name begins with IVR_LOOKUP_."""
    personal: Truth = False
    """Personal values may be sent, and what is taken is personal."""
    within: Annotated[float, BeforeValidator(duration("1s", "10s", fractions=True))] = 3.0
    """Longest wait for one answer."""
    retries: Annotated[int, BeforeValidator(whole(0, 3))] = 1
    """Further attempts after no answer or a fault of the other side."""
    take: Annotated[dict[Name, Annotated[str, _matching(_JSON_PATH, "bad_take")]], BeforeValidator(filled)]
    """Variable -> where its value is in the answer: names and list indexes (from 0) joined by dots."""
    found: Target
    """When everything to be taken was there."""
    not_found: Target
    """When the answer is 404, or something to be taken is missing."""
    timeout: Target | None = None
    """When no answer came in time; the same as `error` if left out."""
    error: Target
    """When it went wrong otherwise."""


def transfer(name: NodeId, raw: RawTransfer) -> flow.Transfer:
    return flow.Transfer(
        id=name, to=raw.transfer, ring_s=raw.ring, busy=raw.busy, no_answer=raw.no_answer, failed=raw.failed
    )


def lookup(name: NodeId, raw: RawLookup) -> flow.Lookup:
    return flow.Lookup(
        id=name,
        url=raw.lookup,
        method=raw.method,
        query=raw.query,
        body=raw.body,
        headers=raw.headers,
        secrets=raw.secrets,
        personal=raw.personal,
        within_s=raw.within,
        retries=raw.retries,
        take=raw.take,
        found=raw.found,
        not_found=raw.not_found,
        timeout=raw.timeout or raw.error,
        error=raw.error,
    )


def check_lookups(nodes: Mapping[NodeId, Node], document: Document) -> None:
    """Personal values stay out of URLs, and leave only where the author said so, encrypted or within the machine."""
    personal = personal_variables(nodes)
    for node in nodes.values():
        if not isinstance(node, Lookup):
            continue
        path: Path = ("nodes", node.id)
        if node.body and node.method != "POST":
            document.key_problem((*path, "body"), "body_needs_post")
        for field, value in node.query.items():
            if value[1:] in personal and value.startswith("$"):
                document.problem((*path, "query", field), "personal_in_url", name=value[1:])
        for field, value in node.body.items():
            if value[1:] in personal and value.startswith("$") and not node.personal:
                document.problem((*path, "body", field), "personal_unsaid", name=value[1:])
        if node.personal and not _is_protected(node.url):
            document.problem((*path, "lookup"), "personal_unprotected")


def personal_variables(nodes: Mapping[NodeId, Node]) -> frozenset[str]:
    """Variables that may hold personal values, copies included."""
    found = {"caller"}
    copies: set[tuple[str, str]] = set()
    for node in nodes.values():
        match node:
            case Collect() if node.personal:
                found.add(node.into)
            case Lookup() if node.personal:
                found.update(node.take)
            case Assign():
                copies.update(_copies(node.assign))
            case Menu():
                for choice in node.choices.values():
                    copies.update(_copies(choice.assign))
            case _:
                pass
    while fresh := {to for to, source in copies if source in found} - found:
        found |= fresh
    return frozenset(found)


def _copies(assign: Mapping[str, str]) -> set[tuple[str, str]]:
    return {(name, value[1:]) for name, value in assign.items() if value.startswith("$")}


def _is_protected(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
