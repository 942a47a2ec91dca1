"""Errors of a cache's test clips, and of the normal footage all are calibrated on, for every K and adaptation."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vadcli.errors import InputError
from vadcli.evaluation.evidence import FEATURE, FRAME, SCENE, Evidence
from vadcli.evaluation.localisation import Localiser
from vadcli.evaluation.protocols import DEFAULT_PROTOCOLS
from vadcli.footage.cache import Cache, Clip
from vadcli.footage.windows import ClipRange
from vadcli.model.checkpoint import Checkpoint
from vadcli.progress import Progress
from vadcli.scoring.errors import FEATURE_ERROR, FRAME_ERROR, SCENE_ERROR
from vadcli.settings import Settings
from vadcli.trials.bank import Bank, Errors, Key
from vadcli.trials.controls import Controls, Signals
from vadcli.trials.localisation import MapWatcher, localisers_of
from vadcli.trials.normal import Normal, normal_errors
from vadcli.trials.support import SceneFootage, contaminated, draw_support, head_of, scene_footage, test_clips

Support = Literal["clip", "scene"]
Tests = dict[str, tuple[Clip, NDArray[np.bool_]]]


@dataclass(frozen=True)
class Options:
    """Options of an evaluation.

    Attributes:
        shots: every K; None takes 0, 1, 5 and 10 for a meta-trained model and 0 for others.
        support: "scene" (its normal footage) or "clip" (head of each test clip, as the paper).
        protocols: names.
        scores: "fp", "fr", "fs", "fused", "fp+fs"; empty for all there are.
        variant: of the labels; None for the usual ones.
        localise: also measure where, on caches with masks.
    """

    shots: tuple[int, ...] | None = None
    support: Support = "scene"
    protocols: tuple[str, ...] = DEFAULT_PROTOCOLS
    scores: tuple[str, ...] = ()
    variant: str | None = None
    localise: bool = False


@dataclass(eq=False)
class Run:
    """One K and kind of adaptation over all clips.

    Attributes:
        adaptation: "none", "meta" or "no-meta".
        shots: K.
        draws: clips of each draw of the support, from frame T on.
        normal: for each draw and clip, errors of the calibration footage under the same weights, and its fps.
        notes: what a reader must know.
    """

    adaptation: str
    shots: int
    draws: list[list[Evidence]]
    normal: list[list[Normal]]
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class Runs:
    """Everything measured on one cache.

    Attributes:
        runs: one for each K and kind of adaptation.
        calibrates: every scene has normal footage to calibrate on.
        taken: frames at the head of a clip that the support of K shots takes, by K.
        contaminated: supports with abnormal frames, by K.
        calibrated_on: normal footage of each scene.
        localisation: where errors are, by K.
        notes: what a reader must know.
    """

    runs: list[Run]
    calibrates: bool
    taken: dict[int, int]
    contaminated: list[dict[str, Any]] = field(default_factory=list)
    calibrated_on: list[dict[str, Any]] = field(default_factory=list)
    localisation: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def common(self) -> int:
        """The first frame of a clip that every K can count."""
        return max(self.taken.values())

    def countings(self, run: Run) -> Iterator[tuple[str, int]]:
        """Ways to count a run's frames, and the first frame each counts."""
        yield "common", self.common
        if self.taken[run.shots] != self.common:
            yield "paper", self.taken[run.shots]


