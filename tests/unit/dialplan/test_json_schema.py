"""The JSON Schema that editors read: in sync with the models, right about what ships, and not about what is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from ivr.cli.editors import FOLDER, schema_files
from ivr.dialplan.conditions import RawDecide
from ivr.dialplan.json_schema import centre_schema, flow_schema, scenario_schema
from ivr.dialplan.loader import parse
from ivr.dialplan.raw import Raw
from ivr.dialplan.raw_centre import RawCentre
from ivr.dialplan.scenarios import RawScenarios
from ivr.dialplan.schema import NODE_KINDS, RawFlow
from ivr.dialplan.shape import keys_of, meaning_of, models_in

DIALPLANS = Path(__file__).parents[3] / "dialplans"
SHIPPED = sorted(path for path in DIALPLANS.rglob("*.yaml"))
SCHEMAS = {"centre": centre_schema(), "flow": flow_schema(), "scenario": scenario_schema()}
CHECKERS = {name: fastjsonschema.compile(schema) for name, schema in SCHEMAS.items()}
FILES = (RawCentre, RawFlow, RawScenarios, RawDecide, *NODE_KINDS.values())
MODELS = list(dict.fromkeys(part for model in FILES for part in (model, *models_in(model))))


def as_editors_read(data: Any) -> Any:
    """Our reader keeps every value as text; a YAML 1.2 parser makes numbers and truth values of some."""
    match data:
        case dict():
            return {key: as_editors_read(value) for key, value in data.items()}
        case list():
            return [as_editors_read(item) for item in data]
        case "true" | "false":
            return data == "true"
        case str() if re.fullmatch(r"-?(0|[1-9][0-9]*)", data):
            return int(data)
        case _:
            return data


def read(text: str) -> Any:
    document, problems = parse(text.encode(), "test.yaml")
    assert document is not None
    assert problems == []
    return as_editors_read(document.data)


def schema_of(path: Path) -> str:
    return path.stem if path.stem in ("centre", "flow") else "scenario"


@pytest.mark.parametrize("name", sorted(schema_files()))
def test_the_files_in_the_repository_are_up_to_date(name: str) -> None:
    assert (DIALPLANS / FOLDER / name).read_text(encoding="utf-8") == schema_files()[name], "run `ivr schema`"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(DIALPLANS)))
def test_what_ships_names_its_schema_and_is_right_by_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named is not None
    assert (path.parent / named[1]).resolve() == DIALPLANS / FOLDER / f"{schema_of(path)}.schema.json"
    CHECKERS[schema_of(path)](read(text))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_everything_that_may_be_written_is_explained(model: type[Raw]) -> None:
    assert meaning_of(model)
    assert [key.name for key in keys_of(model) if not key.meaning] == []


@pytest.mark.parametrize(
    ("file", "written", "instead"),
    [
        ("flow", "    interruptible: no", "    interuptible: no"),
        ("flow", "    interruptible: no", "    interruptible: perhaps"),
        ("flow", "    play: greeting\n    next: language\n", "    play: greeting\n"),
        ("flow", "    play: greeting\n", ""),
        ("flow", "    play: greeting\n", "    play: greeting\n    queue: pension\n"),
        ("flow", "    digits: 6 ", "    digits: six"),
        ("flow", "    max: 120s", "    max: long"),
        ("flow", "    keep: 1", "    keep: 12"),
        ("flow", "      9: ask_category", "      12345: ask_category"),
        ("flow", "        digits: 8-11", "        digit: 8-11"),
        ("flow", "    exits: [next]\n", ""),
        ("flow", "    cases: {pension", "    case: {pension"),
        ("centre", "timezone: Asia/Seoul", "timezone: [Asia]"),
        ("centre", "    timeout: 5m", "    timeout: five"),
        ("centre", "queues: {pension: 1, general: 1}}", "queues: {pension: 10, general: 1}}"),
        ("centre", "holidays: KR", "holidays: no"),
        ("centre", '  mon-fri: "09:00-18:00"', "  mon-fri: 9-18"),
        ("centre", "numbers: [120] ", "number: [120] "),
    ],
)
def test_mistakes_are_seen(file: str, written: str, instead: str) -> None:
    text = (DIALPLANS / "120" / f"{file}.yaml").read_text(encoding="utf-8")
    assert written in text
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        CHECKERS[file](read(text.replace(written, instead, 1)))


@pytest.mark.parametrize(
    "changed",
    [
        ("        digits: 8-11\n", "        digits: <digits>\n"),
        ("        into: number\n", "        into: <into>\n"),
        (
            "          1: {set: {number: $caller}, next: <next>}\n",
            "          1: {set: {<into>: $caller}, next: <next>}\n",
        ),
        ("          2: other_number\n", "          <key>: <next>\n"),
    ],
)
def test_placeholders_may_stand_for_values_in_sub_flows(changed: tuple[str, str]) -> None:
    text = (DIALPLANS / "120" / "flow.yaml").read_text(encoding="utf-8")
    assert changed[0] in text
    CHECKERS["flow"](read(text.replace(*changed)))


def test_placeholders_stand_for_nothing_outside() -> None:
    text = (DIALPLANS / "120" / "flow.yaml").read_text(encoding="utf-8")
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        CHECKERS["flow"](read(text.replace("    digits: 6 ", "    digits: <digits> ")))
