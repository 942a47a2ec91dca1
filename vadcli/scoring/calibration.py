"""What a scene's normal footage looks like in errors; from it, scores that compare across cameras."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, InstanceOf, TypeAdapter, ValidationError

from vadcli.errors import CheckpointError, InputError
from vadcli.scoring.alarms import AlarmRule, Signal
from vadcli.scoring.errors import (
    ERROR_NAMES,
    FEATURE_ERROR,
    FEATURE_PEAK,
    FRAME_ERROR,
    FRAME_PEAK,
    SCENE_ERROR,
    SCENE_FAR,
)
from vadcli.scoring.scene import SceneFeatures
from vadcli.scoring.smoothing import SmoothingState, smooth
from vadcli.scoring.tail import Tail, fit_tail
from vadcli.settings import ScoreSettings

Errors = Mapping[str, NDArray[np.float64]]

_VERSION = 3
_READS = (1, 2, 3)  # 1 knew nothing of a scene's usual features; until 3 usual maps were lists of numbers
# Errors below this cannot be told from rounding: a hundredth of one grey level's square.
_FLOOR = 1e-6
# Smallest spread of a log error (5 % of the error), and smallest scale of the tail in spreads: footage whose
# frames repeat has neither.
_LEAST_SPREAD = 0.05
_LEAST_SCALE = 0.1
# The standard deviation of a normal distribution over its median absolute deviation.
_MAD_TO_SIGMA = 1.4826
# Fewer frames than this say nothing about what is usual.
LEAST_FRAMES = 8

Finite = Annotated[float, Field(allow_inf_nan=False)]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Calibration:
    """What is usual for a scene, and how far from it alarms begin.

    Attributes:
        fps: frames a second of the footage it was learned from.
        frames: how many frames of it.
        pool: side in pixels, at 128 high, of the patch of the `*_peak` errors.
        smooth_seconds: time constant of causal smoothing.
        weights: share of each error in the score; they add up to 1.
        centre: median of the logarithm of each error.
        spread: its scaled median absolute deviation.
        typical: the smoothed signal of a typical frame: score 0.
        hourly: the one that normal footage exceeds once an hour: score 1.
        tail: how often it exceeds other levels.
        usual: block means that are usual at each place, rows of columns, by name of the `*_peak` error that counts
            what exceeds them; empty where places differ, as between cameras.
        scene: the features that are usual at each place; None where places differ.
    """

    fps: Above0
    frames: Annotated[int, Field(ge=1)]
    pool: Annotated[int, Field(ge=1)]
    smooth_seconds: Annotated[float, Field(ge=0, le=60)]
    weights: dict[str, Share]
    centre: dict[str, Finite]
    spread: dict[str, Above0]
    typical: Finite
    hourly: Finite
    tail: Tail
    usual: dict[str, tuple[tuple[Finite, ...], ...]] = field(default_factory=dict)
    scene: InstanceOf[SceneFeatures] | None = None

    @cached_property
    def usual_maps(self) -> dict[str, NDArray[np.float32]]:
        """(h, w) by name of the error."""
        return {name: np.array(rows, np.float32) for name, rows in self.usual.items()}

    def score(self, errors: Errors, times_s: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Scores of a clip: 0 is the scene's typical frame, 1 what normal footage exceeds once an hour.

        Args:
            errors: (n,) by name, the frames in order.
            times_s: (n,), their times; frames at the calibration's rate by default.

        Returns:
            (n,), causal: a frame's score depends on no later frame.
        """
        if times_s is None:
            times_s = np.arange(len(next(iter(errors.values())))) / self.fps
        return self.step(errors, times_s, None)[0]

    def step(
        self, errors: Errors, times_s: NDArray[np.float64], state: SmoothingState | None
    ) -> tuple[NDArray[np.float64], SmoothingState | None]:
        """Scores of the next frames of a stream, the same numbers that `score` gives for all at once.

        Args:
            errors: (n,) by name.
            times_s: (n,), their times.
            state: what the last call returned; None at the start.

        Returns:
            scores (n,), and the state for the next call.
        """
        signal, state = smooth(self._deviation(errors), self.smooth_seconds, times_s, state)
        return (signal - self.typical) / (self.hourly - self.typical), state

    def threshold(self, alarms_per_hour: float) -> float:
        """The score that normal footage exceeds so often."""
        level = max(self.tail.level(alarms_per_hour), self.typical)
        return (level - self.typical) / (self.hourly - self.typical)

    def _deviation(self, errors: Errors) -> NDArray[np.float64]:
        """Weighted mean of robust z-scores of the logarithms of errors, (n,)."""
        missing = [name for name in self.weights if name not in errors]
        if missing:
            raise InputError(
                f"calibration: made with {', '.join(missing)}, which this model does not give. "
                "Adapt again with this model, or use the model it was made with."
            )
        return sum(
            (
                share * ((np.log(np.maximum(errors[name], _FLOOR)) - self.centre[name]) / self.spread[name])
                for name, share in self.weights.items()
            ),
            start=np.zeros(len(next(iter(errors.values())))),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for a checkpoint's header."""
        plain = asdict(replace(self, scene=None, usual={}))
        plain["usual"] = {name: _packed(values) for name, values in self.usual_maps.items()}
        return {"version": _VERSION, **plain, "scene": None if self.scene is None else self.scene.to_json()}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The calibration that `to_json` wrote.

        Raises:
            CheckpointError: if it is another version's, damaged, or a stranger's.
        """
        if not isinstance(value, Mapping):
            raise CheckpointError(f"calibration: expected an object, got {type(value).__name__}. Adapt again.")
        if value.get("version") not in _READS:
            raise CheckpointError(
                f"calibration: version {value.get('version')!r}, this vad reads {_VERSION}. Adapt again, or update vad."
            )
        fields = {key: item for key, item in value.items() if key != "version"}
        if fields.get("scene") is not None:
            fields["scene"] = SceneFeatures.from_json(fields["scene"])
        if isinstance(fields.get("usual"), Mapping):
            fields["usual"] = {
                name: _unpacked(rows) if isinstance(rows, Mapping) else rows for name, rows in fields["usual"].items()
            }
        try:
            read: Self = TypeAdapter(cls).validate_python(fields)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise CheckpointError(f"calibration: {where}: {first['msg']}. Adapt again.") from error
        problem = read._problem()
        if problem:
            raise CheckpointError(f"calibration: {problem}. Adapt again.")
        return read

    def _problem(self) -> str:
        """What types cannot say about a stranger's file; empty if all is well."""
        unknown = [name for name in self.weights if name not in ERROR_NAMES]
        if not self.weights or unknown or abs(sum(self.weights.values()) - 1) > 1e-6:
            return f"weights are {self.weights}; expected shares of {', '.join(ERROR_NAMES)} that add up to 1"
        if not (self.weights.keys() <= self.centre.keys() and self.weights.keys() <= self.spread.keys()):
            return "centre and spread do not cover all weights"
        if self.scene is None and self.weights.keys() & {SCENE_ERROR, SCENE_FAR}:
            return "it weighs scene distances, and the scene's usual features are missing"
        for name, rows in self.usual.items():
            if name not in (FRAME_PEAK, FEATURE_PEAK) or not rows or {len(row) for row in rows} != {len(rows[0]) or -1}:
                return f"usual {name} is not a map"
        if self.hourly <= self.typical:
            return f"the hourly level {self.hourly:g} is not above the typical one, {self.typical:g}"
        tail = self.tail
        finite = np.isfinite([tail.start, tail.scale, tail.shape, tail.rate_per_hour]).all()
        if not (finite and tail.scale > 0 and tail.rate_per_hour > 0):
            return "the tail's scale and rate must be above 0 and finite"
        rates = [tail.rate_per_hour, *(rate for _, rate in tail.body)]
        return "" if all(a < b for a, b in pairwise(rates)) else "the tail's rates do not rise"


def _packed(values: NDArray[np.float32]) -> dict[str, Any]:
    """A map (h, w) in half precision, which learning has rounded it to."""
    return {"shape": list(values.shape), "values": base64.b64encode(values.astype("<f2").tobytes()).decode("ascii")}


def _unpacked(stored: Mapping[str, Any]) -> list[list[float]]:
    """Rows of what `_packed` wrote.

    Raises:
        CheckpointError: for anything else.
    """
    try:
        height, width = stored["shape"]
        values = np.frombuffer(base64.b64decode(stored["values"], validate=True), "<f2")
        rows: list[list[float]] = values.reshape(height, width).astype(np.float64).tolist()
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError("calibration: a usual map is damaged. Adapt again.") from error
    return rows


# Pydantic reads these by the class they belong to.
Calibration.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]


