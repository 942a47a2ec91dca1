"""`vad eval`: what `vad score` says of labelled footage, or somebody's scores, to every figure of every protocol."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vadcli import __version__
from vadcli.errors import InputError
from vadcli.evaluation.against import read_document
from vadcli.evaluation.evidence import CONTROLS, CUES, GIVEN, Evidence, available_scores
from vadcli.evaluation.foreign import Alignment, align
from vadcli.evaluation.labels import read_labels
from vadcli.evaluation.pool import Pool
from vadcli.evaluation.protocols import Protocol, Request, find_protocol
from vadcli.evaluation.published import beside, measured_of
from vadcli.evaluation.results import Result, Setting, document, measure, score
from vadcli.evaluation.score_files import read_scores
from vadcli.evaluation.tables import Table, event_tables, localisation_table
from vadcli.footage.cache import open_cache
from vadcli.progress import Progress
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.cues import CueMaps
from vadcli.settings import Settings
from vadcli.tasks.evidence import controls_of
from vadcli.tasks.labelled import Scene, scenes_of_cache, scenes_of_sources
from vadcli.tasks.normal_footage import require_network_frames
from vadcli.tasks.trial import Options, Row, Trial

_CACHES = (".h5", ".hdf5")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Results of an evaluation."""

    results: tuple[Result, ...]  # all of them
    pools: tuple[Pool, ...]  # scores and labels behind each result
    about: Mapping[str, Any]  # facts that hold for all, for the JSON document
    notes: tuple[str, ...] = field(default=())  # for the reader, one line each

    def more_tables(self) -> list[Table]:
        """Tables of what is not a frame score: events, and where, for footage with masks."""
        rows = self.about.get("localisation", [])
        return [*event_tables(self.results), *([localisation_table(rows)] if rows else [])]

    def to_json(self) -> dict[str, Any]:
        """The document of schema vad.eval/1."""
        return document(self.results, **self.about, notes=list(self.notes))


def evaluate_task(
    sources: Sequence[str], model: Path | None, options: Options, settings: Settings, progress: Progress
) -> Evaluation:
    """Evaluate a model on labelled footage: caches, each by itself, or files and folders together.

    Raises:
        VadError: for footage, labels or models that do not fit, and where nothing that was asked for can be measured.
    """
    protocols = [find_protocol(name) for name in options.protocols]
    trial = Trial(model, options, settings, progress)
    measured, notes = list[tuple[Result, Pool]](), list[str]()
    about: dict[str, list[Any]] = {"contaminated_supports": [], "calibration": [], "localisation": []}
    with ExitStack() as stack:
        for name, scenes in _data(sources, trial, stack):
            rows = list(trial.rows(name, scenes))
            found = [each for row in rows for each in _results(row, rows, protocols, options, settings)]
            if not found:
                raise InputError(_nothing(name, options))
            measured += found
            for scene in scenes:
                about["calibration"].append(
                    {"data": name, "scene": scene.name, "clips": list(scene.normal), "donor": scene.donor}
                )
                if scene.donor:
                    notes.append(
                        f"{name}: scene {scene.name} has no normal clips: its normal footage is the longest normal "
                        f"stretch of {scene.donor}, which is not evaluated"
                    )
            for row in rows:
                about["localisation"] += [{"data": name, **each} for each in row.localisation]
                if row.setting.support == "clip":
                    support = {"data": name, "shots": row.setting.shots, "of": len(row.clips)}
                    about["contaminated_supports"].append({**support, "clips": _contaminated(row, rows)})
    return _evaluation(measured, {"model": trial.lineage, **about}, settings, notes)


def evaluate_scores_task(
    arguments: Sequence[str], labels: Path, alignment: Alignment, options: Options, settings: Settings
) -> Evaluation:
    """Evaluate scores that another program, or `vad score`, wrote.

    Raises:
        InputError: for scores and labels that do not fit.
    """
    protocols = [find_protocol(name) for name in options.protocols]
    read, notes = read_scores(arguments), list[str]()
    clips = align(read, read_labels(labels, options.variant), alignment, notes.append)
    if labels.suffix.lower() in _CACHES:
        clips = _with_controls(clips, labels)
    else:
        notes.append("no controls beside these scores: they need the footage. Give a cache as --labels to have them")
    setting = Setting(data=Path(arguments[0]).stem, labels=options.variant or labels.name, adaptation="foreign")
    finished = all(clip.calibrated for clip in read)
    said = "as calibrated and smoothed by vad score" if finished else "smoothed causally, not calibrated"
    measured = [
        _measured(clips, protocol, _foreign_request(name, settings, finished=finished), setting, settings,
                  [said] if protocol.live and name == GIVEN else [])
        for protocol in protocols
        for name in available_scores(clips)
    ]  # fmt: skip
    how = {"drop_head": alignment.drop_head, "drop_tail": alignment.drop_tail, "higher_is": alignment.higher_is}
    return _evaluation(measured, {"alignment": how}, settings, notes)


def table_task(
    number: str,
    sources: Sequence[str],
    earlier: Sequence[Path],
    model: Path | None,
    options: Options,
    settings: Settings,
    progress: Progress,
) -> Table:
    """One of the paper's tables, with what this run and earlier ones measured beside it, as far as data is present.

    Raises:
        InputError: for an unknown table or a file that is no evaluation.
    """
    measured = [each for path in earlier for each in measured_of(read_document(path))]
    if sources:
        if options.shots is None and number != "2":
            options = replace(options, shots=(0,))
        measured += measured_of(evaluate_task(sources, model, options, settings, progress).to_json())
    return beside(number, measured)


