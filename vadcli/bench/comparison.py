"""An earlier benchmark beside this one: how many times as fast every path is that both measured."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from vadcli.errors import InputError


class _Line(BaseModel):
    """The fields of a `stopwatch.Measurement` that are read again."""

    path: str
    device: str
    precision: str
    batch: int
    rate: Annotated[float, Field(gt=0)]

    def key(self) -> tuple[str, str, str, int]:
        return self.path, self.device, self.precision, self.batch


class Earlier(BaseModel):
    """The fields of an earlier benchmark that are read again, and the name of its file."""

    schema_: Annotated[str, Field(alias="schema")]
    machine: dict[str, Any]
    model: dict[str, Any]
    measurements: list[_Line]
    file: str = ""


def read_earlier(path: Path, schema: str) -> Earlier:
    """Read the output of `vad bench --json`; raises InputError if it is something else, or of another version."""
    advice = "Give the output of `vad bench --json`."
    if not path.is_file():
        raise InputError(f"--compare {path}: no such file. {advice}")
    try:
        earlier = Earlier.model_validate_json(path.read_bytes())
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the file"
        raise InputError(f"--compare {path}: {where}: {error.errors()[0]['msg']}. {advice}") from error
    if earlier.schema_ != schema:
        raise InputError(f"--compare {path}: {earlier.schema_}, and this vad writes {schema}. {advice}")
    return earlier.model_copy(update={"file": path.name})


def compared(told: dict[str, Any], earlier: Earlier) -> dict[str, Any]:
    """A benchmark with what it comes to beside an earlier one.

    Returns:
        `told` with `against_earlier` in every measurement, this rate over that one, None where the earlier run has no
        such line; and with `against`: the earlier `file`, and what differs from it (`others`).
    """
    rates = {line.key(): line.rate for line in earlier.measurements}
    before = [rates.get(_Line.model_validate(line).key()) for line in told["measurements"]]
    lines = [
        line | {"against_earlier": round(line["rate"] / rate, 3) if rate else None}
        for line, rate in zip(told["measurements"], before, strict=True)
    ]
    others = [] if told["machine"] == earlier.machine else ["of another machine or number of threads"]
    others += [] if told["model"] == earlier.model else ["of another network"]
    others += [] if all(before) and len(before) == len(rates) else ["with other paths"]
    return told | {"measurements": lines, "against": {"file": earlier.file, "others": others}}
