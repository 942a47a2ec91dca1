"""`vad prepare`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vadcli.cli.options import Preset, Quiet, Set, setting


class Layout(StrEnum):
    """Ways that footage lies on disk."""

    VIDEOS = "videos"
    FRAMES = "frames"
    DEMO = "demo"
    FRAMES_BENCHMARK = "frames-benchmark"
    UCSD = "ucsd"
    AVENUE = "avenue"
    SHANGHAITECH = "shanghaitech"
    UCF_CRIME = "ucf-crime"
    UMN = "umn"


class SplitName(StrEnum):
    """Parts of a data set."""

    TRAIN = "train"
    TEST = "test"


class CodecName(StrEnum):
    """Ways to store frames."""

    RAW = "raw"
    JPEG = "jpeg"


def command(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE", help="Videos, folders, or benchmarks.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Cache to write, or to add to.")],
    layout: Annotated[
        Layout | None, typer.Option("--layout", help="How the sources are laid out.", show_default="found by looking")
    ] = None,
    size: Annotated[str | None, setting("prepare.size")] = None,
    channels: Annotated[int | None, setting("prepare.channels")] = None,
    fps: Annotated[float | None, setting("prepare.fps")] = None,
    mask_top: Annotated[float | None, setting("prepare.mask_top")] = None,
    split: Annotated[
        SplitName | None, typer.Option("--split", help="Split of all clips.", show_default="the layout's")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Label file, or a folder of one file a clip.", show_default="the layout's"),
    ] = None,
    codec: Annotated[CodecName | None, setting("prepare.codec")] = None,
    workers: Annotated[int | None, setting("prepare.workers")] = None,
    preset: Preset = None,
    assignments: Set = None,
    quiet: Quiet = False,
) -> None:
    """Decode videos, folders or benchmarks into one frame cache.

    A run that was interrupted goes on where it stopped, and a second run does nothing. A file given by itself is a
    scene; the videos of a folder are one scene. Clips with abnormal frames go to split test, others to train, unless
    the layout or --split says otherwise. Labels are CSV (clip,start_frame,end_frame or frame,label; frames from 0,
    both ends included), .npy, .mat or .m.

    [dim]Examples:[/]
      vad prepare normal/ --out normal.h5 --size 128 --channels 1
      vad prepare ped2/ --out ped2.h5 --preset ped2
      vad prepare monday.mp4 --labels monday.csv --out monday.h5
    """
    from vadcli.cli import console
    from vadcli.errors import FootageError
    from vadcli.presets import load_settings
    from vadcli.stages.prepare import prepare

    flags = {
        "prepare.size": size,
        "prepare.channels": channels,
        "prepare.fps": fps,
        "prepare.mask_top": mask_top,
        "prepare.workers": workers,
        "prepare.codec": codec.value if codec else None,
    }
    settings = load_settings(preset, assignments or (), flags).prepare
    with console.progress(quiet) as progress:
        made = prepare(
            sources,
            out,
            settings,
            progress,
            layout=layout.value if layout else None,
            split=split.value if split else None,
            labels=labels,
        )
    console.tell(made.summary(out))
    trains = any(clip.split == "train" for clip in made.clips)
    console.hint(f"next: vad {f'pretrain {out} --out model.safetensors' if trains else f'eval {out}'}", quiet)
    if made.problems:
        raise FootageError(*made.problems)
