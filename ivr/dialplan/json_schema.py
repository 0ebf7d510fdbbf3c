"""JSON Schema of the files, for editors: completion, hover texts and the red line under a misspelt key.

Draft 07, which yaml-language-server reads. What only the whole centre can tell (a node that does not exist) is left to
`ivr check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ivr.dialplan.conditions import RawDecide
from ivr.dialplan.raw import Raw
from ivr.dialplan.raw_centre import RawCentre
from ivr.dialplan.scenarios import RawScenarios
from ivr.dialplan.schema import NODE_KINDS, RawCall, RawChoose, RawFlow, RawSubflow
from ivr.dialplan.shape import Anything, ListOf, MapOf, Part, Scalar, Shape, keys_of, meaning_of, models_in
from ivr.dialplan.subflow import CALL

DRAFT = "http://json-schema.org/draft-07/schema#"
NODE = "Node"
NODE_IN_FLOW = "NodeOfSubflow"
_IN_FLOW = "InSubflow"
"""Ends the names of definitions that may have placeholders in the place of values."""
PLACEHOLDER: Mapping[str, Any] = {"type": "string", "pattern": "<[a-z][a-z0-9_]*>"}

Schema = dict[str, Any]


def centre_schema() -> Schema:
    """Of centre.yaml."""
    return _file(RawCentre, models_in(RawCentre))


def scenario_schema() -> Schema:
    """Of scenarios/*.yaml."""
    return _file(RawScenarios, models_in(RawScenarios))


def flow_schema() -> Schema:
    """Of flow.yaml."""
    schema = _file(RawFlow, models_in(RawFlow))
    definitions = schema["definitions"]
    nodes = _node_models()
    parts = dict.fromkeys([*nodes, *(inner for node in nodes for inner in models_in(node))])
    for model in parts:
        definitions[_name(model)] = _mapping(model, "")
        definitions[_name(model) + _IN_FLOW] = _with_placeholders(_mapping(model, _IN_FLOW))
    for name, ending in ((NODE, ""), (NODE_IN_FLOW, _IN_FLOW)):
        definitions[name] = _any_node(ending)
    schema["properties"]["nodes"]["additionalProperties"] = _reference(NODE)
    definitions[_name(RawSubflow)]["properties"]["nodes"]["additionalProperties"] = _reference(NODE_IN_FLOW)
    return schema


def _any_node(ending: str) -> Schema:
    """By the key that says what a node is: an `anyOf` would make editors tell every mistake as that of another kind."""
    kinds = {kind: {"description": meaning_of(model)} for kind, model in NODE_KINDS.items()}
    cases = [_case({}, kind, model, ending) for kind, model in NODE_KINDS.items() if model is not RawChoose]
    conditions: Schema = {"properties": {"choose": {"type": "array"}}}
    cases += [_case(conditions, "choose", RawDecide, ending), _case({"not": conditions}, "choose", RawChoose, ending)]
    one_of_them = [{"required": [kind]} for kind in kinds]
    return {"type": "object", "properties": kinds, "allOf": cases, "anyOf": one_of_them}


def _case(condition: Schema, kind: str, model: type[Raw], ending: str) -> Schema:
    others: Schema = {}
    if model is not RawCall:  # whose exits may have any name
        others = {"not": {"required": [CALL]}}
    when = [{"required": [kind]}, *(part for part in (condition, others) if part)]
    return {"if": when[0] if len(when) == 1 else {"allOf": when}, "then": _reference(_name(model) + ending)}


def _node_models() -> tuple[type[Raw], ...]:
    """Every kind of node; `choose` is written in two ways."""
    kinds: list[type[Raw]] = list(NODE_KINDS.values())
    kinds.insert(kinds.index(RawChoose) + 1, RawDecide)
    return tuple(kinds)


def _file(model: type[Raw], parts: Iterable[type[Raw]]) -> Schema:
    definitions = {_name(part): _mapping(part, "") for part in parts}
    return {"$schema": DRAFT, **_mapping(model, ""), "definitions": definitions}


def _name(model: type[Raw]) -> str:
    return model.__name__.removeprefix("Raw")


def _reference(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _mapping(model: type[Raw], ending: str) -> Schema:
    keys = keys_of(model)
    return {
        "type": "object",
        "description": meaning_of(model),
        "properties": {key.name: {**_schema(key.shape, ending), **_hover(key.meaning, key.default)} for key in keys},
        "required": [key.name for key in keys if key.required],
        # The exits of a sub-flow are keys of whatever calls it.
        "additionalProperties": {"type": "string"} if model is RawCall else False,
    }


def _hover(meaning: str, default: str) -> Schema:
    return {"description": f"{meaning} Default: {default}" if default else meaning}


def _schema(shape: Shape, ending: str) -> Schema:
    match shape:
        case Scalar(written):
            return {**written.schema}
        case ListOf(item, or_one):
            one = _schema(item, ending)
            several: Schema = {"type": "array", "items": one}
            return {"anyOf": [one, several]} if or_one else several
        case MapOf(key, item):
            names = {"pattern": pattern} if (pattern := _pattern(key.schema)) else {}
            return {"type": "object", "propertyNames": names, "additionalProperties": _schema(item, ending)}
        case Part(model, short, or_yes):
            # Beside a $ref a draft 07 reader passes everything else by.
            mapping = {"allOf": [_reference(_name(model) + ending)]}
            if or_yes:
                return {"anyOf": [{"enum": ["yes", True]}, mapping]}
            return mapping if short is None else {"anyOf": [{"type": "string"}, mapping]}
        case Anything():
            return {"type": "object"}


def _pattern(schema: Mapping[str, Any]) -> str | None:
    """Of a key: all keys are text to a YAML reader that knows JSON Schema."""
    for part in (schema, *schema.get("anyOf", ())):
        if "pattern" in part:
            return str(part["pattern"])
    return None


def _with_placeholders(mapping: Schema) -> Schema:
    """The same, with `<name>` allowed in the place of every value, and within every key that authors choose."""
    properties = {name: _filled(schema) for name, schema in mapping["properties"].items()}
    return {**mapping, "properties": properties}


def _filled(schema: Schema) -> Schema:
    description = {"description": schema["description"]} if "description" in schema else {}
    inner = {key: value for key, value in schema.items() if key != "description"}
    if inner.get("type") == "object":
        inner = {key: value for key, value in inner.items() if key != "propertyNames"}
        inner["additionalProperties"] = _filled(inner.get("additionalProperties", {}))
    if inner.get("type") == "array":
        inner["items"] = _filled(inner["items"])
    return {**description, "anyOf": [dict(PLACEHOLDER), inner]}
