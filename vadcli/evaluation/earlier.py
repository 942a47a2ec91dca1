"""An earlier evaluation read from its file, held to what a comparison or a table takes from it."""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from vadcli.errors import InputError, said_plainly
from vadcli.evaluation.results import SCHEMA

_ADVICE = "Give the output of `vad eval --json`."


class _Clip(BaseModel):
    clip: str
    influence: float


class _Row(BaseModel):
    """The fields of a `Result` that are read again."""

    data: str
    labels: str
    shots: int | None
    support: str
    counting: str
    adaptation: str
    protocol: str
    score: str
    uses_future: bool
    frames: int
    clips: int
    micro_auc: Annotated[float, Field(ge=0, le=1)]
    per_clip: list[_Clip]


class _Model(BaseModel):
    """The fields of a model's lineage that are read again."""

    file: str | None
    sha256: str
    unit: str
    variant: str
    size: tuple[int, int]
    width: int


class _Document(BaseModel):
    results: list[_Row]
    model: _Model | None = None


def read_document(path: Path) -> dict[str, Any]:
    """An earlier evaluation, as `vad eval --json` printed it.

    Raises:
        InputError: if it is missing, something else, or lacks what is read of it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file. Give the output of an earlier `vad eval --json`.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}). {_ADVICE}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(f"{path}: not an evaluation ({SCHEMA}). {_ADVICE}")
    try:
        _Document.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {place} {said_plainly(first)}, so it was cut or edited. {_ADVICE}") from error
    return document
