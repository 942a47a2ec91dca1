"""`vad score`: sources to records, events and pictures, frame by frame, in constant memory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TextIO

from vadcli.errors import FootageError, InputError
from vadcli.files import Kind, check_output, check_output_folder, named, naming, whole
from vadcli.footage.began import camera_of
from vadcli.footage.segments import Segments, joined
from vadcli.footage.source import find_sources, is_live
from vadcli.footage.stream import shown
from vadcli.progress import Progress
from vadcli.rendering.sink import Sink
from vadcli.scoring.engine import Opener
from vadcli.scoring.records import Format, Records
from vadcli.scoring.writers import RecordWriter, record_writer
from vadcli.settings import ScoreSettings, Settings
from vadcli.tasks.score_loop import ScoreLoop, SourceGroup, Tally
from vadcli.tasks.scoring_model import (
    NO_MODEL,
    ScoringModel,
    fitted_on_head,
    load_base,
    load_scoring_model,
    network_input,
    reading_of,
)
from vadcli.tasks.sources import open_observed, reading_with, span_with

_BY_OTHER_FLAGS = " --annotated writes a video, --report a report, --heatmaps pictures."

Sources = Sequence[str | Segments]


@dataclass(frozen=True)
class Models:
    """The model of every source."""

    model: Path | None = None  # checkpoint or ONNX file; None for the model in the package
    adapter: Path | None = None  # of `vad adapt`
    adapters: Mapping[str, Path] = field(default_factory=dict)  # of several cameras by name; under `NAME` a pattern
    shots: int | None = None  # windows of each source to adapt on first; None to adapt nothing

    def check(self, sources: Sequence[str]) -> None:
        """Refuse what cannot work together, before any work is done."""
        live = any(map(is_live, sources))
        if self.shots and self.model == NO_MODEL:
            raise InputError("--shots: adapts a network, and --model is none. Leave one of them out.")
        if self.shots and self.adapter:
            raise InputError("--shots and --adapter: the adapter already fits a scene. Use one of them.")
        if self.shots and len(sources) > 1 and live:
            raise InputError("--shots: adapts to one stream at a time. Run `vad score` once for each.")
        if self.adapters and (self.adapter or self.shots or live):
            raise InputError("--adapter: several are for recordings, without --shots. Run `vad score` once for each.")


@dataclass(frozen=True)
class Outputs:
    """The files and formats that a run writes."""

    form: Format = "ndjson"  # how records are written
    records: Records = "frames"  # which
    opening: bool = False  # events are also written when they begin
    out: Path | None = None  # file for records; None for the given stream
    heatmaps: Path | None = None  # folder for pictures of events
    annotated: Path | None = None  # video
    report: Path | None = None  # HTML file
    snapshots: Path | None = None  # folder for plain pictures of events, and marked ones
    clips: Path | None = None  # folder for videos of events
    clips_exact: bool = False  # encoded rather than copied from the key frame before

    @property
    def pictures(self) -> bool:
        """Pictures are drawn on."""
        return bool(self.heatmaps or self.annotated or self.report or self.snapshots or self.clips)

    def check(self, taken: dict[Path, str], recordings: int) -> None:
        """Refuse, before any work is done, what would replace files that are read, or cannot hold the recordings."""
        if self.annotated and recordings > 1:
            raise InputError(f"--annotated: one source makes one video, got {recordings}. Give one source.")
        if self.form in ("srt", "vtt") and recordings > 1:
            raise InputError(f"--format {self.form}: subtitles are of one source, got {recordings}.")
        outputs: list[tuple[str, Path | None, Kind]] = [
            ("--out", self.out, "records"),
            ("--annotated", self.annotated, "video"),
            ("--report", self.report, "report"),
        ]
        for flag, path, kind in outputs:
            if path is not None:
                check_output(flag, path, taken, kind, _BY_OTHER_FLAGS if kind == "records" else "")
                taken[path.resolve()] = flag
        if self.clips_exact and not self.clips:
            raise InputError("--clips-exact: says how clips are made. Use --clips DIR with it.")
        for flag, folder in (("--heatmaps", self.heatmaps), ("--snapshots", self.snapshots), ("--clips", self.clips)):
            if folder:
                check_output_folder(flag, folder, taken)

    def writer(self, stream: TextIO, stack: ExitStack) -> RecordWriter:
        """The writer of records, to the file that is asked for or else to the stream."""
        if self.out is None:
            return record_writer(self.form, self.records, stream)
        path = stack.enter_context(whole(self.out))
        stack.enter_context(naming(self.out))  # closing writes, too
        file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
        return record_writer(self.form, self.records, file, self.out)

    def sinks(self, settings: ScoreSettings, recordings: Mapping[str, Path], stack: ExitStack) -> list[Sink]:
        """Renderings; only those that are asked for are imported, so that the first record comes soon.

        Args:
            settings: of scores.
            recordings: files by the names of sources, which clips are copied from.
            stack: closes what is open.
        """
        sinks: list[Sink] = []
        if self.heatmaps:
            from vadcli.rendering.heatmaps import HeatMaps

            self.heatmaps.mkdir(exist_ok=True)
            sinks.append(HeatMaps(self.heatmaps))
        if self.snapshots:
            from vadcli.rendering.heatmaps import Snapshots

            self.snapshots.mkdir(exist_ok=True)
            sinks.append(Snapshots(self.snapshots))
        if self.clips:
            from vadcli.rendering.clips import Clips

            self.clips.mkdir(exist_ok=True)
            sinks.append(stack.enter_context(Clips(self.clips, recordings, exact=self.clips_exact)))
        if self.annotated:
            from vadcli.rendering.annotated import annotated_video

            sinks.append(stack.enter_context(annotated_video(self.annotated)))
        if self.report:
            from vadcli.rendering.report import html_report

            sinks.append(stack.enter_context(html_report(self.report, settings)))
        return sinks


def score(
    sources: Sequence[str],
    models: Models,
    outputs: Outputs,
    settings: Settings,
    stream: TextIO,
    progress: Progress,
    *,
    part: tuple[int, int] = (0, 1),
) -> Tally:
    """Score sources, of which `part` says number and count; what was asked for is written even if the user stops it.

    Raises:
        VadError: for a model, settings or outputs that cannot be used. Sources that fail are in the tally.
    """
    number, count = part
    found = find_sources(sources, progress.note)[number::count]
    if settings.span.join and any(map(is_live, found)):
        raise InputError("--join: joins files, and a stream is one recording already. Leave it out.")
    recordings: Sources = joined(found, span_with(settings.span).names_in) if settings.span.join else found
    models.check(found)
    files = (Path(source) for source in found if not is_live(source))
    outputs.check(named(models.model, models.adapter, *models.adapters.values(), *files), len(recordings))
    with ExitStack() as stack:
        several = models.shots or models.adapters
        model = None if several else load_scoring_model(models.model, models.adapter, settings)
        notes = list(_notes(settings, model)) if model else []
        writer = outputs.writer(stream, stack)
        alone = {shown(str(each)): Path(each) for each in recordings if isinstance(each, str) and Path(each).is_file()}
        sinks = outputs.sinks(settings.score, {} if settings.span.track else alone, stack)
        loop = ScoreLoop(
            settings.score, outputs.records, outputs.opening, writer, sinks, progress, notes, len(recordings) == 1
        )
        try:
            for group in _groups(models, model, recordings, settings, loop, pictures=outputs.pictures):
                loop.score(group)
        except KeyboardInterrupt:
            if not loop.tally.frames:  # no output has anything in it yet
                raise
            loop.tally.interrupted = True
        if not loop.tally.frames:
            loop.tally.require_all_scored()  # or empty outputs would replace older ones
        writer.close()
    return loop.tally


def _notes(settings: Settings, model: ScoringModel) -> Iterator[str]:
    """Notes for the user on how every source is read and measured."""
    asked, source, done = settings.source, model.source, []
    if model.calibration is None:
        yield (
            f"no adapter: the first {settings.score.warmup:g} s of each source, of a recording a third at most "
            "(--warmup), are taken for normal. To know the camera better: vad adapt NORMAL-VIDEO."
        )
        return
    default, kept = ScoreSettings(), model.calibration.facts.fusion
    given = [
        f"score.{name}"
        for name, value in settings.score.fusion
        if value not in (getattr(default, name), getattr(kept, name))
    ]
    if given:
        yield f"{', '.join(given)}: part of the adapter, which stays as it is. Adapt again to change it."
    if settings.score.warmup != default.warmup:
        yield "--warmup: not needed, the adapter is calibrated."
    if asked.fps is not None and model.learned_from and source.fps != model.learned_from.fps:
        then = model.learned_from.fps
        yield (
            f"--fps {source.fps:g}: the adapter learned from {f'{then:g} frames a second' if then else 'all frames'}, "
            "and speeds may look new. Leave it out, or adapt again with it."
        )
    if source.fps is not None and asked.fps is None:
        done.append(f"{source.fps:g} frames a second at most (--fps)")
    if source.mask_top and asked.mask_top is None:
        done.append(f"the top {source.mask_top:.0%} blacked out (--mask-top)")
    if done:
        yield f"as the adapter says: {', '.join(done)}."


def _groups(
    models: Models, model: ScoringModel | None, sources: Sources, settings: Settings, loop: ScoreLoop, *, pictures: bool
) -> Iterator[SourceGroup]:
    """All sources with one model, or with the adapter of each, or one after the other with a model fitted to it."""
    if models.shots:
        yield from _fitted_to_each(models.model, models.shots, sources, settings, loop, pictures=pictures)
        return
    by_model = {None: sources} if model else _by_adapter(models.adapters, sources)
    for path, own in by_model.items():
        used = model or load_scoring_model(models.model, path, settings)
        if path:
            loop.progress.note(f"{path}: for {', '.join(shown(str(source)) for source in own)}")
        reading = reading_with(used.source, settings.span, pictures=pictures, progress=loop.progress)
        openers = [
            Opener(partial(open_observed, source, reading, used.reads), live=is_live(str(source))) for source in own
        ]
        yield SourceGroup(used, [shown(str(source)) for source in own], openers)


def _fitted_to_each(
    model: Path | None, shots: int, sources: Sources, settings: Settings, loop: ScoreLoop, *, pictures: bool
) -> Iterator[SourceGroup]:
    """Each source with a model fitted to its first windows."""
    checkpoint = load_base(model)
    assert checkpoint is not None
    how = reading_of(checkpoint.settings, settings.source)
    reading = reading_with(how, settings.span, pictures=pictures, progress=loop.progress)
    for source in sources:
        name = shown(str(source))
        try:
            observed = open_observed(source, reading, network_input(checkpoint.model))
            rest, fitted = fitted_on_head(observed, name, checkpoint, shots, settings)
        except FootageError as error:
            loop.fail(error)
            continue
        with rest:
            skipped = shots + fitted.input_frames
            loop.progress.note(f"{name}: adapted on its first {shots} windows, {skipped} frames that are not scored")
            opener = Opener(rest.open, live=is_live(str(source)))
            yield SourceGroup(fitted, [name], [opener])


def _by_adapter(adapters: Mapping[str, Path], sources: Sources) -> dict[Path | None, Sources]:
    """Sources by the adapter of each: of its camera's name, its own, or that of a folder that it lies in.

    Raises:
        InputError: for a source without an adapter, and an adapter without a source.
    """
    found: dict[Path | None, list[str | Segments]] = {}
    idle = adapters.keys() - {"NAME"}
    for source in sources:
        path = Path(str(source))
        names = [Path(camera_of(path)).name, path.name, path.stem, *(folder.name for folder in path.parents)]
        if pattern := adapters.get("NAME"):
            tried = [Path(str(pattern).replace("NAME", name)) for name in names if name]
            own = next((file for file in tried if file.is_file()), None)
        else:
            name = next((name for name in names if name in adapters), "")
            tried, own, idle = [], adapters.get(name), idle - {name}
        if own is None:
            missing = f"{tried[0]} not found" if tried else f"none of {', '.join(adapters)}"
            raise InputError(f"--adapter: no adapter for {shown(str(source))} ({missing}). Make it with `vad adapt`.")
        found.setdefault(own, []).append(source)
    if idle:
        raise InputError(f"--adapter {min(idle)}=…: no source of that name. Names are of files, cameras or folders.")
    return dict(found)
