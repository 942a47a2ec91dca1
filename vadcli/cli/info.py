"""`vad info`."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vadcli.cli.console import tell, tell_json
from vadcli.cli.options import AsJson, file_option, output_option
from vadcli.errors import InputError

_LEAVES_A_LINE = 3


def command(
    file: Annotated[
        Path | None, typer.Argument(help="Checkpoint, adapter, cache, exported model or video.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None,
        file_option("--plot", help="Learning curves to draw, .png or .svg, from the metrics log beside it."),
    ] = None,
    schema: Annotated[
        Literal["score", "event", "eval"] | None,
        output_option("--schema", help="Print the JSON Schema of frames' records, events or evaluations instead."),
    ] = None,
    whole: Annotated[bool, output_option("--all", help="Print everything, settings included, as a tree.")] = False,
    as_json: AsJson = False,
) -> None:
    """Describe a checkpoint, adapter, cache or video.

    Prints what it was made from (by SHA-256), what it learned from and the
    level of its alarms; of a video its size, rate, length and the time it
    began. With --all, also settings, training record and calibration. With
    --plot, how a training went is drawn instead,
    also while it still runs. With --json, the object is of schema vad.info/1;
    commands that make a file or folder print the same of it with --json, and
    what came of the run as `run`.

    Examples:
      vad info meta.safetensors

      vad info model.safetensors --plot curves.png

      vad info gate_20251125_100000.mp4

      vad info --schema event > event.schema.json

      vad info ped2.h5 --json | jq '.clips[] | select(.labels)'
    """
    if schema is not None:
        from vadcli.tasks.schemas import json_schema

        tell_json(json_schema(schema))
        return
    if file is None:
        raise InputError("info: give a file, or --schema. See `vad info --help`.")
    from vadcli.tasks.info import describe_file, plot_training, summary

    if plot is not None:
        plot_training(file, plot)
        tell(plot)
        return
    told = describe_file(file)
    if as_json:
        tell_json(told)
        return
    from vadcli.terminal import printable, shortened

    if not whole and (lines := summary(told)):
        print(printable(f"{told['file']}: {told['kind']}, {told['bytes']:,} bytes"))
        for name, text in ((name, printable(text)) for name, text in lines):
            print(f"  {name:11} {shortened(text, 66) if sys.stdout.isatty() else text}")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.tree import Tree

    del told["schema"]
    if "settings" in told:
        told["settings"] = _not_default(told["settings"])
    tree = Tree(escape(printable(told.pop("file"))))
    _grow(tree, told)
    Console(highlight=False, emoji=False, width=200).print(tree, crop=False, overflow="ignore", no_wrap=True)


def _not_default(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that are not the default, by section, so that a screen holds them; `--json` has all."""
    from vadcli.settings import Settings

    default, kept = Settings().model_dump(mode="json"), {}
    for section, values in settings.items():
        usual = default.get(section, {})
        if own := {name: value for name, value in values.items() if value != usual.get(name)}:
            kept[section] = own
    return {**kept, "all others": "as by default; see --json"}


def _grow(branch: Any, values: dict[str, Any]) -> None:
    """Add values to a tree: sections as branches, leaves as `name: value`."""
    from rich.markup import escape

    from vadcli.terminal import printable

    def plain(value: object) -> str:
        return escape(printable(value))

    for name, value in values.items():
        if isinstance(value, dict) and not any(isinstance(leaf, dict | list) for leaf in value.values()):
            leaves = [
                f"{key} {leaf:.6g}" if isinstance(leaf, float) else f"{key} {leaf}" for key, leaf in value.items()
            ]
            for first in range(0, max(len(leaves), 1), _LEAVES_A_LINE):
                branch.add(f"{plain(name)}: {plain(', '.join(leaves[first : first + _LEAVES_A_LINE]))}")
        elif isinstance(value, dict):
            _grow(branch.add(plain(name)), value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            items = branch.add(f"{plain(name)}: {len(value)}")
            for item in value:
                items.add(plain(", ".join(f"{key} {leaf}" for key, leaf in item.items())))
        else:
            text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
            branch.add(f"{plain(name)}: {plain(text)}")
