"""`vad eval`: a model on a labelled cache, or somebody's scores with labels, to every figure of every protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vadcli import __version__
from vadcli.errors import InputError
from vadcli.evaluation.evidence import CONTROLS, FEATURE, FRAME, GIVEN, Evidence, available_scores
from vadcli.evaluation.foreign import Alignment, align
from vadcli.evaluation.labels import read_labels
from vadcli.evaluation.pool import Pool
from vadcli.evaluation.protocols import Protocol, Request, find_protocol
from vadcli.evaluation.results import Result, Setting, document, measure, score
from vadcli.evaluation.score_files import read_scores
from vadcli.evaluation.tables import Table, event_tables, localisation_table
from vadcli.footage.cache import open_cache
from vadcli.model.checkpoint import PACKAGED_MODEL, Checkpoint, load_checkpoint
from vadcli.progress import Progress
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.calibration import Calibration, fit_calibration
from vadcli.settings import Settings
from vadcli.trials.trial import Options, Run, Runs, runs_of_cache


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came of it.

    Attributes:
        results: all of them.
        pools: scores and labels behind each result (of the first draw).
        about: what holds for all, for the JSON document.
        notes: what a reader must know, one line each.
    """

    results: tuple[Result, ...]
    pools: tuple[Pool, ...]
    about: Mapping[str, Any]
    notes: tuple[str, ...] = field(default=())

    def more_tables(self) -> list[Table]:
        """Tables of what is not a frame score: events, and where, for caches with masks."""
        rows = self.about.get("localisation", [])
        return [*event_tables(self.results), *([localisation_table(rows)] if rows else [])]

    def to_json(self) -> dict[str, Any]:
        """The document of schema vad.eval/1."""
        return document(self.results, **self.about, notes=list(self.notes))


def evaluate_stage(
    caches: Sequence[Path], model: Path | None, options: Options, settings: Settings, progress: Progress
) -> Evaluation:
    """Evaluate a model on the labelled test clips of caches, each by itself.

    Args:
        caches: to evaluate on.
        model: checkpoint; the model in the package if None.
        options: shots, support, protocols.
        settings: of sections `eval`, `score` and `adapt`.
        progress: told of every window.

    Raises:
        VadError: for caches, labels or models that do not fit, and for a cache of which nothing asked for is a result.
    """
    protocols = [find_protocol(name) for name in options.protocols]
    _check_names(caches)
    for path in caches:  # a wrong path is found before a model is loaded
        open_cache(path).close()
    checkpoint = load_checkpoint(model or PACKAGED_MODEL, "pretrain", "metatrain")
    shots = options.shots if options.shots is not None else ((0, 1, 5, 10) if checkpoint.step_sizes else (0,))
    results: list[Result] = []
    pools: list[Pool] = []
    notes: list[str] = []
    about: dict[str, Any] = {"contaminated_supports": [], "calibration": [], "localisation": []}
    for path in caches:
        with open_cache(path) as cache:
            runs = runs_of_cache(cache, checkpoint, shots, options, settings, progress)
            measured = _results(runs, protocols, path.stem, options, settings)
            if not measured:
                raise InputError(_nothing(path, runs, options))
            for result, data in measured:
                results.append(result)
                pools.append(data)
            notes.extend(f"{path.name}: {note}" for note in runs.notes)
            for name, rows in (("contaminated_supports", runs.contaminated), ("calibration", runs.calibrated_on),
                               ("localisation", runs.localisation)):  # fmt: skip
                about[name].extend({"data": path.stem, **row} for row in rows)
    about = {
        "vad": __version__,
        "model": _lineage(checkpoint),
        "settings": settings.eval.model_dump(mode="json"),
        **about,
    }
    return Evaluation(tuple(results), tuple(pools), about, tuple(notes))


def _check_names(caches: Sequence[Path]) -> None:
    """Refuse caches of one name: tables, documents and comparisons tell data sets apart by it."""
    known: dict[str, Path] = {}
    for path in caches:
        if path.stem in known:
            raise InputError(
                f"{path}: results are listed by the name {path.stem}, which {known[path.stem]} has too. "
                "Rename one, or evaluate one at a time."
            )
        known[path.stem] = path


def _nothing(path: Path, runs: Runs, options: Options) -> str:
    """Why nothing that was asked for is a result: an evaluation of nothing would pass every gate."""
    asked = f"score {' or '.join(options.scores)}" if options.scores else "score"
    why = "" if runs.calibrates or not runs.notes else f": {runs.notes[-1]}"
    return (
        f"{path}: nothing to measure: no {asked} in protocol {' or '.join(options.protocols)}{why}. "
        f"Choose another --protocol{' or --score' if options.scores else ''}."
    )


def _lineage(checkpoint: Checkpoint) -> dict[str, Any]:
    model = checkpoint.model
    return {
        "file": checkpoint.path.name if checkpoint.path is not None else None,
        "sha256": checkpoint.sha256,
        "stage": checkpoint.stage,
        "variant": model.variant,
        "unit": model.unit,
        "unit_level": model.unit_level,
        "num_prototypes": model.num_prototypes,
        "size": list(model.size),
        "width": model.width,
        "parameters": checkpoint.num_parameters,
    }


