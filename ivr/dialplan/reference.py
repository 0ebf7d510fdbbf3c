"""docs/dialplan-reference.md: every key of the files, drawn from the models, with an example of each node."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import dedent

from ivr.dialplan import examples
from ivr.dialplan.conditions import RawDecide
from ivr.dialplan.raw import Raw
from ivr.dialplan.raw_centre import RawCentre
from ivr.dialplan.scenarios import RawScenarios
from ivr.dialplan.schema import NODE_KINDS, RawFlow
from ivr.dialplan.shape import Anything, Key, ListOf, MapOf, Part, Scalar, Shape, keys_of, meaning_of, models_in

_HEAD = """\
# Dialplan reference

Printed by `ivr reference` from the models that read the files: change those, not this. A centre is a folder with
`centre.yaml` and `flow.yaml`, and calls that must hold in `scenarios/*.yaml`; `ivr check` names every mistake with its
line.

All values are text until they are read: `18:00`, `0212345678`, `no` and `1e3` mean what is written. Quotes are needed
around `"*"`, `"#"` and whatever begins with a sign that YAML knows. Lengths of time have a unit: `30s`, `5m`, `2h`,
`90d`. **Bold** keys must be there.

A *node* is the name of a node of the same flow. A *prompt* is a key of `prompts/<language>.yaml`, such as `greeting` or
`greeting@en` in a fixed language; a value to be spoken, such as `{digits: number}`, `{datetime: opens_at}` or
`{money: amount}`; or `{playback: message}`, the caller's own recording.
"""


def reference() -> str:
    """The whole page, Markdown."""
    parts = [
        _HEAD,
        "## centre.yaml\n",
        _said(RawCentre),
        _example(examples.CENTRE),
        _table(RawCentre),
        *_inner(models_in(RawCentre), "###"),
        "## flow.yaml\n",
        _said(RawFlow),
        _example(examples.FLOW),
        _table(RawFlow),
        *_inner(models_in(RawFlow), "###"),
        _subflows(),
        "## Nodes\n",
        "A node has one key that says what it is; the others say how, and where the caller goes on.\n",
        *(_node(kind, model) for kind, model in NODE_KINDS.items()),
        "## scenarios/*.yaml\n",
        _said(RawScenarios),
        _example(examples.SCENARIOS),
        _table(RawScenarios),
        *_inner(models_in(RawScenarios), "###"),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _said(model: type[Raw]) -> str:
    """What a file is; its name is in the heading."""
    name, colon, rest = meaning_of(model).partition(": ")
    return f"{rest[0].upper()}{rest[1:]}" if colon and name.endswith(".yaml") else meaning_of(model)


def _node(kind: str, model: type[Raw]) -> str:
    """One kind of node; `choose` is written in two ways."""
    ways = [(model, examples.NODES[kind])]
    if kind == "choose":
        ways.append((RawDecide, examples.NODES["choose if"]))
    parts = [f"### {kind}\n"]
    for way, example in ways:
        parts += [meaning_of(way) + "\n", _example(example), _table(way), *_inner(models_in(way), "####")]
    return "\n".join(parts)


def _subflows() -> str:
    return "\n".join(["### Using a sub-flow\n", _example(examples.SUBFLOW)])


def _inner(models: Iterable[type[Raw]], level: str) -> list[str]:
    return [f"{level} {_title(model)}\n\n{meaning_of(model)}\n\n{_table(model)}" for model in models]


def _title(model: type[Raw]) -> str:
    """The name of a part: `RawTransferNumber` is "Transfer number"."""
    name = model.__name__.removeprefix("Raw")
    return "".join(f" {letter.lower()}" if letter.isupper() and place else letter for place, letter in enumerate(name))


def _example(text: str) -> str:
    return f"```yaml\n{dedent(text).strip()}\n```\n"


def _table(model: type[Raw]) -> str:
    rows = [_row(key) for key in keys_of(model)]
    return "\n".join(["| key | what is written | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _row(key: Key) -> str:
    name = f"**`{key.name}`**" if key.required else f"`{key.name}`"
    default = f"`{key.default}`" if key.default else ""
    kind = "name → one of the [nodes](#nodes) below" if key.name == "nodes" else _kind(key.shape)
    return f"| {name} | {_cell(kind)} | {default} | {_cell(key.meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _kind(shape: Shape) -> str:
    """What may be written, in a few words."""
    match shape:
        case Scalar(written):
            return written.text
        case ListOf(item, or_one):
            return f"one or a list of: {_kind(item)}" if or_one else f"list of: {_kind(item)}"
        case MapOf(key, item):
            return f"{key.text} → {_kind(item)}"
        case Part(model, short, or_yes):
            named = f"[{_title(model)}](#{_title(model).lower().replace(' ', '-')})"
            return f"{named}, or yes" if or_yes else f"{named}, or its `{short}`" if short else named
        case Anything():
            return "whatever its place asks for"