def error_weights(settings: ScoreSettings, names: Sequence[str]) -> dict[str, float]:
    """Share of each error in the score; those that weigh nothing are left out.

    Args:
        settings: `scene_share` goes to the scene distance, or where the scene is not known `feature_share` to that to
            prototypes, the rest to the frame; `peak_share` splits the worst patch from the mean.
        names: errors there are; without features the frame's error is all there is.
    """
    scene = settings.scene_share if SCENE_ERROR in names else 0.0
    feature = settings.feature_share if FEATURE_ERROR in names and not scene else 0.0
    frame = 1 - scene - feature
    peak = settings.peak_share
    weights = {
        FRAME_ERROR: frame * (1 - peak),
        FRAME_PEAK: frame * peak,
        FEATURE_ERROR: feature * (1 - peak),
        FEATURE_PEAK: feature * peak,
        SCENE_ERROR: scene * (1 - peak),
        SCENE_FAR: scene * peak,
    }
    return {name: share for name, share in weights.items() if share > 0}


def fit_calibration(
    errors: Errors | Sequence[Errors],
    fps: float,
    settings: ScoreSettings,
    usual: Mapping[str, NDArray[np.float32]] | None = None,
    scene: SceneFeatures | None = None,
) -> Calibration:
    """A calibration from normal footage.

    Args:
        errors: (n,) by name, frames in order; or several clips of the scene, each so.
        fps: frames a second.
        settings: how errors are weighed, smoothed and counted as alarms.
        usual: (h, w) by name, what was taken from coarse maps before the `*_peak` errors were.
        scene: what the `scene_*` errors are distances from.

    Raises:
        InputError: if there are too few frames, or numbers that are not finite.
    """
    clips = [errors] if isinstance(errors, Mapping) else list(errors)
    names = [name for name in ERROR_NAMES if all(name in clip for clip in clips)]
    pooled = {name: np.concatenate([clip[name] for clip in clips]) for name in names} if clips else {}
    frames = len(pooled[FRAME_ERROR]) if pooled else 0
    if frames < LEAST_FRAMES:
        raise InputError(f"calibration: {frames} scored frames; it needs {LEAST_FRAMES}. Use longer normal footage.")
    if not all(np.isfinite(values).all() for values in pooled.values()):
        raise InputError(
            "calibration: the model's errors are not finite. Use another checkpoint or --precision float32."
        )
    centre, spread = {}, {}
    for name, values in pooled.items():
        logs = np.log(np.maximum(values, _FLOOR))
        centre[name] = float(np.median(logs))
        spread[name] = max(_MAD_TO_SIGMA * float(np.median(np.abs(logs - centre[name]))), _LEAST_SPREAD)
    weights = error_weights(settings, names)
    # Levels are unknown until the tail is fitted: 0 and 1 leave the signal in spreads.
    blank = Calibration(
        fps=float(fps),
        frames=frames,
        pool=settings.pool,
        smooth_seconds=settings.smooth_seconds,
        weights=weights,
        centre=centre,
        spread=spread,
        typical=0.0,
        hourly=1.0,
        tail=Tail(0, 1, 1, 0),
        usual={name: tuple(map(tuple, values.tolist())) for name, values in (usual or {}).items()},
        scene=scene,
    )
    signal = Signal.of([(values, np.arange(len(values)) / fps) for values in map(blank.score, clips)], 1 / fps)
    typical = float(np.median(signal.values))
    tail = fit_tail(signal, AlarmRule.of(settings), typical, _LEAST_SCALE)
    hourly = max(tail.level(1.0), typical + _LEAST_SCALE)
    return replace(blank, typical=typical, hourly=hourly, tail=tail)