def _evaluation(
    measured: Sequence[tuple[Result, Pool]], about: Mapping[str, Any], settings: Settings, notes: Sequence[str]
) -> Evaluation:
    results, pools = zip(*measured, strict=True)
    facts = {"vad": __version__, **about, "settings": settings.eval.model_dump(mode="json")}
    return Evaluation(results, pools, facts, tuple(notes))


def _data(sources: Sequence[str], trial: Trial, stack: ExitStack) -> Iterator[tuple[str, list[Scene]]]:
    """Name and scenes of each data set: every cache is one, all files and folders together are one."""
    caches = [Path(source) for source in sources if Path(source).suffix.lower() in _CACHES]
    others = [source for source in sources if Path(source) not in caches]
    if caches and others:
        raise InputError(f"{others[0]}: beside caches. Evaluate caches, or files and folders.")
    if others:
        found = scenes_of_sources(others, trial.source, trial.network, trial.options.labels)
        yield Path(others[0]).resolve().stem, found
    names: dict[str, Path] = {}
    for path in caches:
        if path.stem in names:
            raise InputError(
                f"{path}: results are listed by the name {path.stem}, which {names[path.stem]} has too. "
                "Rename one, or evaluate one at a time."
            )
        names[path.stem] = path
    for path, cache in [(path, stack.enter_context(open_cache(path))) for path in caches]:
        require_network_frames(cache, trial.network)
        yield path.stem, scenes_of_cache(cache, trial.network, trial.options.variant)


def _nothing(name: str, options: Options) -> str:
    """Why nothing that was asked for is a result: an evaluation of nothing would pass every gate."""
    asked = f"score {' or '.join(options.scores)}" if options.scores else "score"
    return (
        f"{name}: nothing to measure: no {asked} in protocol {' or '.join(options.protocols)}. "
        f"Choose another --protocol{' or --score' if options.scores else ''}."
    )


def _contaminated(row: Row, rows: Sequence[Row]) -> list[str]:
    """Clips that have abnormal frames before the first that this K leaves, as the row of the least K has them."""
    least = min(rows, key=lambda other: other.setting.shots or 0)
    first = {clip.name: int(clip.frames[0]) for clip in row.clips}
    return [clip.name for clip in least.clips if clip.labels[clip.frames < first[clip.name]].any()]


def _results(
    row: Row, rows: Sequence[Row], protocols: Sequence[Protocol], options: Options, settings: Settings
) -> Iterator[tuple[Result, Pool]]:
    """Every protocol, score and counting of a row."""
    starts: dict[str, int] = {}  # the first frame of each clip that every K leaves
    for clip in (clip for other in rows for clip in other.clips):
        starts[clip.name] = max(int(clip.frames[0]), starts.get(clip.name, 0))
    countings = [("common", [clip.from_frame(starts[clip.name]) for clip in row.clips])]
    if any(clip.frames[0] < starts[clip.name] for clip in row.clips):
        countings.append(("paper", list(row.clips)))
    notes = []
    if row.setting.support == "clip" and (names := _contaminated(row, rows)):
        notes.append(f"{len(names)} of {len(row.clips)} supports hold abnormal frames")
    for counting, clips in countings:
        setting = replace(row.setting, counting=counting)
        for protocol in protocols:
            for name in _scores(clips, protocol, options, controls=row is rows[0]):
                yield _measured(clips, protocol, Request(name, row.setting.shots or 0), setting, settings, notes)


def _measured(
    clips: Sequence[Evidence],
    protocol: Protocol,
    request: Request,
    setting: Setting,
    settings: Settings,
    notes: Sequence[str],
) -> tuple[Result, Pool]:
    request = replace(request, rule=AlarmRule.of(settings.score))
    pool = score(clips, protocol, request)
    return measure(pool, protocol, request, setting, settings.eval, notes=notes), pool


def _scores(clips: Sequence[Evidence], protocol: Protocol, options: Options, *, controls: bool) -> list[str]:
    """The scores to measure: those asked for, else all but single cues; controls once, as they are the same for all."""
    found = []
    for name in available_scores(clips):
        asked = name in options.scores if options.scores else name not in CUES
        if name in protocol.of and (controls if name in CONTROLS else asked):
            found.append(name)
    return found if any(name not in CONTROLS for name in found) else []


def _foreign_request(name: str, settings: Settings, *, finished: bool) -> Request:
    """A foreign score or a control; scores of `vad score` are finished, and alarms begin in them at 1.

    That level is for the reference rate of alarms; other rates are not in them.
    """
    score = settings.score
    if name != GIVEN or not finished:
        return Request(name, smooth_seconds=score.smooth_seconds)
    at_reference = score.threshold is None and score.false_alarms_per_hour == score.reference_rate
    return Request(name, smooth_seconds=0.0, threshold=1.0 if at_reference else score.threshold)


def _with_controls(clips: Sequence[Evidence], path: Path) -> list[Evidence]:
    """Foreign scores with the controls of the same frames, from the cue maps of a cache."""
    found = []
    with open_cache(path) as cache:
        for clip in clips:
            numbers = {int(index): number for number, index in enumerate(cache.timeline(clip.name)[0])}
            maps = [cache.cues(clip.name, numbers[int(frame)]) for frame in clip.frames]
            controls = controls_of([None if each is None else CueMaps(**each) for each in maps])
            found.append(replace(clip, signals={**clip.signals, **controls}))
    return found
