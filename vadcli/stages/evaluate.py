"""`vad eval`: what `vad score` says of labelled footage, or somebody's scores, to every figure of every protocol."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vadcli import __version__
from vadcli.errors import FootageError, InputError
from vadcli.evaluation.evidence import (
    CONTROLS,
    CUES,
    FEATURE,
    FLOW,
    FRAME,
    GIVEN,
    LIVE,
    MOVING,
    Evidence,
    available_scores,
)
from vadcli.evaluation.foreign import Alignment, align
from vadcli.evaluation.labels import read_labels
from vadcli.evaluation.localisation import Localiser
from vadcli.evaluation.pool import Pool
from vadcli.evaluation.protocols import DEFAULT_PROTOCOLS, Protocol, Request, find_protocol
from vadcli.evaluation.results import Result, Setting, document, measure, score
from vadcli.evaluation.score_files import read_scores
from vadcli.evaluation.tables import Table, event_tables, localisation_table
from vadcli.footage.cache import open_cache
from vadcli.footage.windows import windows_of
from vadcli.model.tensor_file import PACKAGED_MODEL, AdapterFile
from vadcli.progress import Progress
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.baseline import Windows
from vadcli.scoring.cues import CueMaps
from vadcli.scoring.engine import Opener
from vadcli.scoring.errors import FEATURE_ERROR, FRAME_ERROR
from vadcli.scoring.observing import NetworkInput, Observation
from vadcli.scoring.run import Finished, ScoringRun, Started
from vadcli.scoring.scorer import ScoredFrame
from vadcli.settings import Settings
from vadcli.stages.adapt import fit, network_input, require_network_frames
from vadcli.stages.labelled import LabelledClip, Scene, scenes_of_cache, scenes_of_sources
from vadcli.stages.maps import ClipMaps
from vadcli.stages.ready import NO_MODEL, Ready, adapted_ready, get_ready, ready_network

if TYPE_CHECKING:
    from vadcli.model.checkpoint import Checkpoint

Support = Literal["clip", "scene"]


@dataclass(frozen=True)
class Options:
    """Options of an evaluation.

    Attributes:
        shots: every K; None takes 0, 1, 5 and 10 for a meta-trained model and 0 for others.
        support: "scene" (an adapter from its normal footage) or "clip" (the head of each test clip, as the paper).
        protocols: names.
        scores: names; empty for all but those of single cues.
        variant: of the labels; None for the usual ones.
        adapter: made by `vad adapt`, in place of adapters made from each scene's normal footage.
        labels: of files and folders.
        localise: also measure where, on footage with masks.
    """

    shots: tuple[int, ...] | None = None
    support: Support = "scene"
    protocols: tuple[str, ...] = DEFAULT_PROTOCOLS
    scores: tuple[str, ...] = ()
    variant: str | None = None
    adapter: Path | None = None
    labels: Path | None = None
    localise: bool = False


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came of it.

    Attributes:
        results: all of them.
        pools: scores and labels behind each result.
        about: what holds for all, for the JSON document.
        notes: what a reader must know, one line each.
    """

    results: tuple[Result, ...]
    pools: tuple[Pool, ...]
    about: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())

    def more_tables(self) -> list[Table]:
        """Tables of what is not a frame score: events, and where, for footage with masks."""
        rows = self.about.get("localisation", [])
        return [*event_tables(self.results), *([localisation_table(rows)] if rows else [])]

    def to_json(self) -> dict[str, Any]:
        """The document of schema vad.eval/1."""
        return document(self.results, **self.about, notes=list(self.notes))


@dataclass(frozen=True, eq=False)
class _Row:
    """One K over all clips of a data set."""

    setting: Setting
    clips: tuple[Evidence, ...]
    localisation: tuple[Mapping[str, Any], ...] = ()