def _results(
    runs: Runs, protocols: Sequence[Protocol], data: str, options: Options, settings: Settings
) -> list[tuple[Result, Pool]]:
    """Every protocol, score and counting of every run."""
    found = []
    for run in runs.runs:
        for counting, first in runs.countings(run):
            setting = Setting(
                data=data,
                labels=options.variant or "own",
                shots=run.shots,
                support=options.support if run.shots else "none",
                counting=counting,
                adaptation=run.adaptation,
            )
            controls = run is runs.runs[0]  # they are the same whatever the weights
            found += _results_of_run(run, first, setting, protocols, runs.calibrates, options, settings, controls)
    return found


def _results_of_run(
    run: Run,
    first: int,
    setting: Setting,
    protocols: Sequence[Protocol],
    calibrates: bool,
    options: Options,
    settings: Settings,
    controls: bool,
) -> list[tuple[Result, Pool]]:
    draws = [[clip.from_frame(first) for clip in clips] for clips in run.draws]
    scores = [
        name
        for name in available_scores(clip for clips in draws for clip in clips)
        if (controls if name in CONTROLS else not options.scores or name in options.scores)
    ]
    found = []
    for protocol in protocols:
        if protocol.needs_calibration and not calibrates:
            continue
        for name in scores:
            if name in protocol.not_scores or (protocol.needs_calibration and _repeats(name, scores, settings)):
                continue
            requests = [
                Request(
                    name,
                    run.shots,
                    _calibrations(run, draw, name, settings) if protocol.needs_calibration else None,
                    rule=AlarmRule.of(settings.score),
                    false_alarms_per_hour=settings.score.false_alarms_per_hour,
                    threshold=settings.score.threshold,
                )
                for draw in range(len(draws))
            ]
            pools = [score(clips, protocol, request) for clips, request in zip(draws, requests, strict=True)]
            notes = run.notes
            result = measure(pools, protocol, requests[0], setting, settings.eval, notes=notes)
            found.append((result, pools[0]))
    return found


def _repeats(name: str, scores: Sequence[str], settings: Settings) -> bool:
    """Whether a calibrated score is another's again: fused is of frame and scene too, where the scene has a share."""
    return name == "fp+fs" and (settings.score.scene_share == 0 or "fused" in scores)


def _calibrations(run: Run, draw: int, score_name: str, settings: Settings) -> list[Calibration]:
    """Of each clip, fitted to the normal footage that all rows share, under this row's weights; none for controls."""
    if score_name in CONTROLS:
        return []
    shares = {"fp": (0.0, 0.0), "fr": (1.0, 0.0), "fs": (0.0, 1.0), "fp+fs": (0.0, settings.score.scene_share)}
    feature, scene = shares.get(score_name, (settings.score.feature_share, settings.score.scene_share))
    how = settings.score.model_copy(update={"feature_share": feature, "scene_share": scene})
    made: dict[int, Calibration] = {}
    result = []
    for errors, fps in run.normal[draw]:
        if id(errors) not in made:
            made[id(errors)] = fit_calibration(errors, fps, how)
        result.append(made[id(errors)])
    return result


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
        labels: file, folder or cache.
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
    calibrated = all(clip.calibrated for clip in read)
    setting = Setting(data=Path(arguments[0]).stem, labels=options.variant or Path(labels).name, adaptation="foreign")
    results, pools = [], []
    for protocol in protocols:
        for name in _foreign_scores(clips, protocol):
            smooth_seconds = 0.0 if calibrated else settings.score.smooth_seconds
            request = Request(
                name,
                smooth_seconds=smooth_seconds,
                rule=AlarmRule.of(settings.score),
                threshold=_given_threshold(settings) if calibrated and name == GIVEN else None,
            )
            about = _foreign_notes(protocol, name, calibrated)
            data = score(clips, protocol, request)
            results.append(measure([data], protocol, request, setting, settings.eval, notes=about))
            pools.append(data)
    if not results:
        raise InputError(
            f"{arguments[0]}: protocol {options.protocols[0]} needs a finished score, and these are raw errors."
        )
    how = {"drop_head": alignment.drop_head, "drop_tail": alignment.drop_tail, "higher_is": alignment.higher_is}
    about_all = {"vad": __version__, "alignment": how, "settings": settings.eval.model_dump(mode="json")}
    return Evaluation(tuple(results), tuple(pools), about_all, tuple(notes))


def _given_threshold(settings: Settings) -> float | None:
    """Where alarms begin in scores of `vad score`: 1 is for one false alarm an hour; other rates are not in them."""
    if settings.score.threshold is None and settings.score.false_alarms_per_hour == 1.0:
        return 1.0
    return settings.score.threshold


def _foreign_scores(clips: Sequence[Evidence], protocol: Protocol) -> tuple[str, ...]:
    """What a protocol can judge of scores: raw errors where there are, finished scores otherwise."""
    kinds = set.intersection(*(set(clip.signals) for clip in clips))
    if FRAME in kinds and not protocol.needs_calibration:
        return ("fp", "fr", "fused") if FEATURE in kinds else ("fp",)
    return (GIVEN,) if GIVEN in kinds else ()


def _foreign_notes(protocol: Protocol, name: str, calibrated: bool) -> tuple[str, ...]:
    if not protocol.needs_calibration or name != GIVEN:
        return ()
    return ("as calibrated and smoothed by vad score",) if calibrated else ("smoothed causally, not calibrated",)
