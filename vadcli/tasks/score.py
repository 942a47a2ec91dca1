"""`vad score`: sources to records, events and pictures, frame by frame, in constant memory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
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
from vadcli.scoring.writers import record_writer
from vadcli.settings import ScoreSettings, Settings
from vadcli.tasks.head import fitted_on_head
from vadcli.tasks.reading import open_observed, reading_with, span_with
from vadcli.tasks.ready import NO_MODEL, Ready, get_ready, network_input, reading_of, settings_of_model
from vadcli.tasks.score_run import Part, Run, Tally

_BY_OTHER_FLAGS = " --annotated writes a video, --report a report, --heatmaps pictures."


@dataclass(frozen=True)
class ScoreRequest:
    """The arguments of `vad score`."""

    sources: Sequence[str]  # files, folders, patterns, `-`, URLs, `camera:N`
    settings: Settings  # of the run
    form: Format = "ndjson"  # how records are written
    records: Records = "frames"  # which
    model: Path | None = None  # checkpoint or ONNX file; None for the model in the package
    adapter: Path | None = None  # of `vad adapt`
    adapters: Mapping[str, Path] = field(default_factory=dict)  # of several cameras by name; under `NAME` a pattern
    shots: int | None = None  # windows of each source to adapt on first; None to adapt nothing
    opening: bool = False  # also tell when events begin
    out: Path | None = None  # file for records; None for the given stream
    heatmaps: Path | None = None  # folder for pictures of events
    annotated: Path | None = None  # video to write
    report: Path | None = None  # HTML file to write
    shard: tuple[int, int] = (0, 1)  # which of the sources: number and count: every so many, from that number on


def score(request: ScoreRequest, stream: TextIO, progress: Progress) -> Tally:
    """Score sources; what was asked for is written even if the user stops it.

    Raises:
        VadError: for a model, settings or outputs that cannot be used. Sources that fail are in the tally.
    """
    index, count = request.shard
    found = find_sources(request.sources, progress.note)[index::count]
    if request.settings.span.join and any(map(is_live, found)):
        raise InputError("--join: joins files, and a stream is one recording already. Leave it out.")
    sources: Sequence[str | Segments] = (
        joined(found, span_with(request.settings.span).names_in) if request.settings.span.join else found
    )
    _check(request, found, len(sources))
    with ExitStack() as stack:
        ready = (
            None if request.shots or request.adapters else get_ready(request.model, request.adapter, request.settings)
        )
        notes = list(_notes(request.settings, ready)) if ready else []
        if request.out:
            path = stack.enter_context(whole(request.out))
            stack.enter_context(naming(request.out))  # closing writes, too
            stream = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
        writer = record_writer(request.form, request.records, stream, request.out)
        sinks = _sinks(request, stack)
        run = Run(request.settings.score, request.records, writer, sinks, progress, notes, opening=request.opening)
        try:
            for part in _parts(request, ready, sources, run):
                run.score(part)
        except KeyboardInterrupt:
            if not run.tally.frames:  # no output has anything in it yet
                raise
            run.tally.interrupted = True
        if not run.tally.frames:
            run.tally.require_all_scored()  # or empty outputs would replace older ones
        writer.close()
    return run.tally


def _notes(settings: Settings, ready: Ready) -> Iterator[str]:
    """Notes for the user on how every source is read and measured."""
    asked, source, done = settings.source, ready.source, []
    if ready.calibration is None:
        yield (
            f"no adapter: the first {settings.score.warmup:g} s of each source, of a recording a third at most "
            "(--warmup), are taken for normal. To know the camera better: vad adapt NORMAL-VIDEO."
        )
        return
    usual, kept = ScoreSettings(), ready.calibration.facts.fusion
    given = [
        f"score.{name}"
        for name, value in settings.score.fusion
        if value not in (getattr(usual, name), getattr(kept, name))
    ]
    if given:
        yield f"{', '.join(given)}: part of the adapter, which stays as it is. Adapt again to change it."
    if settings.score.warmup != usual.warmup:
        yield "--warmup: not needed, the adapter is calibrated."
    if asked.fps is not None and ready.learned_from and source.fps != ready.learned_from.fps:
        then = ready.learned_from.fps
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


def _check(request: ScoreRequest, sources: Sequence[str], count: int) -> None:
    """Refuse what cannot work before any work is done; `count` recordings are made of the sources."""
    if request.shots and request.model == NO_MODEL:
        raise InputError("--shots: adapts a network, and --model is none. Leave one of them out.")
    if request.shots and request.adapter:
        raise InputError("--shots and --adapter: the adapter already fits a scene. Use one of them.")
    if request.shots and len(sources) > 1 and any(map(is_live, sources)):
        raise InputError("--shots: adapts to one stream at a time. Run `vad score` once for each.")
    if request.adapters and (request.adapter or request.shots or any(map(is_live, sources))):
        raise InputError("--adapter: several are for recordings, and without --shots. Run `vad score` once for each.")
    if request.annotated and count > 1:
        raise InputError(f"--annotated: one source makes one video, got {count}. Give one source.")
    if request.form in ("srt", "vtt") and count > 1:
        raise InputError(f"--format {request.form}: subtitles are of one source, got {count}.")
    outputs: list[tuple[str, Path | None, Kind]] = [
        ("--out", request.out, "records"),
        ("--annotated", request.annotated, "video"),
        ("--report", request.report, "report"),
    ]
    taken = named(
        request.model,
        request.adapter,
        *request.adapters.values(),
        *(Path(source) for source in sources if not is_live(source)),
    )
    for flag, path, kind in outputs:
        if path is not None:
            check_output(flag, path, taken, kind, _BY_OTHER_FLAGS if kind == "records" else "")
            taken[path.resolve()] = flag
    if request.heatmaps:
        check_output_folder("--heatmaps", request.heatmaps, taken)


def _sinks(request: ScoreRequest, stack: ExitStack) -> list[Sink]:
    """Only what is asked for is imported, so that the first record comes soon."""
    sinks: list[Sink] = []
    if request.heatmaps:
        from vadcli.rendering.heatmaps import HeatMaps

        request.heatmaps.mkdir(exist_ok=True)
        sinks.append(HeatMaps(request.heatmaps))
    if request.annotated:
        from vadcli.rendering.annotated import annotated_video

        sinks.append(stack.enter_context(annotated_video(request.annotated)))
    if request.report:
        from vadcli.rendering.report import html_report

        sinks.append(stack.enter_context(html_report(request.report, request.settings.score)))
    return sinks


def _parts(request: ScoreRequest, ready: Ready | None, sources: Sequence[str | Segments], run: Run) -> Iterator[Part]:
    """All sources with one model, or with `shots` one after the other, each with a model fitted to it."""
    pictures = bool(request.heatmaps or request.annotated or request.report)
    names = [shown(str(source)) for source in sources]
    if request.adapters:
        for path, own in _by_adapter(request.adapters, sources).items():
            fitted = get_ready(request.model, path, request.settings)
            run.progress.note(f"{path}: for {', '.join(shown(str(source)) for source in own)}")
            for part in _parts(replace(request, adapters={}), fitted, own, run):
                yield replace(part, alone=len(sources) == 1)
        return
    if ready is not None:
        reading = reading_with(ready.source, request.settings.span, pictures=pictures, progress=run.progress)
        openers = [
            Opener(partial(open_observed, source, reading, ready.reads), live=is_live(str(source)))
            for source in sources
        ]
        yield Part(ready, names, openers)
        return
    made = settings_of_model(request.model)
    source_settings = reading_of(made, request.settings.source)
    reading = reading_with(source_settings, request.settings.span, pictures=pictures, progress=run.progress)
    shots, network = request.shots or 0, network_input(made.model)
    for name, source in zip(names, sources, strict=True):
        try:
            observed = open_observed(source, reading, network)
            rest, fitted = fitted_on_head(observed, name, request.model, shots, request.settings)
        except FootageError as error:
            run.fail(error, alone=len(sources) == 1)
            continue
        with rest:
            run.progress.note(
                f"{name}: adapted on its first {shots} windows, "
                f"{shots + fitted.input_frames} frames that are not scored"
            )
            opener = Opener(rest.open, live=is_live(str(source)))
            yield Part(fitted, [name], [opener], alone=len(sources) == 1)


def _by_adapter(adapters: Mapping[str, Path], sources: Sequence[str | Segments]) -> dict[Path, list[str | Segments]]:
    """Sources by the adapter of each: of its camera's name, its own, or that of a folder that it lies in.

    Raises:
        InputError: for a source without an adapter, and an adapter without a source.
    """
    found: dict[Path, list[str | Segments]] = {}
    idle = adapters.keys() - {"NAME"}
    for source in sources:
        path = Path(str(source))
        names = [Path(camera_of(path)).name, path.name, path.stem, *(folder.name for folder in path.parents)]
        if pattern := adapters.get("NAME"):
            tried = [Path(str(pattern).replace("NAME", name)) for name in names if name]
            own = next((one for one in tried if one.is_file()), None)
        else:
            name = next((name for name in names if name in adapters), "")
            tried, own, idle = [], adapters.get(name), idle - {name}
        if own is None:
            missing = f"{tried[0]} not found" if tried else f"none of {', '.join(adapters)}"
            raise InputError(f"--adapter: no adapter for {shown(str(source))} ({missing}). Make it with `vad adapt`.")
        found.setdefault(own, []).append(source)
    if idle:
        raise InputError(f"--adapter {min(idle)}=…: no source of that name. Names are of files, cameras or folders.")
    return found
