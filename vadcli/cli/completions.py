"""Completions for bash, zsh and fish, made from the commands themselves: `python -m vadcli.cli.completions DIR`."""

import enum
import importlib
import inspect
import sys
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import typer
from typer.models import ArgumentInfo, OptionInfo

from vadcli.cli.app import COMMANDS
from vadcli.presets import preset_names
from vadcli.settings import Settings

Takes = Literal["nothing", "path", "folder", "choice", "text"]
FILES = {"vad.bash": "bash", "_vad": "zsh", "vad.fish": "fish"}
# Sections of settings that a command reads besides, or instead of, the one of its name.
_SECTIONS = {
    "pretrain": ("pretrain", "model"),
    "adapt": ("adapt", "score", "source"),
    "score": ("score", "adapt", "source"),
    "zones": ("source",),
    "eval": ("eval", "adapt", "score"),
    "bench": ("model",),
}
_MADE_BY = "# Made by `python -m vadcli.cli.completions completions`; do not edit."


@dataclass(frozen=True)
class Flag:
    """One option of a command, or what its arguments are.

    Attributes:
        names: `--long` and `-s`; none for arguments.
        help: one line.
        takes: what follows it.
        choices: offered after it.
    """

    names: tuple[str, ...]
    help: str
    takes: Takes
    choices: tuple[str, ...] = ()


def describe(command: str) -> tuple[list[Flag], Flag]:
    """Options of a command, and what its arguments are."""
    function = importlib.import_module(f"vadcli.cli.{command}").command
    hints = typing.get_type_hints(function, include_extras=True)
    options, arguments = [], Flag((), "", "path")
    for name in inspect.signature(function).parameters:
        if hints[name] is typer.Context:
            continue
        base, info = _unwrap(hints[name])
        takes, choices = _takes(command, name.rstrip("_"), base, getattr(info, "metavar", None))
        if isinstance(info, OptionInfo):
            # Typer keeps the first name given to Option() where a default would stand.
            named = [d for d in (info.default, *(info.param_decls or ())) if isinstance(d, str) and d[:1] == "-"]
            declared = named or [_flag(name)]
            names = tuple(part for d in declared for part in d.split("/"))
            options.append(Flag(names, _one_line(info.help), takes, choices))
        else:
            arguments = Flag((), "", takes, choices)
    return [*options, Flag(("--help", "-h"), "Show help.", "nothing")], arguments


def _unwrap(hint: Any) -> tuple[Any, OptionInfo | ArgumentInfo]:
    """The type below Annotated, `| None` and `list`, and Typer's description."""
    base, *extras = typing.get_args(hint)
    if typing.get_origin(base) in (types.UnionType, typing.Union):
        base = next(one for one in typing.get_args(base) if one is not types.NoneType)
    if typing.get_origin(base) is list:
        (base,) = typing.get_args(base)
    return base, next(extra for extra in extras if isinstance(extra, OptionInfo | ArgumentInfo))


def _takes(command: str, name: str, base: Any, metavar: str | None) -> tuple[Takes, tuple[str, ...]]:
    if base is bool:
        return "nothing", ()
    if name == "preset":
        return "choice", tuple(preset_names())
    if metavar == "KEY=VALUE":
        return "choice", tuple(_settings(_SECTIONS.get(command, (command,))))
    section = getattr(Settings(), command, None)
    field = type(section).model_fields.get(name) if section else None
    for kind in (base, field.annotation if field else None):
        if typing.get_origin(kind) is Literal:
            return "choice", tuple(map(str, typing.get_args(kind)))
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return "choice", tuple(str(one.value) for one in kind)
    if metavar == "DIR":
        return "folder", ()
    return ("path", ()) if base is Path or metavar in ("SOURCE", "SOURCE...") else ("text", ())


def _settings(sections: tuple[str, ...]) -> list[str]:
    """`section.key=` of every setting of some sections."""
    return [f"{section}.{key}=" for section in sections for key in type(getattr(Settings(), section)).model_fields]


def _flag(name: str) -> str:
    return "--" + name.rstrip("_").replace("_", "-")


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def bash() -> str:
    """The completion of bash, which needs nothing but bash 4."""
    cases = []
    for command in COMMANDS:
        options, arguments = describe(command)
        lines = [f"    {command})"]
        lines.append('      case "$previous" in')
        for option in options:
            if option.takes == "nothing":
                continue
            pattern = "|".join(option.names)
            lines.append(f"        {pattern}) {_bash_offer(option)}; return ;;")
        lines.append("      esac")
        names = " ".join(name for option in options for name in option.names)
        lines.append(f'      if [[ $current == -* ]]; then _vad_words "{names}"; return; fi')
        lines.append(f"      {_bash_offer(arguments)} ;;")
        cases.append("\n".join(lines))
    return "\n".join(
        [
            _MADE_BY,
            '_vad_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }',
            '_vad_paths() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); }',
            '_vad_folders() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current"); }',
            "_vad_keys() {",
            "  # a word that ends in = is not over; bash splits words at =, so what stands behind it is not completed",
            '  _vad_words "$1"; compopt -o nospace',
            "}",
            "_vad() {",
            "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}",
            "  COMPREPLY=()",
            "  if ((COMP_CWORD == 1)); then",
            f'    _vad_words "{" ".join(COMMANDS)} --help --version"',
            "    return",
            "  fi",
            "  case ${COMP_WORDS[1]} in",
            *cases,
            "  esac",
            "}",
            "complete -F _vad vad",
            "",
        ]
    )