def evaluate_stage(
    sources: Sequence[str], model: Path | None, options: Options, settings: Settings, progress: Progress
) -> Evaluation:
    """Evaluate a model on labelled footage: caches, each by itself, or files and folders together.

    Args:
        sources: to evaluate on.
        model: checkpoint; the model in the package if None, `none` for cues alone.
        options: shots, support, protocols, adapter.
        settings: of sections `eval`, `score` and `adapt`.
        progress: told of every frame.

    Raises:
        VadError: for footage, labels or models that do not fit, and where nothing that was asked for can be measured.
    """
    protocols = [find_protocol(name) for name in options.protocols]
    trial = _Trial(model, options, settings, progress)
    results, pools, notes = list[Result](), list[Pool](), list[str]()
    about: dict[str, list[Any]] = {"contaminated_supports": [], "calibration": [], "localisation": []}
    with ExitStack() as stack:
        for name, scenes in _data(sources, trial, stack):
            rows = list(trial.rows(name, scenes))
            measured = [one for row in rows for one in _results(row, rows, protocols, options, settings)]
            if not measured:
                raise InputError(_nothing(name, options))
            results += [result for result, _ in measured]
            pools += [pool for _, pool in measured]
            for scene in scenes:
                about["calibration"].append(
                    {"data": name, "scene": scene.name, "clips": list(scene.normal_names), "donor": scene.donor}
                )
                if scene.donor:
                    notes.append(
                        f"{name}: scene {scene.name} has no normal clips: its normal footage is the longest normal "
                        f"stretch of {scene.donor}, which is not evaluated"
                    )
            about["contaminated_supports"] += _contaminated(name, rows)
            about["localisation"] += [{"data": name, **one} for row in rows for one in row.localisation]
    lineage = {"model": trial.lineage, "settings": settings.eval.model_dump(mode="json")}
    return Evaluation(tuple(results), tuple(pools), {"vad": __version__, **lineage, **about}, tuple(notes))


