"""Scores that another program, or `vad score`, wrote, compared with labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vadcli import __version__
from vadcli.errors import InputError
from vadcli.evaluation.evidence import CONTROLS, FLOW, GIVEN, MOVING, Evidence, available_scores
from vadcli.evaluation.foreign import Alignment, align
from vadcli.evaluation.labels import read_labels
from vadcli.evaluation.protocols import Protocol, Request, find_protocol
from vadcli.evaluation.results import Setting, measure, score
from vadcli.evaluation.score_files import read_scores
from vadcli.footage.cache import open_cache
from vadcli.scoring.alarms import AlarmRule
from vadcli.scoring.baseline import Windows
from vadcli.scoring.cues import CueMaps
from vadcli.settings import Settings
from vadcli.tasks.evaluate import Evaluation
from vadcli.tasks.trial import Options


def evaluate_scores_task(
    arguments: Sequence[str], labels: Path, alignment: Alignment, options: Options, settings: Settings
) -> Evaluation:
    """Evaluate scores that another program, or `vad score`, wrote.

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
            windows = [None if each is None else Windows(CueMaps(**each)) for each in maps]
            controls = {
                MOVING: np.array([0.0 if window is None else window.area.max() for window in windows]),
                FLOW: np.array([0.0 if window is None else window.speed.max() for window in windows]),
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
