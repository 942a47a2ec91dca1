"""JSON Schemas of what is written, made from the dataclasses that write it; `vadcli/schemas/` holds them as files."""

from typing import Any, Literal

from pydantic import TypeAdapter

from vadcli.evaluation.results import SCHEMA as EVAL_SCHEMA
from vadcli.evaluation.results import Result, Setting
from vadcli.scoring.events import EVENT_SCHEMA, Event
from vadcli.scoring.records import SCORE_SCHEMA, ScoreRecord

SchemaName = Literal["score", "event", "eval"]
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(name: SchemaName) -> dict[str, Any]:
    """The JSON Schema of a record, an event or an evaluation; fields may be added, so others are allowed."""
    if name == "eval":
        result, about = _fields(Result), {"vad": {"type": "string"}, "notes": _list({"type": "string"})}
        more = result.pop("$defs")
        del result["properties"]["setting"]  # stands beside the figures
        result = _complete(result, {**_fields(Setting)["properties"], **result["properties"]})
        plain = _complete({"type": "object"}, {"schema": {"const": EVAL_SCHEMA}, **about, "results": _list(result)})
        return {"$schema": _DRAFT, "title": EVAL_SCHEMA, **plain, "$defs": more}
    schema, kind = (SCORE_SCHEMA, ScoreRecord) if name == "score" else (EVENT_SCHEMA, Event)
    made = _fields(kind)
    return {"$schema": _DRAFT, "title": schema, **_complete(made, {"schema": {"const": schema}, **made["properties"]})}


def _fields(kind: type) -> dict[str, Any]:
    """The schema of a dataclass, of which every field is written, without its defaults and titles."""
    made = TypeAdapter(kind).json_schema(mode="serialization")
    for part in (made, *made.get("$defs", {}).values()):
        part.pop("title", None)
        for values in part["properties"].values():
            values.pop("title", None)
            values.pop("default", None)
        part["required"] = list(part["properties"])
    return made


def _complete(schema: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    return schema | {"properties": properties, "required": list(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}