class _Trial:
    """A model, and how it is adapted to every scene: by the code of `vad adapt` and `vad score` alone."""

    def __init__(self, model: Path | None, options: Options, settings: Settings, progress: Progress) -> None:
        self.model, self.options, self.settings, self.progress = model, options, settings, progress
        self.checkpoint: Checkpoint | None = None
        self.adapter = AdapterFile.read(options.adapter) if options.adapter else None
        self.given = get_ready(model, options.adapter, settings) if options.adapter else None
        if self.given is None and model is not None and model.suffix.lower() == ".onnx":
            self.given = get_ready(model, None, settings)
        if self.given is None and model != NO_MODEL:
            from vadcli.model.checkpoint import load_checkpoint

            self.checkpoint = load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")

    @property
    def network(self) -> NetworkInput | None:
        """Images that the model reads; None without a network."""
        if self.given is not None:
            return self.given.reads
        return network_input(self.checkpoint.model) if self.checkpoint else None

    @property
    def shots(self) -> tuple[int, ...]:
        """Every K."""
        if self.given is not None or self.checkpoint is None:
            if self.options.shots not in (None, (0,)):
                raise InputError("--shots: an adapter, an exported model and cues alone are as they are. Leave it out.")
            return (int(self.adapter.training.get("shots", 0)),) if self.adapter else (0,)
        asked = self.options.shots
        return asked if asked is not None else (0, 1, 5, 10) if self.checkpoint.step_sizes else (0,)

    @property
    def lineage(self) -> dict[str, Any]:
        """The model, for the document."""
        if self.checkpoint is None:
            given = self.given
            return {"file": str(self.model) if self.model else PACKAGED_MODEL.name, "unit": None, "sha256": None,
                    "size": list(given.model.size) if given and given.model else [0, 0], "width": 0,
                    "variant": "cues" if given is None or given.model is None else given.model.variant,
                    "adapter": self.adapter.sha256 if self.adapter else None}  # fmt: skip
        model = self.checkpoint.model
        path = self.checkpoint.path
        return {
            "file": path.name if path is not None else None,
            "sha256": self.checkpoint.sha256,
            "stage": self.checkpoint.stage,
            "variant": model.variant,
            "unit": model.unit,
            "unit_level": model.unit_level,
            "num_prototypes": model.num_prototypes,
            "size": list(model.size),
            "width": model.width,
            "parameters": self.checkpoint.num_parameters,
        }

    def rows(self, data: str, scenes: Sequence[Scene]) -> Iterator[_Row]:
        """Evidence of all test clips for every K."""
        if self.options.localise and not any(clip.masks for scene in scenes for clip in scene.tests):
            raise InputError("--localise: no test clip has masks. Use a benchmark that comes with them.")
        shots_of_all = self.shots
        if self.options.shots is None and self.options.support == "scene" and not all(one.normal for one in scenes):
            shots_of_all = (0,)  # there is nothing to adapt on
        for shots in shots_of_all:
            judges = Judges() if self.options.localise else None
            clips = [one for scene in scenes for one in self._scene(scene, shots, judges)]
            yield _Row(self._setting(data, shots), tuple(clips), judges.rows(shots) if judges else ())

    def _setting(self, data: str, shots: int) -> Setting:
        adaptation = "none"
        if self.adapter is not None:
            adaptation = "adapter"
        elif shots and self.checkpoint is not None:
            adaptation = "meta" if self.checkpoint.step_sizes else "no-meta"
        support = self.options.support if shots and self.adapter is None else "none"
        return Setting(data, self.options.variant or "own", shots, support, adaptation=adaptation)

    def _scene(self, scene: Scene, shots: int, judges: "Judges | None") -> Iterator[Evidence]:
        if self.options.support == "clip" and shots:
            for clip in scene.tests:
                ready, opener = self._with_shots(clip, shots)
                yield from evidence_of(ready, [clip], [opener], self.settings, self.progress, judges)
            return
        ready = self.given or self._adapted(scene, shots)
        openers = [clip.open for clip in scene.tests]
        yield from evidence_of(ready, scene.tests, openers, self.settings, self.progress, judges)

    def _adapted(self, scene: Scene, shots: int) -> Ready:
        """The model with an adapter for a scene, made by `vad adapt`'s own code; none without normal footage."""
        checkpoint = self.checkpoint
        if not scene.normal:
            if shots:
                raise InputError(
                    f"scene {scene.name} has no normal footage to take support from. "
                    "Use --support clip, or add its normal clips."
                )
            return get_ready(self.model, None, self.settings)
        how = self.settings.adapt.model_copy(update={"shots": shots})
        settings = self.settings.model_copy(update={"adapt": how})
        fitted = fit((opener() for opener in scene.normal), checkpoint, settings, self.progress)
        if checkpoint is None:
            return Ready(None, None, settings.source, fitted.calibration)
        return replace(ready_of(checkpoint, fitted.weights, settings), calibration=fitted.calibration)

    def _with_shots(self, clip: LabelledClip, shots: int) -> tuple[Ready, Callable[[], Any]]:
        """A model adapted on the head of a clip, as by `vad score --shots`, and the rest of the clip."""
        network = self.network
        assert network is not None and self.checkpoint is not None
        needed = shots + self.checkpoint.model.input_frames
        with clip.open() as head:
            images = [one.image for one, _ in zip(head, range(needed), strict=False) if one.image is not None]
        if len(images) < needed:
            raise FootageError(f"{clip.name}: {len(images)} frames; {shots} shots need {needed} and one to score.")
        ready = adapted_ready(self.model, windows_of(images, self.checkpoint.model.input_frames), self.settings)
        return ready, partial(_Rest, clip.open, shots)


def ready_of(checkpoint: "Checkpoint", weights: Mapping[str, Any], settings: Settings) -> Ready:
    """A checkpoint's network with an adapter's weights, as scoring has it."""
    import torch

    from vadcli.model.checkpoint import load_network

    exact = {name for name, value in weights.items() if value.dtype == torch.float32}
    return ready_network(checkpoint, load_network(checkpoint, weights=weights), settings, exact=exact)