def _bash_offer(flag: Flag) -> str:
    if flag.takes == "choice":
        words = f'"{" ".join(flag.choices)}"'
        if "--preset" in flag.names:
            return f"_vad_words {words}; [[ ${{#COMPREPLY[@]}} -gt 0 ]] || _vad_paths"
        return f"_vad_keys {words}" if flag.choices[0].endswith("=") else f"_vad_words {words}"
    return {"path": "_vad_paths", "folder": "_vad_folders"}.get(flag.takes, ":")


def zsh() -> str:
    """The completion of zsh, a file for a folder of `$fpath`."""
    cases = []
    for command in COMMANDS:
        options, arguments = describe(command)
        lines = [f"    {command})", "      _arguments -s -S \\"]
        for option in options:
            offer = _zsh_offer(option)
            names = option.names
            together = f"'({' '.join(names)})'{{{','.join(names)}}}" if len(names) > 1 else names[0]
            repeat = "'*'" if "--set" in names or "--protocol" in names else ""
            if repeat:
                together = f"'*'{names[0]}"
            lines.append(f"        {together}{_zsh_quote(f'[{_zsh_help(option.help)}]{offer}')} \\")
        lines.append(f"        {_zsh_quote('*' + (_zsh_offer(arguments) or ':argument:'))} ;;")
        cases.append("\n".join(lines))
    commands = "\n".join(f"    {_zsh_quote(f'{name}:{_zsh_help(text)}')}" for name, text in COMMANDS.items())
    return "\n".join(
        [
            "#compdef vad",
            _MADE_BY,
            "_vad_presets() {",
            f"  _alternative 'presets:preset:({' '.join(preset_names())})' 'files:file:_files -g \"*.y(a|)ml\"'",
            "}",
            "_vad() {",
            "  local -a commands=(",
            commands,
            "  )",
            "  if ((CURRENT == 2)); then",
            "    _describe command commands",
            "    return",
            "  fi",
            "  shift words; ((CURRENT--))",
            "  case $words[1] in",
            *cases,
            "  esac",
            "}",
            'if [[ $funcstack[1] == _vad ]]; then _vad "$@"; else compdef _vad vad; fi',
            "",
        ]
    )


def _zsh_offer(flag: Flag) -> str:
    if flag.takes == "nothing":
        return ""
    if flag.takes == "choice":
        words = " ".join(flag.choices)
        if "--preset" in flag.names:
            return ":preset:_vad_presets"
        if flag.choices[0].endswith("="):
            return f":setting:{{compadd -S '' -- {words}}}"
        return f":choice:({words})"
    return {"path": ":path:_files", "folder": ":folder:_files -/"}.get(flag.takes, ":value: ")


def _zsh_help(text: str) -> str:
    return text.replace("[", "(").replace("]", ")").replace(":", "\\:")


def _zsh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish() -> str:
    """The completion of fish."""
    lines = [_MADE_BY, "complete -c vad -f"]
    for name, text in COMMANDS.items():
        lines.append(f"complete -c vad -n __fish_use_subcommand -a {name} -d {_fish_quote(text)}")
    lines.append("complete -c vad -n __fish_use_subcommand -l help -d 'Show help.'")
    lines.append("complete -c vad -n __fish_use_subcommand -l version -d 'Print the version.'")
    for command in COMMANDS:
        options, arguments = describe(command)
        when = f"complete -c vad -n '__fish_seen_subcommand_from {command}'"
        offer = _fish_offer(arguments)
        if offer:
            lines.append(f"{when} {offer}")
        for option in options:
            names = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names)
            needs = "" if option.takes == "nothing" else " -r"
            lines.append(
                f"{when} {names}{needs} {_fish_offer(option)} -d {_fish_quote(option.help)}".replace("  ", " ")
            )
    return "\n".join([*lines, ""])


def _fish_offer(flag: Flag) -> str:
    if flag.takes == "choice":
        words = f"-a {_fish_quote(' '.join(flag.choices))}"
        return f"-F {words}" if "--preset" in flag.names else f"-f {words}"
    if flag.takes == "folder":
        return "-f -a '(__fish_complete_directories)'"
    return "-F" if flag.takes == "path" else "-f" if flag.takes == "text" and flag.names else ""


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def scripts() -> dict[str, str]:
    """Every file of completions/ by name."""
    makers = {"bash": bash, "zsh": zsh, "fish": fish}
    return {name: makers[shell]() for name, shell in FILES.items()}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for file, script in scripts().items():
        (folder / file).write_text(script, encoding="utf-8")
