"""Flags: those of settings, made from `vadcli.settings`, and those that many commands share."""

import functools
import inspect
import os
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from vadcli.errors import InputError
from vadcli.presets import load_settings, preset_names
from vadcli.settings import SECTIONS

# Panels of `--help`. A setting stands in the panel of its section, or of its key where that says more.
_SECTION_PANELS = {
    "prepare": "Input", "source": "Input", "span": "Input", "model": "Network", "pretrain": "Training",
    "metatrain": "Training", "adapt": "Adaptation", "score": "Alarms", "eval": "Evaluation",
}  # fmt: skip
_KEY_PANELS = dict.fromkeys(("device", "precision", "workers"), "Machine") | {"score.batch_size": "Machine"}
_METAVARS = {
    "prepare.size": "SIZE", "model.size": "SIZE", "source.ignore": "POLYGON", "source.only": "POLYGON",
    "span.start": "TIME", "span.end": "TIME", "span.began": "TIME", "span.names_in": "TZ",
}  # fmt: skip
_NAMES = {"shots": ("--shots", "-k"), "second_order": ("--second-order/--first-order",)}


def in_panel(panel: str) -> Callable[..., Any]:
    """`typer.Option` for options of one panel of `--help`."""
    return functools.partial(typer.Option, rich_help_panel=panel)


input_option, model_option, output_option = in_panel("Input"), in_panel("Model"), in_panel("Output")


def _file(text: str) -> Path:
    if str(text).endswith(("/", os.sep)):
        raise InputError(f"{text}: a folder. Give the name of a file.")
    return Path(text)


file_option = functools.partial(output_option, parser=_file, metavar="FILE")  # of a file to write


def setting(dotted: str) -> Any:
    """The Typer option of a setting such as `score.batch_size`; its value is None when it is not given."""
    section, key = dotted.split(".")
    field = SECTIONS[section].model_fields[key]
    default = field.default
    shown = "x".join(map(str, default)) if isinstance(default, tuple) else default
    text = f"{(field.description or '')[:1].upper()}{(field.description or '')[1:]}."
    return typer.Option(
        *_NAMES.get(key, (f"--{key.replace('_', '-')}",)),
        help=text if default in (None, ()) else rf"{text} [dim]\[default: {shown}][/]",
        show_default=False,
        metavar=_METAVARS.get(dotted),
        rich_help_panel=_KEY_PANELS.get(dotted) or _KEY_PANELS.get(key) or _SECTION_PANELS[section],
    )


def with_settings(*flags: str, preset: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command flags for settings, `--preset` and `--set`, and hands it the settings that they come to.

    Flags such as `score.threshold` stand, in the order of `--help`, where the command has its parameter `settings`;
    `preset` is taken when none is given.
    """

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        parameters = []
        for parameter in inspect.signature(command).parameters.values():
            own = parameter.name != "settings"
            parameters += [parameter] if own else [*map(_parameter, flags), _PRESET, _SET]

        @functools.wraps(command)
        def call(preset_: str | None, set_: list[str] | None, **values: Any) -> None:
            given = {dotted: values.pop(dotted.replace(".", "_")) for dotted in flags}
            given = {dotted: value for dotted, value in given.items() if value != []}
            command(settings=load_settings(preset_ or preset, set_ or (), given), **values)

        keyword = inspect.Parameter.KEYWORD_ONLY
        call.__signature__ = inspect.Signature([each.replace(kind=keyword) for each in parameters])  # type: ignore[attr-defined]
        return call

    return wrap


def one_of(choices: Any) -> dict[str, Any]:
    """Arguments of `typer.Option` for a repeatable flag with choices, a Literal: Typer knows single ones only."""
    names = get_args(choices)

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} is not one of {', '.join(map(repr, names))}.")
        return text

    return {
        "parser": parse,
        "metavar": f"<{'|'.join(names)}>",
        "autocompletion": lambda incomplete: [name for name in names if name.startswith(incomplete)],
    }


def _parameter(dotted: str) -> inspect.Parameter:
    """A command's parameter for a setting, typed as the setting is."""
    section, key = dotted.split(".")
    kind = SECTIONS[section].model_fields[key].annotation
    if get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(each for each in get_args(kind) if each is not types.NoneType)
    kind = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    repeated = get_args(kind)[1:] == (...,)
    plain = list[str] if repeated else kind if kind in (bool, int, float) or get_origin(kind) is Literal else str
    return _optional(dotted.replace(".", "_"), Annotated[plain | None, setting(dotted)])  # type: ignore[operator]


def _optional(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _presets(incomplete: str) -> list[str]:
    return [name for name in preset_names() if name.startswith(incomplete)]


def _keys(incomplete: str) -> list[str]:
    """`section.key=` of every setting."""
    keys = (f"{section}.{key}=" for section, settings in SECTIONS.items() for key in settings.model_fields)
    return [key for key in keys if key.startswith(incomplete)]


_PRESET = _optional(
    "preset_",
    Annotated[
        str | None,
        in_panel("Settings")("--preset", help="A preset's name, or a YAML file of settings.", autocompletion=_presets),
    ],
)
_SET = _optional(
    "set_",
    Annotated[
        list[str] | None,
        in_panel("Settings")(
            "--set",
            metavar="KEY=VALUE",
            help="One setting, as in pretrain.batch_size=8; repeatable.",
            autocompletion=_keys,
        ),
    ],
)

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but results and errors.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")]
TensorBoard = Annotated[
    bool, output_option("--tensorboard", help="Also write figures as TensorBoard events, to OUT.tensorboard.")
]
Model = Annotated[
    Path | None,
    model_option(
        "--model", "-m", help="Checkpoint to use.", envvar="VAD_MODEL", show_default="the model in the package"
    ),
]
AsJson = Annotated[bool, output_option("--json", help="Print one JSON object, with its schema.")]
Caches = Annotated[list[Path], typer.Argument(metavar="CACHE.h5", help="Caches made by `vad prepare`.")]
