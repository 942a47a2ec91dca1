"""`vad prepare`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from vadcli.cli.options import AsJson, Quiet, file_option, input_option, with_settings
from vadcli.settings import Settings

Layout = Literal[
    "videos", "frames", "demo", "frames-benchmark", "ucsd", "avenue", "shanghaitech", "ucf-crime", "umn"
]  # fmt: skip


@with_settings(
    "prepare.fps", "prepare.mask_top", "prepare.size", "prepare.channels", "prepare.codec", "prepare.workers"
)
def command(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE", help="Videos, folders, or benchmarks.")],
    out: Annotated[Path, file_option("--out", "-o", help="Cache to write, or to add to.")],
    layout: Annotated[
        Layout | None, input_option("--layout", help="How the sources are laid out.", show_default="found by looking")
    ] = None,
    split: Annotated[
        Literal["train", "test"] | None,
        input_option("--split", help="Split of all clips.", show_default="the layout's"),
    ] = None,
    labels: Annotated[
        Path | None,
        input_option("--labels", help="Label file, or a folder with one file a clip.", show_default="the layout's"),
    ] = None,
    *,
    settings: Settings,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Decode videos, folders or benchmarks into one frame cache.

    An interrupted run continues where it stopped; a second run does nothing.
    A file given by itself is a scene; the videos of a folder are one scene.
    Clips with abnormal frames go to split test, others to train, unless the
    layout or --split says otherwise. Labels are CSV (clip,start_frame,
    end_frame or frame,label; frames from 0, both ends included), .npy, .mat
    or .m.

    Examples:
      vad prepare normal/ --out normal.h5 --size 128 --channels 1

      vad prepare ped2/ --out ped2.h5 --preset ped2

      vad prepare monday.mp4 --labels monday.csv --out monday.h5
    """
    from vadcli.cli import console
    from vadcli.errors import FootageError
    from vadcli.processes import joined
    from vadcli.tasks.prepare import prepare

    with joined("cpu") as processes, console.progress(quiet or not processes.leads) as progress:
        made = prepare(sources, out, settings.prepare, progress, layout=layout, split=split, labels=labels)
    if not processes.leads:
        return
    if as_json:
        console.tell_made(out, {"decoded": made.decoded, "problems": made.problems})
    else:
        console.tell(made.summary(out))
    trains = any(clip.split == "train" for clip in made.clips)
    console.hint(f"next: vad {f'pretrain {out} --out model.safetensors' if trains else f'eval {out}'}", quiet)
    if made.problems:
        raise FootageError(*made.problems)
