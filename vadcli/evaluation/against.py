"""The difference to an earlier evaluation, read from its file, and gates for CI."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from vadcli.errors import GateFailed, InputError, said_plainly
from vadcli.evaluation.evidence import CONTROLS, CUES, GIVEN, LIVE, SCORES
from vadcli.evaluation.intervals import difference_interval
from vadcli.evaluation.results import SCHEMA, Result

GATES = ("micro_auc", "macro_auc", "ap")
_ADVICE = "Give the output of `vad eval --json`."
_SAME = ("data", "labels", "protocol", "shots", "support", "score", "counting", "adaptation")


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
        InputError: if it is missing, something else, or lacks what a comparison or a table takes from it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file. {_ADVICE}")
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


@dataclass(frozen=True, slots=True)
class Difference:
    """One result now and before."""

    label: str  # of data, protocol and score
    micro_auc: float  # now
    before: float  # then
    half_width: float | None  # of the 95 % interval of the difference; None for a single clip
    paired: bool  # both have the same clips, so that what clips have in common cancels
    same_frames: bool  # both count the same number of frames

    @property
    def change(self) -> float:
        """Now minus then."""
        return self.micro_auc - self.before

    @property
    def clear(self) -> bool:
        """The interval of the difference does not hold zero."""
        return self.half_width is not None and abs(self.change) > self.half_width


def compare(results: Sequence[Result], earlier: Sequence[Mapping[str, Any]], origin: str) -> list[Difference]:
    """Differences of all results that both have; raises InputError when they have none in common."""
    before = {_identity(row): row for row in earlier}
    found = []
    for now in [result.to_json() for result in results]:
        if then := before.get(_identity(now)):
            half_width, paired = difference_interval(_influences(now), _influences(then)) or (None, False)
            same_frames, auc = now["frames"] == then["frames"], float(then["micro_auc"])
            found.append(Difference(describe(now), now["micro_auc"], auc, half_width, paired, same_frames))
    if not found:
        raise InputError(
            f"{origin}: no result in common; there {describe(earlier[0]) if earlier else 'nothing'}, "
            f"here {describe(results[0].to_json())}. Compare the same data, shots and protocols."
        )
    return found


def _identity(result: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(result.get(key) for key in _SAME)


def _influences(result: Mapping[str, Any]) -> dict[str, float]:
    return {clip["clip"]: clip["influence"] for clip in result["per_clip"]}


def describe(result: Mapping[str, Any]) -> str:
    """The setting of a result in a few words."""
    shots = "" if result["shots"] is None else f" K={result['shots']}"
    labels = "" if result["labels"] == "own" else f" ({result['labels']} labels)"
    counting = " paper counting" if result["counting"] == "paper" else ""
    other = (
        "" if result["adaptation"] in ("none", "meta", "no-meta", "adapter", "foreign") else f" {result['adaptation']}"
    )
    return f"{result['data']}{labels} {result['protocol']}{shots}{other} {result['score']}{counting}"


def parse_gates(texts: Sequence[str]) -> dict[str, float]:
    """Lower bounds by metric, from texts such as `micro_auc=0.93`.

    Raises:
        InputError: for an unknown metric, or a bound that nothing could be below.
    """
    gates = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            gates[name] = float(value)
        except ValueError:
            gates[name] = math.nan
        if not math.isfinite(gates[name]):
            raise InputError(f"--fail-below {text}: METRIC=NUMBER is expected, as in micro_auc=0.93.")
        if name not in GATES:
            raise InputError(f"--fail-below {text}: unknown metric. Use one of: {', '.join(GATES)}.")
    return gates


def gated(results: Sequence[Result]) -> list[Result]:
    """The results that a gate looks at: common counting, and of each protocol the fullest score there is."""
    order = (LIVE, "fused", GIVEN, *SCORES, *CUES, *CONTROLS)
    common = [result for result in results if result.setting.counting == "common"]
    ranked = sorted(common, key=lambda result: order.index(result.score), reverse=True)
    fullest = {result.protocol: result.score for result in ranked}
    return [result for result in common if result.score == fullest[result.protocol]]


def check_gates(results: Sequence[Result], gates: Mapping[str, float]) -> None:
    """Hold results against lower bounds; raises GateFailed naming the worst that is below, and how many others."""
    below = []
    for name, bound in gates.items():
        for result in gated(results):
            value = getattr(result, name)
            if value is None or value < bound:
                below.append((-1.0 if value is None else value - bound, name, bound, value, result))
    if below:
        _, name, bound, value, result = min(below, key=lambda each: each[0])
        got = "undefined" if value is None else f"{value:.4f}"
        others = f", and {len(below) - 1} more below" if len(below) > 1 else ""
        raise GateFailed(
            f"{name} {got} < {bound:g}: {describe(result.to_json())}{others}. Narrow with --protocol, --shots."
        )
