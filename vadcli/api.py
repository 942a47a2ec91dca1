"""The program as a library: load a model, adapt it to a camera, score footage, compare scores with labels."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from vadcli.footage.source import find_sources, is_live
from vadcli.footage.stream import shown
from vadcli.plain_yaml import Leaf
from vadcli.presets import settings_of_leaves
from vadcli.progress import Silent
from vadcli.scoring.engine import Opener
from vadcli.scoring.events import Event
from vadcli.scoring.records import ScoreRecord
from vadcli.scoring.run import Finished, Stepped, Told
from vadcli.settings import SECTIONS, Settings, SourceSettings
from vadcli.tasks.adapt import fit, with_shots
from vadcli.tasks.adapter import Fitted, save_adapter
from vadcli.tasks.normal_footage import Opened, normal_footage
from vadcli.tasks.scoring_model import ScoringModel, adapted_model, load_base, load_scoring_model, reading_of
from vadcli.tasks.sources import ArrayReader, open_observed, reading_with

if TYPE_CHECKING:
    from vadcli.model.checkpoint import Checkpoint
    from vadcli.tasks.evaluate import Evaluation

__all__ = ["Detector", "Event", "ScoreRecord", "evaluate", "load"]

Frames: TypeAlias = Iterable[npt.NDArray[np.uint8]]
Names: TypeAlias = str | Path | Sequence[str | Path]


def load(model: str | Path | None = None, adapter: str | Path | None = None, **settings: Any) -> "Detector":
    """A detector: the model in the package or another, with what is normal at a camera if an adapter is given.

    Args:
        model: checkpoint or ONNX file; None for the model in the package, "none" for cues alone, without torch.
        adapter: made by `vad adapt` or `Detector.save`; None to learn what is normal from each source's beginning.
        **settings: by their names in sections `score`, `source` and `adapt` of presets, as `threshold`,
            `false_alarms_per_hour`, `warmup`, `ignore`, `device`, `precision` or `steps`. Environment and config file
            are not read.

    Raises:
        VadError: for a file that is not there, damaged or of the wrong kind, and unknown or bad settings.

    >>> load("none", threshold=1.5).settings.score.threshold
    1.5
    """
    chosen, path = _settings(settings), None if model is None else Path(model)
    ready = load_scoring_model(path, None if adapter is None else Path(adapter), chosen)
    return Detector(path, chosen, ready)


@dataclass(frozen=True, eq=False)
class Detector:
    """A model that scores footage; made by `load`, and by `adapt` for a camera."""

    model: Path | None  # its file; None for the model in the package
    settings: Settings  # of every run
    ready: ScoringModel  # the model in memory
    fitted: Fitted | None = None  # the result of `adapt`; None without it
    _checkpoint: "Checkpoint | None" = None

    def adapt(self, source: Names | Frames, *, shots: int = 10, fps: float | None = None) -> "Detector":
        """A detector for one camera, from its normal footage, as `vad adapt` makes it; this one stays as it is.

        Args:
            source: path, URL or folder, several of them, one cache, or frames as `score` takes them.
            shots: windows (K) that the model is adapted on in one update; all footage teaches what is normal.
            fps: frames a second: of frames their own rate; of sources the most that are taken.

        Raises:
            ValueError: for frames that are not as `score` takes them.
            VadError: for footage that is too short or cannot be read, or a model that cannot adapt.
        """
        settings = with_shots(self.settings, _settings({"shots": shots}).adapt.shots)
        checkpoint, network = load_base(self.model), self.ready.reads
        openers: Iterable[Opened]
        if (names := _names(source)) is None:
            openers = [open_observed(ArrayReader(cast(Frames, source), fps), reading_with(settings.source), network)]
        else:
            settings = settings.model_copy(update={"source": _at_rate(settings.source, fps)})
            reads = reading_of(checkpoint.settings, settings.source) if checkpoint else settings.source
            openers = normal_footage(names, network, settings, reads, None, _Log())
        fitted = fit(openers, checkpoint, settings, _Log())
        return Detector(self.model, settings, adapted_model(checkpoint, fitted, settings), fitted, checkpoint)

    def save(self, path: str | Path) -> None:
        """Write the adapter, whole or not at all; `load(adapter=path)` and every command take it.

        Raises:
            ValueError: for a detector that `adapt` did not make.
        """
        if self.fitted is None:
            raise ValueError("save: nothing was learned of a camera yet. Save what adapt(...) returns.")
        save_adapter(Path(path), self.fitted, self._checkpoint, self.settings)

    def score(self, source: Names | Frames, *, fps: float | None = None) -> Iterator[ScoreRecord | Event]:
        """Records of all frames, and events when they are over, in each source's order, as `vad score` writes them.

        Without an adapter a recording's first records come when enough of it was seen to say what is normal. Frames
        are read ahead in another thread; close the iterator, or use it to its end.

        Args:
            source: path, URL, folder or `camera:0`, several of them, or an iterable of frames: arrays of uint8,
                (H, W, 3) RGB or (H, W) or (H, W, 1) grey, all of one size. An iterable without a
                length is live: nothing of it is held back, and it goes on being learned from.
            fps: frames a second: of frames their own rate, which must be given; of sources the most that are taken.

        Raises:
            ValueError: for no frames, and frames of another type, shape, order of axes or size.
            VadError: for a source that cannot be read or is too short, when its turn comes.

        >>> rng = np.random.default_rng(0)
        >>> film = rng.integers(0, 256, (60, 64, 96, 3), np.uint8)
        >>> records = [item for item in load("none").score(film, fps=10) if isinstance(item, ScoreRecord)]
        >>> len(records), records[0].frame, records[-1].time_s
        (59, 1, 5.9)
        """
        given = _names(source)
        sources: Sequence[str | ArrayReader]
        if given is None:
            frames = ArrayReader(cast(Frames, source), fps)
            sources, names, reading = [frames], ["frames"], reading_with(self.ready.source)
        else:
            sources = find_sources(given, _Log().note)
            names = list(map(shown, sources))
            reading = reading_with(_at_rate(self.ready.source, fps), progress=_Log())
        openers = [
            Opener(partial(open_observed, each, reading, self.ready.reads), live=_is_live(each)) for each in sources
        ]
        return self._scored(openers, names)

    def _scored(self, openers: list[Opener], names: Sequence[str]) -> Iterator[ScoreRecord | Event]:
        with closing(self.ready.run(self.settings.score).run(openers, names)) as steps:
            for step in steps:
                if isinstance(step, Stepped):
                    if (record := step.outcome.frame.record) is not None:
                        yield record
                    yield from (each.event for each in step.outcome.findings if each.event.state == "closed")
                elif isinstance(step, Told):
                    (_Log().warn if step.change.kind == "lost" else _Log().note)(step.change.text)
                    yield from (each.event for each in step.findings if each.event.state == "closed")
                elif isinstance(step, Finished):
                    if step.scorer is not None:
                        yield from (finding.event for finding in step.scorer.last())
                    for note in step.ended.notes:
                        _Log().note(note)
                    if (error := self.ready.failure(names[step.source], step)) is not None:
                        raise error


def evaluate(
    sources: Names,
    labels: str | Path | None = None,
    model: str | Path | None = None,
    adapter: str | Path | None = None,
    *,
    shots: Sequence[int] | None = None,
    support: Literal["scene", "clip"] = "scene",
    protocols: Sequence[str] | None = None,
    localise: bool = False,
    **settings: Any,
) -> "Evaluation":
    """Scores of labelled footage compared with its labels, as `vad eval` compares them.

    Args:
        sources: caches of `vad prepare`, each by itself, or benchmarks, files and folders together.
        labels: of files and folders that come without.
        model: checkpoint or ONNX file; None for the model in the package, "none" for cues alone.
        adapter: in place of adapters made from each scene's normal footage.
        shots: every K; None takes 0, 1, 5 and 10 for a meta-trained model and 0 for others.
        support: "scene" (an adapter from its normal footage) or "clip" (the head of each test clip).
        protocols: names, as of `vad eval --protocol`; None for all but minmax.
        localise: also measure where, on footage with masks.
        **settings: as of `load`, and of section `eval`.

    Returns:
        results with micro and macro AUC, AP, equal error rate and events; `to_json()` gives schema vad.eval/1.

    Raises:
        VadError: for footage, labels or models that do not fit.
    """
    from vadcli.evaluation.protocols import DEFAULT_PROTOCOLS
    from vadcli.tasks.evaluate import evaluate_task
    from vadcli.tasks.trial import Options

    options = Options(
        shots=None if shots is None else tuple(sorted(set(shots))),
        support=support,
        protocols=tuple(protocols or DEFAULT_PROTOCOLS),
        adapter=None if adapter is None else Path(adapter),
        labels=None if labels is None else Path(labels),
        localise=localise,
    )
    names = [str(sources)] if isinstance(sources, str | Path) else list(map(str, sources))
    return evaluate_task(names, None if model is None else Path(model), options, _settings(settings), _Log())


def _settings(given: Mapping[str, Any]) -> Settings:
    """Settings by their names alone; a name of several sections is of the first that has it."""
    leaves = []
    for name, value in given.items():
        having = [section for section in ("score", "source", "adapt", "eval") if name in SECTIONS[section].model_fields]
        leaves.append(Leaf((*(having or ["score"])[:1], name), value, f"{name}="))
    return settings_of_leaves(leaves)


def _at_rate(source: SourceSettings, fps: float | None) -> SourceSettings:
    return source if fps is None else source.model_copy(update={"fps": _settings({"fps": fps}).source.fps})


def _names(source: Names | Frames) -> list[str] | None:
    """Sources by their names; None for frames."""
    if isinstance(source, str | Path):
        return [str(source)]
    if isinstance(source, list | tuple) and source and isinstance(source[0], str | Path):
        return list(map(str, source))
    return None


def _is_live(source: str | ArrayReader) -> bool:
    return is_live(source) if isinstance(source, str) else source.live


class _Log(Silent):
    """Notes go to the log of `vadcli`."""

    def note(self, text: str) -> None:
        logging.getLogger("vadcli").info(text)

    def warn(self, text: str) -> None:
        logging.getLogger("vadcli").warning(text)