class _Rest:
    """A clip without its first frames."""

    def __init__(self, opener: Callable[[], Any], skipped: int) -> None:
        self._opener, self._skipped = opener, skipped

    def __enter__(self) -> "_Rest":
        self._observed = self._opener().__enter__()
        self.info = self._observed.info
        return self

    def __exit__(self, *error: Any) -> None:
        self._observed.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """Of the clip."""
        notes: tuple[str, ...] = self._observed.notes
        return notes

    def __iter__(self) -> Iterator[Observation]:
        return (one for number, one in enumerate(self._observed) if number >= self._skipped)


def evidence_of(
    ready: Ready,
    clips: Sequence[LabelledClip],
    openers: Sequence[Callable[[], Any]],
    settings: Settings,
    progress: Progress,
    judges: "Judges | None" = None,
) -> Iterator[Evidence]:
    """What `vad score` says of every frame of labelled clips.

    Args:
        ready: the model.
        clips: labelled.
        openers: of the clips.
        settings: of section `score`.
        progress: told of every frame.
        judges: of where it says so, for clips with masks.
    """
    run = ScoringRun(ready.measurer, ready.input_frames, ready.calibration, settings.score)
    frames: dict[str, list[ScoredFrame]] = {}
    maps: dict[str, ClipMaps] = {}
    progress.start("scoring")
    with closing(run.run([Opener(opener) for opener in openers], [clip.name for clip in clips])) as steps:
        for step in steps:
            if isinstance(step, Started):
                frames[step.scorer.name] = []
            elif not isinstance(step, Finished):
                frame = step.outcome.frame
                if frame.record is not None and frame.record.score is not None:
                    frames[step.scorer.name].append(_slim(frame))
                    if judges is not None and clips[0].masks:
                        maps.setdefault(step.scorer.name, ClipMaps()).add(frame)
                progress.advance()
            else:
                if step.ended.error is not None:
                    raise step.ended.error
                clip, scorer = clips[step.source], step.scorer
                own = frames.pop(clip.name, [])
                if scorer is None or not own:
                    raise InputError(
                        f"{clip.name}: no frame of it could be scored. Leave it out, or use fewer --shots."
                    )
                evidence = _evidence(clip, own, scorer.info.fps, scorer.threshold)
                if judges is not None and clip.masks is not None:
                    judges.add(maps.pop(clip.name), clip.masks(evidence.frames))
                yield evidence


def _slim(frame: ScoredFrame) -> ScoredFrame:
    """A scored frame without its maps."""
    return replace(frame, places=None, fusion=None, observation=replace(frame.observation, image=None))


def _evidence(clip: LabelledClip, frames: Sequence[ScoredFrame], fps: float, threshold: float | None) -> Evidence:
    records = [frame.record for frame in frames if frame.record is not None]
    indices = np.array([record.frame for record in records])
    windows = [Windows(frame.observation.cues) for frame in frames if frame.observation.cues is not None]
    signals = {
        LIVE: [record.score for record in records],
        MOVING: [one.area.max() for one in windows],
        FLOW: [one.speed.max() for one in windows],
    } | {cue: [getattr(record, cue) for record in records] for cue in CUES}
    for name, error in ((FRAME, FRAME_ERROR), (FEATURE, FEATURE_ERROR)):
        signals[name] = [frame.errors.numbers.get(error) if frame.errors else None for frame in frames]
    known = {name: np.array(values, np.float64) for name, values in signals.items() if None not in values}
    times = np.array([record.time_s for record in records])
    return Evidence(clip.name, clip.scene, fps, indices, clip.labels(indices), known, times, threshold)