def runs_of_cache(
    cache: Cache,
    checkpoint: Checkpoint,
    shots: Sequence[int],
    options: Options,
    settings: Settings,
    progress: Progress,
) -> Runs:
    """Errors of all test clips of a cache; arguments as of `evaluate_stage`."""
    check_fit(cache, checkpoint)
    tests = test_clips(cache, options.variant)
    window = checkpoint.model.input_frames
    most = max(shots)
    from_clip = options.support == "clip"
    taken = {k: window + (k if from_clip else 0) for k in shots}
    found = Runs([], True, taken)
    _check_lengths(cache, tests, found.common)
    footage = _footage(cache, tests, window + most, window, options, settings, found)
    donors = {one.donor for one in footage.values() if one is not None and one.donor}
    evaluated = {name: one for name, one in tests.items() if name not in donors}
    bank = Bank(checkpoint, settings)
    own = "meta" if checkpoint.step_sizes else "no-meta"
    plan = [(own if k else "none", k) for k in shots]
    if from_clip:
        for k in sorted(k for k in shots if k):
            names = contaminated(evaluated, window + k)
            found.contaminated.append({"shots": k, "clips": names, "of": len(evaluated)})
    collected: dict[tuple[str, int, int], list[tuple[Evidence, Normal]]] = {}
    localisers = localisers_of([clip for clip, _ in evaluated.values()], shots) if options.localise else {}
    scenes = sorted({clip.scene for clip, _ in evaluated.values()})
    progress.start("measuring", _work(evaluated, footage, window), "windows")
    for scene in scenes:
        clips = {name: one for name, one in evaluated.items() if one[0].scene == scene}
        for key, evidence, normal in _scene(
            cache, bank, plan, clips, footage[scene], options, progress, found.common, localisers
        ):
            collected.setdefault((key.adaptation, key.shots, key.draw), []).append((evidence, normal))
    for adaptation, k in plan:
        draws = [rows for (a, s, _), rows in sorted(collected.items()) if (a, s) == (adaptation, k)]
        notes = tuple(
            f"{len(row['clips'])} of {row['of']} supports hold abnormal frames"
            for row in found.contaminated
            if row["shots"] == k and row["clips"]
        )
        found.runs.append(
            Run(
                adaptation,
                k,
                [[e for e, _ in rows] for rows in draws],
                [[n for _, n in rows] for rows in draws],
                notes,
            )
        )
    for (k, kind), localiser in sorted(localisers.items()):
        figures = localiser.scores_of_all() if localiser.labels else None
        if figures is not None:
            found.localisation.append({"shots": k, "map": kind, **asdict(figures)})
    unknown = sorted({scene for run in found.runs for clips in run.draws for scene in _without_usual(clips)})
    if unknown:
        found.notes.append(f"scene {unknown[0]} has too little normal footage to learn its usual features from, "
                           "so there is no score fs or fp+fs")  # fmt: skip
    return found


def _without_usual(clips: Sequence[Evidence]) -> set[str]:
    """Scenes whose usual features are not known, where those of others are."""
    known = {clip.scene for clip in clips if SCENE in clip.signals}
    return {clip.scene for clip in clips} - known if known else set()


def _scene(
    cache: Cache,
    bank: Bank,
    plan: Sequence[tuple[str, int]],
    clips: Tests,
    footage: SceneFootage | None,
    options: Options,
    progress: Progress,
    counted: int,
    localisers: dict[tuple[int, str], Localiser],
) -> Iterator[tuple[Key, Evidence, Normal]]:
    """Errors of one scene's clips under all weights of a bank, frozen parts computed once a window."""
    settings, window = bank.settings, bank.network.settings.input_frames
    base = [Key(adaptation, 0, 0, "") for adaptation, k in plan if k == 0]
    of_scene: list[Key] = []
    of_clip: dict[str, list[Key]] = {name: [] for name in clips}
    most = max((k for _, k in plan), default=0)
    for key in base:
        bank.keep(key)
    for adaptation, k in ((a, k) for a, k in plan if k):
        if options.support == "scene":
            assert footage is not None
            for draw in range(settings.eval.draws):
                key = Key(adaptation, k, draw, footage.scene)
                windows = draw_support(
                    footage, most, window, settings.eval.seed, draw, spread=settings.eval.spread_support
                )
                bank.adapt(key, windows[:k])
                of_scene.append(key)
        else:
            for name, (clip, _) in clips.items():
                key = Key(adaptation, k, 0, name)
                bank.adapt(key, head_of(cache, clip, most, window)[:k])
                of_clip[name].append(key)
    every = [*base, *of_scene, *(key for keys in of_clip.values() for key in keys)]
    normal, usual = normal_errors(bank, every, footage, progress)
    controls = Controls.of(footage.calibration) if footage and "online" in options.protocols else None
    for name, (clip, labels) in clips.items():
        keys = [*base, *of_scene, *of_clip[name]]
        judged = clip.has_masks and localisers
        watcher = MapWatcher(cache, clip, window, counted, localisers, settings) if judged else None
        whole = ClipRange(cache, clip, 0, clip.num_frames)
        errors = bank.errors(whole, keys, progress, watcher, usual)
        without_model = controls.signals(whole, window) if controls else {}
        if watcher is not None:
            watcher.finish()
        for key in keys:
            yield key, _evidence(clip, labels, errors[key], window, without_model), normal[key]
    for where in (footage.scene if footage else "", *clips):
        bank.forget(where)


