"""Flags made from settings, so that help, bounds and defaults are written once, and flags that many commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vadcli.settings import Section, Settings


def setting(dotted: str, *names: str, metavar: str | None = None) -> Any:
    """A Typer option for a setting such as `score.batch_size`; None when not given.

    Args:
        dotted: section and key in `Settings`.
        names: flag names; `--batch-size` by default.
        metavar: what the help calls the value.
    """
    section_name, key = dotted.split(".")
    section: Section = getattr(Settings(), section_name)
    default = getattr(section, key)
    field = type(section).model_fields[key]
    shown = (
        "none"
        if default is None or default == ()
        else "x".join(map(str, default))
        if isinstance(default, tuple)
        else default
    )
    return typer.Option(
        *(names or (f"--{key.replace('_', '-')}",)),
        help=f"{(field.description or '')[:1].upper()}{(field.description or '')[1:]}.",
        show_default=str(shown),
        metavar=metavar,
    )


Preset = Annotated[str | None, typer.Option("--preset", help="A preset's name, or a YAML file of settings.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, as in pretrain.batch_size=8; repeatable."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an output that exists.")]
Model = Annotated[
    Path | None, typer.Option("--model", "-m", help="Checkpoint to use.", show_default="the model in the package")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
