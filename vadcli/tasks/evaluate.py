"""`vad eval`: what `vad score` says of labelled footage, or somebody's scores, to every figure of every protocol."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vadcli import __version__
from vadcli.errors import InputError
from vadcli.evaluation.evidence import CONTROLS, CUES, Evidence, available_scores
from vadcli.evaluation.pool import Pool
from vadcli.evaluation.protocols import Protocol, Request, find_protocol
from vadcli.evaluation.results import Result, document, measure, score
from vadcli.evaluation.tables import Table, event_tables, localisation_table
from vadcli.footage.cache import open_cache
from vadcli.progress import Progress
from vadcli.scoring.alarms import AlarmRule
from vadcli.settings import Settings
from vadcli.tasks.adapt import require_network_frames
from vadcli.tasks.labelled import Scene, scenes_of_cache, scenes_of_sources
from vadcli.tasks.trial import Options, Row, Trial


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
    results, pools, notes = list[Result](), list[Pool](), list[str]()
    about: dict[str, list[Any]] = {"contaminated_supports": [], "calibration": [], "localisation": []}
    with ExitStack() as stack:
        for name, scenes in _data(sources, trial, stack):
            rows = list(trial.rows(name, scenes))
            measured = [found for row in rows for found in _results(row, rows, protocols, options, settings)]
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
            about["localisation"] += [{"data": name, **each} for row in rows for each in row.localisation]
    lineage = {"model": trial.lineage, "settings": settings.eval.model_dump(mode="json")}
    return Evaluation(tuple(results), tuple(pools), {"vad": __version__, **lineage, **about}, tuple(notes))


def _data(sources: Sequence[str], trial: Trial, stack: ExitStack) -> Iterator[tuple[str, list[Scene]]]:
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


def _contaminated(data: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Supports from heads of test clips that hold abnormal frames, by K."""
    found = []
    for row in rows:
        if row.setting.support == "clip":
            names = [note for note in _contaminated_clips(row, rows)]
            found.append({"data": data, "shots": row.setting.shots, "clips": names, "of": len(row.clips)})
    return found


def _contaminated_clips(row: Row, rows: Sequence[Row]) -> list[str]:
    """Clips that have abnormal frames before the first that this K leaves, as the row of the least K has them."""
    least = min(rows, key=lambda each: each.setting.shots or 0)
    first = {clip.name: int(clip.frames[0]) for clip in row.clips}
    return [clip.name for clip in least.clips if clip.labels[clip.frames < first[clip.name]].any()]


def _results(
    row: Row, rows: Sequence[Row], protocols: Sequence[Protocol], options: Options, settings: Settings
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
