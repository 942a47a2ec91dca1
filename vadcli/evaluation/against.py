"""The difference to an earlier evaluation, and gates for CI."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vadcli.errors import GateFailed, InputError
from vadcli.evaluation.evidence import CONTROLS, CUES, GIVEN, LIVE, SCORES
from vadcli.evaluation.intervals import difference_interval
from vadcli.evaluation.results import Result

GATES = ("micro_auc", "macro_auc", "ap")
_SAME = ("data", "labels", "protocol", "shots", "support", "score", "counting", "adaptation")


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
    before = {_identity(each): each for each in earlier}
    found = []
    for result in results:
        now = result.to_json()
        then = before.get(_identity(now))
        if then is None:
            continue
        interval = difference_interval(_influences(now), _influences(then))
        found.append(
            Difference(
                describe(now),
                result.micro_auc,
                float(then["micro_auc"]),
                None if interval is None else interval[0],
                interval is not None and interval[1],
                now["frames"] == then["frames"],
            )
        )
    if not found:
        raise InputError(
            f"{origin}: no result in common; there {describe(earlier[0]) if earlier else 'nothing'}, "
            f"here {describe(results[0].to_json())}. Compare the same data, shots and protocols."
        )
    return found


def _identity(result: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(result.get(key) for key in _SAME)


def _influences(result: Mapping[str, Any]) -> dict[str, float]:
    return {each["clip"]: each["influence"] for each in result["per_clip"]}


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
    common = [result for result in results if result.setting.counting == "common"]
    order = (LIVE, "fused", GIVEN, *SCORES, *CUES, *CONTROLS)
    fullest = {
        protocol: min((r.score for r in common if r.protocol == protocol), key=order.index)
        for protocol in {r.protocol for r in common}
    }
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