def _evidence(clip: Clip, labels: NDArray[np.bool_], errors: Errors, window: int, without_model: Signals) -> Evidence:
    kinds = {FRAME: FRAME_ERROR, FEATURE: FEATURE_ERROR, SCENE: SCENE_ERROR}
    signals = {kind: errors[name] for kind, name in kinds.items() if name in errors} | without_model
    frames = np.arange(window, clip.num_frames)
    return Evidence(clip.name, clip.scene, clip.fps, frames, labels[window:], signals, errors)


def _footage(
    cache: Cache, tests: Tests, needed: int, window: int, options: Options, settings: Settings, found: Runs
) -> dict[str, SceneFootage | None]:
    """Normal footage of every scene, or None of all where it is neither to be had nor needed."""
    scenes = sorted({clip.scene for clip, _ in tests.values()})
    supports = options.support == "scene" and needed > window
    nothing: dict[str, SceneFootage | None] = dict.fromkeys(scenes)
    if not supports and "online" not in options.protocols:
        found.calibrates = False
        return nothing
    footage = {
        scene: scene_footage(cache, tests, scene, needed, window, settings.eval.calibration_windows) for scene in scenes
    }
    without = [scene for scene, one in footage.items() if one is None]
    if without and supports:
        raise InputError(
            f"{cache.path}: scene {without[0]} has no normal footage of {needed} frames and more to take support from. "
            "Use --support clip, or prepare its normal clips too."
        )
    if without:
        found.calibrates = False
        found.notes.append(f"scene {without[0]} has no normal footage to calibrate on, so there is no online protocol")
        return nothing
    for scene, one in footage.items():
        if one is None:
            continue
        frames = sum(part.num_frames for part in one.calibration)
        row = {"scene": scene, "frames": frames, "clips": [part.clip.name for part in one.calibration]}
        found.calibrated_on.append({**row, "donor": one.donor})
        if one.donor:
            found.notes.append(
                f"scene {scene} has no normal clips: its normal footage is the longest normal stretch of {one.donor}, "
                "which is not evaluated"
            )
    return footage


def check_fit(cache: Cache, checkpoint: Checkpoint) -> None:
    """Refuse a cache whose frames are not those that the model reads."""
    model = checkpoint.model
    if (cache.size, cache.channels) != (model.size, model.channels):
        ours = f"{cache.size[0]}x{cache.size[1]}, {cache.channels} channels"
        size = f"{model.size[0]}x{model.size[1]}"
        raise InputError(
            f"{cache.path}: frames of {ours}; {checkpoint.path} reads {size}, {model.channels} channels. "
            f"Prepare with --size {size} --channels {model.channels}."
        )


def _check_lengths(cache: Cache, tests: Tests, taken: int) -> None:
    for name, (clip, _) in tests.items():
        if clip.num_frames <= taken:
            raise InputError(
                f"{cache.path}: clip {name}: {clip.num_frames} frames, of which {taken} have no score. "
                "Leave it out of the cache, or use fewer --shots or --support scene."
            )


def _work(tests: Tests, footage: dict[str, SceneFootage | None], window: int) -> float:
    parts = [part for one in footage.values() if one is not None for part in one.calibration]
    return float(
        sum(clip.num_frames - window for clip, _ in tests.values()) + sum(part.num_frames - window for part in parts)
    )
