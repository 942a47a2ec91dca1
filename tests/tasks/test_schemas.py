"""JSON Schemas: the files in the package are current, and say of what is written what it is."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from tests.evaluation.test_tables import result
from tests.scoring.test_writers import EVENTS, FRAMES, written
from vadcli.evaluation.results import document
from vadcli.tasks.schemas import SchemaName, json_schema

FOLDER = Path(__file__).parents[2] / "vadcli" / "schemas"


@pytest.mark.parametrize("name", get_args(SchemaName))
def test_the_files_are_what_the_command_prints(vad, name):
    done = vad("info", "--schema", name)
    write = f"vad info --schema {name} > vadcli/schemas/{name}.json"
    assert (FOLDER / f"{name}.json").read_text() == done.out, f"old. Run: {write}"


@pytest.mark.parametrize("name, kind, made", [("score", "frames", FRAMES[0]), ("event", "events", EVENTS[0])])
def test_a_record_has_exactly_the_fields_of_its_schema_and_their_types(name, kind, made):
    schema = json_schema(name)
    for line in map(json.loads, written("ndjson", kind).splitlines()):
        assert list(line) == list(schema["properties"]) == schema["required"]
        assert line.pop("schema") == schema["properties"]["schema"]["const"]
        assert TypeAdapter(type(made)).validate_python(line)


def test_an_evaluation_has_what_its_schema_requires_and_its_results_exactly_that():
    schema, made = json_schema("eval"), document([result()], vad="0", notes=[])
    assert set(schema["required"]) <= set(made) and made["schema"] == schema["properties"]["schema"]["const"]
    (row,) = made["results"]
    assert set(row) == set(schema["properties"]["results"]["items"]["required"])
    assert set(asdict(result().events)) == set(schema["$defs"]["EventScores"]["required"])


def test_neither_a_file_nor_a_schema_is_told_in_one_line(vad):
    done = vad("info")
    assert done.code == 2 and "give a file, or --schema" in done.err
