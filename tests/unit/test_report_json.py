"""findings.json against its schema, read by a small reader of JSON Schema that knows just the words used there."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from reports.json_findings import findings_json
from reports.summary import summarise
from reports.values import Problem, Summary, Trouble
from tests.unit.report_examples import ABSENT, EVERY, HEADER, HEALED, HOSTILE, PASSED, hostile

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "findings.schema.json").read_text())
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
KNOWN = {
    "$schema", "$id", "$defs", "$ref", "title", "description", "type", "properties", "required", "additionalProperties",
    "items", "enum", "const", "minimum",
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
    """What in the value is not as the schema has it."""
    assert schema.keys() <= KNOWN, f"{where}: this reader does not know {schema.keys() - KNOWN}"
    if "$ref" in schema:
        return faults(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], where)
    if "const" in schema and value != schema["const"]:
        return [f"{where} is not {schema['const']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} is none of {schema['enum']}"]
    names = schema.get("type", [])
    allowed = [names] if isinstance(names, str) else names
    if allowed and not any(type(value) in TYPES[name] for name in allowed):
        return [f"{where} is no {allowed}"]
    if "minimum" in schema and isinstance(value, (int, float)) and value < schema["minimum"]:
        return [f"{where} is below {schema['minimum']}"]
    found: list[str] = []
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value]
        if schema.get("additionalProperties") is False:
            found += [f"{where}.{name} is unknown" for name in value.keys() - properties.keys()]
        for name, each in value.items():
            found += faults(each, properties.get(name, {}), f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for place, each in enumerate(value):
            found += faults(each, schema["items"], f"{where}[{place}]")
    return found


def runs() -> dict[str, Summary]:
    return {
        "everything": summarise([*EVERY, hostile()], HEADER, unreachable=[ABSENT], healed=[HEALED], planned=9),
        "conforms": summarise([PASSED], HEADER, planned=1),
        "nothing": summarise([], None),
        "usage": summarise([], None, problem=Problem(Trouble.USAGE, HOSTILE, HOSTILE)),
        "interrupted": summarise([PASSED], HEADER, interrupted=True),
    }


@pytest.mark.parametrize("name", list(runs()))
def test_the_file_is_as_its_schema_says(name: str) -> None:
    document = json.loads(findings_json(runs()[name]))
    assert faults(document, SCHEMA) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("exit_code",), 9),
        (("exit_code",), "0"),
        (("verdict",), None),
        (("surprise",), 1),
        (("findings", 0, "severity"), "awful"),
        (("checks", 0, "examined"), -1),
        (("unobserved", 0, "objects", 0), 5),
    ],
)
def test_the_schema_refuses_what_is_wrong(path: tuple[str | int, ...], value: object) -> None:
    document = json.loads(findings_json(runs()["everything"]))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert faults(document, SCHEMA) != []


def test_every_field_is_required_and_described() -> None:
    objects = {name: each for name, each in {"$": SCHEMA, **SCHEMA["$defs"]}.items() if "properties" in each}
    assert len(objects) == 8
    for name, each in objects.items():
        assert set(each["required"]) == set(each["properties"]), name
        assert each["additionalProperties"] is False, name


def test_the_order_of_results_does_not_matter() -> None:
    results = [*EVERY, hostile()]
    files = set()
    for seed in range(10):
        shuffled = random.Random(seed).sample(results, len(results))
        files.add(findings_json(summarise(shuffled, HEADER, unreachable=[ABSENT], healed=[HEALED])))
    assert len(files) == 1


def test_it_holds_what_the_terminal_leaves_out() -> None:
    document = json.loads(findings_json(runs()["everything"]))
    assert len(document["findings"]) == 4
    ids = [finding["id"] for finding in document["findings"]]
    assert "block_routes/worker2/route 10.48.0.64/26" in ids
    assert document["healed"] == [{"id": HEALED.finding, "seconds": HEALED.seconds}]
    assert document["unreachable"] == ["worker3"]