class Judges:
    """Localisation of the program's regions and heat, of its error, and of controls, over all clips of a data set."""

    def __init__(self) -> None:
        self._every: dict[str, Localiser] = {}

    def add(self, maps: ClipMaps, masks: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        """The maps of one clip, against its masks (n, H, W)."""
        for kind, values, boxes in maps.stretched(masks.shape[1:]):
            self._every.setdefault(kind, Localiser()).add(values, masks, regions=boxes)

    def rows(self, shots: int) -> tuple[Mapping[str, Any], ...]:
        """Figures of each kind of map."""
        found = {kind: judge.scores_of_all() for kind, judge in self._every.items()}
        return tuple({"shots": shots, "map": kind, **asdict(one)} for kind, one in found.items() if one is not None)


def _data(sources: Sequence[str], trial: _Trial, stack: ExitStack) -> Iterator[tuple[str, list[Scene]]]:
    """Name and scenes of each data set: every cache is one, all files and folders together are one."""
    caches = [Path(source) for source in sources if Path(source).suffix.lower() in (".h5", ".hdf5")]
    others = [source for source in sources if Path(source) not in caches]
    if caches and others:
        raise InputError(f"{others[0]}: beside caches. Evaluate caches, or files and folders.")
    names: dict[str, Path] = {}
    opened = []
    for path in caches:
        if path.stem in names:
            raise InputError(
                f"{path}: results are listed by the name {path.stem}, which {names[path.stem]} has too. "
                "Rename one, or evaluate one at a time."
            )
        names[path.stem] = path
        opened.append((path, stack.enter_context(open_cache(path))))
    for path, cache in opened:
        require_network_frames(cache.path, cache.size, cache.channels, trial.network)
        yield path.stem, scenes_of_cache(cache, trial.network, trial.options.variant)
    if others:
        source = trial.given.source if trial.given else trial.settings.source
        name = Path(others[0]).resolve().stem
        yield name, scenes_of_sources(others, source, trial.network, trial.options.labels)


def _nothing(name: str, options: Options) -> str:
    """Why nothing that was asked for is a result: an evaluation of nothing would pass every gate."""
    asked = f"score {' or '.join(options.scores)}" if options.scores else "score"
    return (
        f"{name}: nothing to measure: no {asked} in protocol {' or '.join(options.protocols)}. "
        f"Choose another --protocol{' or --score' if options.scores else ''}."
    )


def _contaminated(data: str, rows: Sequence[_Row]) -> list[dict[str, Any]]:
    """Supports from heads of test clips that hold abnormal frames, by K."""
    found = []
    for row in rows:
        if row.setting.support == "clip":
            names = [note for note in _contaminated_clips(row, rows)]
            found.append({"data": data, "shots": row.setting.shots, "clips": names, "of": len(row.clips)})
    return found


def _contaminated_clips(row: _Row, rows: Sequence[_Row]) -> list[str]:
    """Clips that have abnormal frames before the first that this K leaves, as the row of the least K has them."""
    least = min(rows, key=lambda one: one.setting.shots or 0)
    first = {clip.name: int(clip.frames[0]) for clip in row.clips}
    return [clip.name for clip in least.clips if clip.labels[clip.frames < first[clip.name]].any()]


def _results(
    row: _Row, rows: Sequence[_Row], protocols: Sequence[Protocol], options: Options, settings: Settings
) -> Iterator[tuple[Result, Pool]]:
    """Every protocol, score and counting of a row."""
    starts = {clip.name: max(int(other.frames[0]) for r in rows for other in r.clips if other.name == clip.name)
              for clip in row.clips}  # fmt: skip
    countings = [("common", [clip.from_frame(starts[clip.name]) for clip in row.clips])]
    if any(clip.frames[0] < starts[clip.name] for clip in row.clips):
        countings.append(("paper", list(row.clips)))
    notes = []
    if row.setting.support == "clip" and (names := _contaminated_clips(row, rows)):
        notes.append(f"{len(names)} of {len(row.clips)} supports hold abnormal frames")
    for counting, clips in countings:
        setting = replace(row.setting, counting=counting)
        for protocol in protocols:
            for name in _scores(clips, protocol, options, controls=row is rows[0]):
                request = Request(name, row.setting.shots or 0, rule=AlarmRule.of(settings.score))
                pool = score(clips, protocol, request)
                yield measure(pool, protocol, request, setting, settings.eval, notes=notes), pool


def _scores(clips: Sequence[Evidence], protocol: Protocol, options: Options, *, controls: bool) -> list[str]:
    """The scores to measure: those asked for, else all but single cues; controls once, as they are the same for all."""
    found = []
    for name in available_scores(clips):
        asked = name in options.scores if options.scores else name not in CUES
        if name in protocol.of and (controls if name in CONTROLS else asked):
            found.append(name)
    return found if any(name not in CONTROLS for name in found) else []


def evaluate_scores_stage(
    arguments: Sequence[str],
    labels: Path,
    alignment: Alignment,
    options: Options,
    settings: Settings,
) -> Evaluation:
    """Evaluate scores that another program, or `vad score`, wrote.

    Args:
        arguments: score files, folders or patterns.
        labels: file, folder or cache; a cache gives controls, too.
        alignment: dropped frames and polarity.
        options: protocols; shots and support do not apply.
        settings: of sections `eval` and `score`.

    Raises:
        InputError: for scores and labels that do not fit.
    """
    protocols = [find_protocol(name) for name in options.protocols]
    read = read_scores(arguments)
    notes: list[str] = []
    clips = align(read, read_labels(labels, options.variant), alignment, notes.append)
    finished = all(clip.calibrated for clip in read)
    if labels.suffix.lower() in (".h5", ".hdf5"):
        clips = _with_controls(clips, labels)
    else:
        notes.append("no controls beside these scores: they need the footage. Give a cache as --labels to have them")
    setting = Setting(data=Path(arguments[0]).stem, labels=options.variant or Path(labels).name, adaptation="foreign")
    results, pools = [], []
    for protocol in protocols:
        raw = [name for name in available_scores(clips) if name in protocol.of]
        names = [name for name in raw if name not in CONTROLS]
        if protocol.live or GIVEN not in names:
            names = [name for name in names if name != GIVEN or protocol.live]
        elif len(names) > 1:
            names.remove(GIVEN)
        for name in [*names, *(name for name in raw if name in CONTROLS and names)]:
            seconds = 0.0 if finished and name == GIVEN else settings.score.smooth_seconds
            threshold = _given_threshold(settings) if finished and name == GIVEN else None
            request = Request(name, smooth_seconds=seconds, rule=AlarmRule.of(settings.score), threshold=threshold)
            about = _foreign_notes(protocol, name, finished)
            pool = score(clips, protocol, request)
            results.append(measure(pool, protocol, request, setting, settings.eval, notes=about))
            pools.append(pool)
    if not results:
        raise InputError(
            f"{arguments[0]}: protocol {options.protocols[0]} needs a finished score, and these are raw errors."
        )
    how = {"drop_head": alignment.drop_head, "drop_tail": alignment.drop_tail, "higher_is": alignment.higher_is}
    about_all = {"vad": __version__, "alignment": how, "settings": settings.eval.model_dump(mode="json")}
    return Evaluation(tuple(results), tuple(pools), about_all, tuple(notes))


def _with_controls(clips: Sequence[Evidence], path: Path) -> list[Evidence]:
    """Foreign scores with the controls of the same frames, from the cue maps of a cache."""
    found = []
    with open_cache(path) as cache:
        for clip in clips:
            numbers = {int(index): number for number, index in enumerate(cache.timeline(clip.name)[0])}
            maps = [cache.cues(clip.name, numbers[int(frame)]) for frame in clip.frames]
            windows = [None if one is None else Windows(CueMaps(**one)) for one in maps]
            controls = {
                MOVING: np.array([0.0 if one is None else one.area.max() for one in windows]),
                FLOW: np.array([0.0 if one is None else one.speed.max() for one in windows]),
            }
            found.append(replace(clip, signals={**clip.signals, **controls}))
    return found


def _given_threshold(settings: Settings) -> float | None:
    """Where alarms begin in scores of `vad score`: 1 is for the reference rate; other rates are not in them."""
    if settings.score.threshold is None and settings.score.false_alarms_per_hour == settings.score.reference_rate:
        return 1.0
    return settings.score.threshold


def _foreign_notes(protocol: Protocol, name: str, finished: bool) -> tuple[str, ...]:
    if not protocol.live or name != GIVEN:
        return ()
    return ("as calibrated and smoothed by vad score",) if finished else ("smoothed causally, not calibrated",)
