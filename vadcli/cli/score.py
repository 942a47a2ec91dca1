"""`vad score`."""

from pathlib import Path
from typing import Annotated, TextIO, cast

import typer

from vadcli.cli.options import Model, Quiet, file_option, input_option, model_option, output_option, with_settings
from vadcli.scoring.records import Format, Records, format_of
from vadcli.settings import Settings


@with_settings(
    "score.threshold",
    "score.false_alarms_per_hour",
    "score.warmup",
    "score.learn",
    "source.fps",
    "source.mask_top",
    "source.ignore",
    "source.only",
    "span.start",
    "span.end",
    "span.duration",
    "span.began",
    "span.names_in",
    "span.track",
    "span.join",
    "score.batch_size",
    "score.device",
    "score.precision",
)
def command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Videos, folders, patterns, - for a container on stdin, rtsp:// or http:// URLs, camera:0.",
        ),
    ],
    model: Model = None,
    adapter: Annotated[
        list[str] | None,
        model_option(
            "--adapter",
            "-a",
            metavar="FILE",
            help="Adapter made by `vad adapt` for this camera; for several gate=FILE,yard=FILE or folder/NAME.st.",
        ),
    ] = None,
    shots: Annotated[
        int | None,
        model_option("--shots", "-k", min=1, help="Adapt on the first K windows of each source before scoring it."),
    ] = None,
    format_: Annotated[
        Format | None,
        output_option(
            "--format", "-f", help="File format.", show_default="by --out's name; table on a terminal, else ndjson"
        ),
    ] = None,
    records: Annotated[
        Records | None,
        output_option(
            "--records",
            "-r",
            help="A record for every frame, or for every event.",
            show_default="events in tables and subtitles, else frames",
        ),
    ] = None,
    open_: Annotated[bool, output_option("--open", help="With events: also write one when it begins.")] = False,
    out: Annotated[Path | None, file_option("--out", "-o", help="File to write.", show_default="stdout")] = None,
    fail_on_anomaly: Annotated[
        bool, output_option("--fail-on-anomaly", help="Exit with code 1 if there was an event.")
    ] = False,
    heatmaps: Annotated[
        Path | None,
        output_option("--heatmaps", metavar="DIR", help="Folder for a picture of every event, from when it begins on."),
    ] = None,
    snapshots: Annotated[
        Path | None,
        output_option("--snapshots", metavar="DIR", help="Folder for a plain and a marked still of every event."),
    ] = None,
    clips: Annotated[
        Path | None,
        output_option("--clips", metavar="DIR", help="Folder for a video of every event, 3 s before to 3 s after it."),
    ] = None,
    clips_exact: Annotated[
        bool, output_option("--clips-exact", help="Encode clips, which else begin on the key frame before.")
    ] = False,
    annotated: Annotated[
        Path | None, file_option("--annotated", metavar="FILE.mp4", help="Video with heat and scores (H.264).")
    ] = None,
    report: Annotated[
        Path | None, file_option("--report", metavar="FILE.html", help="Report in one HTML file.")
    ] = None,
    shard: Annotated[
        str | None,
        input_option("--shard", metavar="I/N", help="One of N jobs: every N-th source from number I, counted from 0."),
    ] = None,
    *,
    settings: Settings,
    quiet: Quiet = False,
) -> None:
    """Find abnormal moments in recordings and streams.

    A terminal gets a table of events, a pipe or file a record a frame
    (NDJSON); `-r events` gives events there too, `-f` other formats.

    A score of 0 is the scene's typical frame, 1 the level that its normal
    footage exceeds at the default rate of alarms. `--model none` scores by
    motion and look alone, without a network. The first frames of a source
    have no score: the first prediction is made from them.

    Examples:
      vad score video.mp4

      vad score gate/ --join --ignore "0,0 1,0.1" --start 00:10:00 --duration 60

      vad score recordings/ -a adapter.safetensors -r events -o events.csv

      vad score recordings/ --shard $SLURM_ARRAY_TASK_ID/100 -o part-$SLURM_ARRAY_TASK_ID.ndjson

      vad score video.mp4 --shots 10 --warmup 20 --report report.html

      ffmpeg -i rtsp://camera/live -c copy -f matroska - |
        vad score - --records events --open
    """
    import sys

    from vadcli.cli import console
    from vadcli.errors import InputError

    if "-" in sources and (sys.stdin is None or sys.stdin.isatty()):
        raise InputError(
            "-: nothing is piped in. Pipe a container into it: ffmpeg -i VIDEO -c copy -f matroska - | vad score -"
        )
    on_terminal = out is None and sys.stdout.isatty()
    form = format_ or (format_of(out.name) if out else None) or ("table" if on_terminal else "ndjson")
    records = records or ("events" if open_ or form in ("table", "srt", "vtt") else "frames")
    if open_ and records == "frames":
        raise InputError("--open: writes events, and --records is frames. Use --records events with it.")

    from vadcli.footage.shards import parse_shard
    from vadcli.tasks.score import Models, Outputs, score
    from vadcli.terminal import PrintableStream, stop_with_reader

    adapter_of_all, adapters = _adapters(adapter or [])
    models = Models(model, adapter_of_all, adapters, shots)
    outputs = Outputs(form, records, open_, out, heatmaps, annotated, report, snapshots, clips, clips_exact)
    part = parse_shard(shard or "0/1")
    if not (fail_on_anomaly or out or outputs.pictures):
        stop_with_reader()
    data = sys.stdout  # the bar's own stand-in would send data that is piped elsewhere to the terminal
    with console.progress(quiet) as shown:
        stream = cast(TextIO, PrintableStream(sys.stdout)) if on_terminal else data
        tally = score(sources, models, outputs, settings, stream, shown, part=part)
    if not quiet and (tally.sources or tally.frames):
        took = tally.timing
        waits = f"waits: decode {took.decode_wait_s:.1f} s, output {took.output_wait_s:.1f} s"
        console.say(tally.summary(settings.score.false_alarms_per_hour))
        console.say(f"compute {took.compute_s:.1f} s, {waits}")
    if tally.interrupted:
        raise KeyboardInterrupt
    tally.require_all_scored()
    if fail_on_anomaly:
        tally.require_no_anomaly()


def _adapters(texts: list[str]) -> tuple[Path | None, dict[str, Path]]:
    """One adapter for all sources, or several by the names of what they are for."""
    from vadcli.errors import InputError

    if len(texts) == 1 and Path(texts[0]).exists():
        return Path(texts[0]), {}
    parts = [part for text in texts for part in text.split(",")]
    pairs = [part.partition("=") for part in parts]
    if len(parts) == 1 and not pairs[0][1]:
        return (None, {"NAME": Path(parts[0])}) if "NAME" in parts[0] else (Path(parts[0]), {})
    if not all(name and sign and path for name, sign, path in pairs) or len({name for name, _, _ in pairs}) < len(
        pairs
    ):
        raise InputError("--adapter: of several, say what each is for: --adapter gate=gate.st,yard=yard.st")
    return None, {name: Path(path) for name, _, path in pairs}
