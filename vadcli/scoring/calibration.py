"""A calibration: what is normal at a camera, and how normal frames there score; learned, kept, and read again."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vadcli.errors import CheckpointError, InputError
from vadcli.scoring.baseline import (
    Baseline,
    LookNormal,
    MotionNormal,
    RowScales,
    Windows,
    held_out_looks,
)
from vadcli.scoring.camera import CameraFacts, Stillness, likeness
from vadcli.scoring.cues import LOOK_CHANNELS, ROWS, SMALL, WIDE, CueMaps, Map
from vadcli.scoring.fusion import CUES, Fusion
from vadcli.scoring.smoothing import CueSmoother
from vadcli.settings import FusionSettings

Floats = NDArray[np.float64]

VERSION = 5
LEAST_FRAMES = 8  # fewer say nothing about what is normal
_MOST_FRAMES = 1 << 16  # whose motion is held, and
_MOST_LOOKS = 1 << 12  # whose look is, before every other one is let go
_COMPARED_LOOKS = 200  # with their mean
MOST_ROWS = 1 << 14  # of the table, and
ROW_S = 0.25  # between them, at least
_AGAIN = "Adapt again: vad adapt NORMAL-VIDEO."


class CalibrationFacts(BaseModel):
    """All of a calibration but its arrays, as a file's header has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    version: int
    fps: float = Field(gt=0)
    seconds: float = Field(gt=0)
    frames: int = Field(ge=1)
    fusion: FusionSettings
    camera: CameraFacts


