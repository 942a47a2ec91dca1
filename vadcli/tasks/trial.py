"""A model on labelled footage: for every K, adapters made by `vad adapt`'s own code and scores by `vad score`'s."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from vadcli.errors import InputError
from vadcli.evaluation.evidence import Evidence
from vadcli.evaluation.protocols import DEFAULT_PROTOCOLS
from vadcli.evaluation.results import Setting
from vadcli.model.tensor_file import PACKAGED_MODEL, AdapterFile
from vadcli.progress import Progress
from vadcli.scoring.observing import NetworkInput
from vadcli.settings import Settings, SourceSettings
from vadcli.tasks.adapt import fit, with_shots
from vadcli.tasks.evidence import Judges, evidence_of
from vadcli.tasks.labelled import Scene
from vadcli.tasks.scoring_model import (
    ScoringModel,
    adapted_model,
    fitted_on_head,
    load_base,
    load_scoring_model,
    network_input,
    reading_of,
)

Support = Literal["clip", "scene"]


@dataclass(frozen=True)
class Options:
    """Options of an evaluation."""

    shots: tuple[int, ...] | None = None  # every K; None takes 0, 1, 5 and 10 for a meta-trained model and 0 for others
    # "scene" (an adapter from its normal footage) or "clip" (the head of each test clip, as the paper)
    support: Support = "scene"
    protocols: tuple[str, ...] = DEFAULT_PROTOCOLS  # names
    scores: tuple[str, ...] = ()  # names; empty for all but those of single cues
    variant: str | None = None  # of the labels; None for the usual ones
    adapter: Path | None = None  # made by `vad adapt`, in place of adapters made from each scene's normal footage
    labels: Path | None = None  # of files and folders
    localise: bool = False  # also measure where, on footage with masks


@dataclass(frozen=True, eq=False)
class Row:
    """One K over all clips of a data set."""

    setting: Setting
    clips: tuple[Evidence, ...]
    localisation: tuple[Mapping[str, Any], ...] = ()


class Trial:
    """A model, and how it is adapted to every scene: by the code of `vad adapt` and `vad score` alone."""

    def __init__(self, model: Path | None, options: Options, settings: Settings, progress: Progress) -> None:
        self.model, self.options, self.settings, self.progress = model, options, settings, progress
        self.adapter = AdapterFile.read(options.adapter) if options.adapter else None
        exported = model is not None and model.suffix.lower() == ".onnx"
        as_it_is = exported or options.adapter
        self.given = load_scoring_model(model, options.adapter, settings) if as_it_is else None
        self.checkpoint = None if as_it_is else load_base(model)

    @property
    def network(self) -> NetworkInput | None:
        """Images that the model reads; None without a network."""
        if self.given is not None:
            return self.given.reads
        return network_input(self.checkpoint.model) if self.checkpoint else None

    @property
    def source(self) -> SourceSettings:
        """How files and folders are read for the model, as `vad score` reads them."""
        if self.given is not None:
            return self.given.source
        asked = self.settings.source
        return reading_of(self.checkpoint.settings, asked) if self.checkpoint else asked

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
            model = self.given.model if self.given else None
            return {
                "file": str(self.model) if self.model else PACKAGED_MODEL.name,
                "unit": None,
                "sha256": None,
                "size": list(model.size) if model else [0, 0],
                "width": 0,
                "variant": model.variant if model else "cues",
                "adapter": self.adapter.sha256 if self.adapter else None,
            }
        path, model = self.checkpoint.path, self.checkpoint.model
        kept = {"variant", "unit", "unit_level", "num_prototypes", "size", "width"}
        return {
            "file": path.name if path is not None else None,
            "sha256": self.checkpoint.sha256,
            "stage": self.checkpoint.stage,
            **model.model_dump(mode="json", include=kept),
            "parameters": self.checkpoint.num_parameters,
        }

    def rows(self, data: str, scenes: Sequence[Scene]) -> Iterator[Row]:
        """Evidence of all test clips for every K."""
        if self.options.localise and not any(clip.masks for scene in scenes for clip in scene.tests):
            raise InputError("--localise: no test clip has masks. Use a benchmark that comes with them.")
        shots_of_all = self.shots
        if self.options.shots is None and self.options.support == "scene" and not all(each.normal for each in scenes):
            shots_of_all = (0,)  # there is nothing to adapt on
        for shots in shots_of_all:
            judges = Judges() if self.options.localise else None
            clips = [clip for scene in scenes for clip in self._scene(scene, shots, judges)]
            yield Row(self._setting(data, shots), tuple(clips), judges.rows(shots) if judges else ())

    def _setting(self, data: str, shots: int) -> Setting:
        adaptation = "none"
        if self.adapter is not None:
            adaptation = "adapter"
        elif shots and self.checkpoint is not None:
            adaptation = "meta" if self.checkpoint.step_sizes else "no-meta"
        support = self.options.support if shots and self.adapter is None else "none"
        return Setting(data, self.options.variant or "own", shots, support, adaptation=adaptation)

    def _scene(self, scene: Scene, shots: int, judges: Judges | None) -> Iterator[Evidence]:
        if self.options.support == "clip" and shots and self.checkpoint is not None:
            for clip in scene.tests:
                opened = clip.open().__enter__()
                rest, fitted = fitted_on_head(opened, clip.name, self.checkpoint, shots, self.settings)
                with rest:
                    followed = replace(clip, open=rest.open)
                    yield from evidence_of(fitted, [followed], self.settings, self.progress, judges)
            return
        model = self.given or self._adapted(scene, shots)
        yield from evidence_of(model, scene.tests, self.settings, self.progress, judges)

    def _adapted(self, scene: Scene, shots: int) -> ScoringModel:
        """The model with an adapter for a scene, made by `vad adapt`'s own code; none without normal footage."""
        checkpoint = self.checkpoint
        if not scene.normal:
            if shots:
                raise InputError(
                    f"scene {scene.name} has no normal footage to take support from. "
                    "Use --support clip, or add its normal clips."
                )
            return load_scoring_model(self.model, None, self.settings)
        settings = with_shots(self.settings, shots)
        fitted = fit((opener() for opener in scene.normal.values()), checkpoint, settings, self.progress)
        return adapted_model(checkpoint, fitted, settings)