@dataclass(frozen=True, eq=False)
class Calibration:
    """What is normal at a camera."""

    baseline: Baseline  # of rows and places
    # (n, 5) float32, smoothed cues of normal frames; NaN in the last column without a network
    table: NDArray[np.float32]
    facts: CalibrationFacts  # the rest

    @cached_property
    def fusion(self) -> Fusion:
        """Scores by it."""
        return Fusion(self.table.astype(np.float64), self.facts.seconds, self.facts.fusion)

    @property
    def has_network(self) -> bool:
        """Whether a network's error is one of its cues."""
        return not np.isnan(self.table[:, -1]).any()

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the places whose look is known."""
        height, width, _ = self.baseline.look.mean.shape
        return height, width

    def without_network(self) -> "Calibration":
        """The same by cues alone."""
        table = self.table.copy()
        table[:, -1] = np.nan
        return Calibration(self.baseline, table, self.facts)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Its arrays by name, for a file."""
        rows, look = self.baseline.rows, self.baseline.look
        return {
            "area": rows.area,
            "speed": rows.speed,
            "crowd": rows.crowd,
            "look_mean": look.mean,
            "look_whitening": look.whitening,
            "table": self.table,
        }

    @classmethod
    def read(cls, facts: Any, arrays: Mapping[str, NDArray[Any]], name: str) -> Self:
        """What a file holds.

        Raises:
            CheckpointError: if it is another version's, damaged, or a stranger's.
        """
        version = facts.get("version") if isinstance(facts, Mapping) else None
        if version != VERSION:
            raise CheckpointError(f"{name}: a calibration of version {version!r}; this vad reads {VERSION}. {_AGAIN}")
        try:
            read = CalibrationFacts.model_validate(facts)
        except ValidationError as error:
            first = error.errors()[0]
            raise CheckpointError(
                f"{name}: calibration: {'.'.join(map(str, first['loc']))}: {first['msg']}. {_AGAIN}"
            ) from error
        look, table = arrays.get("look_mean"), arrays.get("table")
        shapes: dict[str, tuple[int, ...]] = {
            "area": (ROWS - SMALL + 1, 1),
            "speed": (ROWS - SMALL + 1, 1),
            "crowd": (ROWS - WIDE + 1, 1),
            "look_mean": (ROWS // 2, look.shape[1] if look is not None and look.ndim == 3 else 1, LOOK_CHANNELS),
            "look_whitening": (LOOK_CHANNELS, LOOK_CHANNELS),
            "table": (len(table) if table is not None and table.ndim == 2 else LEAST_FRAMES, len(CUES)),
        }
        for array, shape in shapes.items():
            got = arrays.get(array)
            if got is None or got.shape != shape or got.dtype != np.float32 or 0 in shape:
                what = "missing" if got is None else f"{got.dtype} {got.shape}"
                raise CheckpointError(f"{name}: calibration: {array} is {what}; expected float32 {shape}. {_AGAIN}")
            known = got[:, :-1] if array == "table" else got
            if not np.isfinite(known).all() or (array in ("area", "speed", "crowd") and not (got > 0).all()):
                raise CheckpointError(f"{name}: calibration: {array} holds numbers that cannot be. {_AGAIN}")
        last = arrays["table"][:, -1]
        if not (np.isfinite(last).all() or np.isnan(last).all()):
            raise CheckpointError(f"{name}: calibration: table holds numbers that cannot be. {_AGAIN}")
        rows = RowScales(arrays["area"], arrays["speed"], arrays["crowd"])
        return cls(Baseline(rows, LookNormal(arrays["look_mean"], arrays["look_whitening"])), arrays["table"], read)


@dataclass(eq=False)
class _Seen:
    """One normal frame: the largest window of every row, and its look if that is held."""

    clip: int
    time_s: float
    area: Map
    speed: Map
    crowd: Map
    error: float
    look: NDArray[np.float16] | None


@dataclass(eq=False)
class NormalFootage:
    """Normal footage as it comes, in bounded memory whatever its length.

    The motion of the latest frames is held for at most 65,536 of them and the look of 4,096: past that, of every other
    one. Quantiles of rows are of all frames.
    """

    fps: float
    frames: int = 0  # how many there were
    motion: MotionNormal = field(default_factory=MotionNormal)
    still_s: float = 0.0  # longest time in which nothing changed
    _stillness: Stillness = field(default_factory=Stillness)
    _seen: list[_Seen] = field(default_factory=list)
    _looks: int = 0
    _every: int = 1
    _look_every: int = 1

    def add(self, clip: int, time_s: float, cues: CueMaps, error: float = float("nan")) -> None:
        """The next frame of clip number `clip`; `error` is the network's cue, NaN without a network."""
        windows = Windows(cues)
        self.motion.add(windows)
        self._stillness.add(cues.look, time_s)
        self.still_s = self._stillness.longest_s
        if self.frames % self._every == 0:
            look = cues.look if self.frames % (self._every * self._look_every) == 0 else None
            self._looks += look is not None
            area, speed, crowd = (each.max(axis=1) for each in (windows.area, windows.speed, windows.crowd))
            self._seen.append(_Seen(clip, time_s, area, speed, crowd, error, look))
            self._thin()
        self.frames += 1

    def measured(self, errors: Mapping[tuple[int, float], float]) -> None:
        """Take the network's errors, by clip and time; the table has no frame without one."""
        for seen in self._seen:
            seen.error = errors.get((seen.clip, seen.time_s), float("nan"))
        if not self._with_network:
            raise InputError(f"calibration: none of {self.frames} frames was predicted. Use longer normal footage.")

    @classmethod
    def of(cls, parts: list["NormalFootage"]) -> "NormalFootage":
        """Several stretches of one camera's as one."""
        whole = cls(parts[0].fps, sum(part.frames for part in parts), MotionNormal.of(part.motion for part in parts))
        still = all(part.is_still for part in parts)
        whole.still_s = whole.seconds if still else max(part.still_s for part in parts)
        whole._seen = [seen for part in parts for seen in part._seen]
        return whole

    @property
    def seconds(self) -> float:
        """How much of it there is."""
        return self.frames / self.fps

    @property
    def is_still(self) -> bool:
        """Whether hardly anything changes, so that nobody can say whether the picture is frozen."""
        return self.still_s > self.seconds / 2

    @property
    def _with_network(self) -> bool:
        return any(not math.isnan(seen.error) for seen in self._seen)

    def calibrate(self, settings: FusionSettings) -> Calibration:
        """What it teaches.

        Raises:
            InputError: if there are too few frames, or errors that are not finite.
        """
        if self.frames < LEAST_FRAMES:
            raise InputError(
                f"calibration: {self.frames} frames that could be measured; it needs {LEAST_FRAMES}. "
                "Use longer normal footage."
            )
        rows = self.motion.scales()
        if all(seen.look is None for seen in self._seen):
            raise InputError("calibration: no look of a frame that could be measured. Use longer normal footage.")
        looks = np.stack([seen.look for seen in self._seen if seen.look is not None])
        look, strange = held_out_looks(looks)
        camera = CameraFacts(
            likeness=likeness(looks[:: -(-len(looks) // _COMPARED_LOOKS)], look.mean),
            still_s=self.still_s,
            always_still=self.is_still,
        )
        table, numbers = np.empty((len(self._seen), len(CUES))), iter(strange.tolist())
        now = strange[0]
        for row, seen in zip(table, self._seen, strict=True):
            if seen.look is not None:
                now = next(numbers)
            row[:] = (
                (seen.area[:, None] / rows.area).max(),
                (seen.speed[:, None] / rows.speed).max(),
                (seen.crowd[:, None] / rows.crowd).max(),
                now,
                seen.error,
            )
        if np.isinf(table).any():
            raise InputError("calibration: the model's errors are not finite. Use --precision float32, or another one.")
        clips = np.array([seen.clip for seen in self._seen])
        times = np.array([seen.time_s for seen in self._seen])
        cuts = np.flatnonzero(np.diff(clips)) + 1
        smoothed = []
        for part, at in zip(np.split(table, cuts), np.split(times, cuts), strict=True):
            smoother = CueSmoother(settings.smooth_seconds)
            values = np.array([smoother(row, time_s) for row, time_s in zip(part, at.tolist(), strict=True)])
            smoothed.append(values[~np.isnan(values[:, -1])] if self._with_network else values)
        apart_s = self._every / self.fps
        step = max(1, round(ROW_S / apart_s), -(-len(table) // MOST_ROWS))
        return Calibration(
            Baseline(rows, look),
            np.concatenate([part[::step] for part in smoothed]).astype(np.float32),
            CalibrationFacts(
                version=VERSION,
                fps=self.fps,
                seconds=self.seconds,
                frames=self.frames,
                fusion=settings,
                camera=camera,
            ),
        )

    def _thin(self) -> None:
        if len(self._seen) > _MOST_FRAMES:
            self._seen = self._seen[::2]
            self._every *= 2
            self._looks = sum(seen.look is not None for seen in self._seen)
        if self._looks > _MOST_LOOKS:
            self._look_every *= 2
            held = [seen for seen in self._seen if seen.look is not None]
            for seen in held[1::2]:
                seen.look = None
            self._looks = len(held[::2])
