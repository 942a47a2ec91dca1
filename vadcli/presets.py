"""Settings from flags, `--set`, presets, variables and the config file; every problem at once, and where it stands."""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vadcli.errors import SettingsError, said_plainly
from vadcli.plain_yaml import Key, Leaf, leaves_of_file, leaves_of_text
from vadcli.settings import SECTIONS, Settings
from vadcli.terminal import shortened

MOST_PROBLEMS = 30
_NO_SETTINGS = {"VAD_MODEL", "VAD_DATA"}  # the default of --model, and the tests' footage
_PACKAGED = Path(__file__).parent / "_presets"
PRESETS = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "presets"


def preset_names() -> list[str]:
    """Names of the presets that come with the package, sorted."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_settings(
    preset: str | Path | None = None, assignments: Iterable[str] = (), flags: Mapping[str, Any] | None = None
) -> Settings:
    """Settings by precedence: flag, `--set`, preset, `VAD_*` environment variables, config file, default.

    Args:
        preset: a name from `preset_names()` or the path of a YAML file.
        assignments: texts of the form `section.key=value`, the value read as YAML.
        flags: values by dotted key; those that are None were not given.

    Raises:
        SettingsError: with one line for each unknown key and bad value, naming file and line.
    """
    leaves = list(_leaves_of_preset(config, ())) if (config := config_file()) is not None else []
    leaves += variables(os.environ)
    leaves += _leaves_of_preset(_find_preset(str(preset)), ()) if preset is not None else []
    leaves += _assigned(assignments)
    for name, value in (flags or {}).items():
        if value is not None:
            key = tuple(name.split("."))
            leaves.append(Leaf(key, value, f"--{key[-1].replace('_', '-')}"))
    return settings_of_leaves(leaves)


def config_file() -> Path | None:
    """`vad/config.yaml` in the user's configuration folder (XDG), written as a preset is; None where there is none."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    with suppress(RuntimeError):  # a user without a home
        path = (Path(folder) if Path(folder).is_absolute() else Path("~/.config").expanduser()) / "vad" / "config.yaml"
        return path if path.exists() else None
    return None


def variables(environment: Mapping[str, str]) -> list[Leaf]:
    """The value of every variable that is a setting; empty ones count as absent.

    `VAD_THRESHOLD` sets `threshold` in every section that has one, `VAD_SCORE_THRESHOLD` in `score` alone, and comes
    later here, so that it wins. Values are YAML, as in `--set`. Variables of other programs are left alone.

    Raises:
        SettingsError: with one line for each name that is nearly a setting's, and each value that is not YAML.
    """
    of_all: dict[str, list[Key]] = {}
    for section, settings in SECTIONS.items():
        for key in settings.model_fields:
            of_all.setdefault(f"VAD_{key}".upper(), []).append((section, key))
    leaves: list[Leaf] = []
    problems: list[str] = []
    for name, text in sorted(environment.items(), key=lambda variable: (variable[0] not in of_all, variable[0])):
        if not name.startswith("VAD_") or name in _NO_SETTINGS or not text.strip():
            continue
        section, _, key = name.removeprefix("VAD_").lower().partition("_")
        places = of_all.get(name) or ([(section, key)] if section in SECTIONS else [])
        if not places:
            if near := difflib.get_close_matches(name, of_all, n=1, cutoff=0.85):
                problems.append(f"{name}: no setting has this name. Did you mean {near[0]}?")
            continue
        try:
            values = [leaf.value for leaf in leaves_of_text(text, name) if not leaf.key]
        except SettingsError as error:
            problems.append(str(error))
        else:
            leaves += [Leaf(place, value, name) for value in values for place in places]
    if problems:
        raise SettingsError("\n".join(problems))
    return leaves


def settings_of_leaves(leaves: Iterable[Leaf]) -> Settings:
    """Settings from values with their origins, later ones first in force.

    Raises:
        SettingsError: with one line for each unknown key and bad value.
    """
    leaves = list(leaves)
    values = {leaf.key: leaf.value for leaf in leaves}
    origin = {leaf.key: leaf.where for leaf in leaves}
    try:
        return Settings.model_validate(_nest(values))
    except ValidationError as error:
        raise SettingsError(*_described(error, origin)) from error


def _assigned(assignments: Iterable[str]) -> Iterator[Leaf]:
    for text in assignments:
        name, separator, raw = text.partition("=")
        name = name.strip()
        if not separator:
            raise SettingsError(f"--set {text}: expected section.key=value, as in pretrain.batch_size=8")
        for leaf in leaves_of_text(raw, f"--set {name}"):
            yield replace(leaf, key=(*name.split("."), *leaf.key))


def _find_preset(name: str) -> Path:
    for path in (PRESETS / f"{name}.yaml", Path(name)):
        with suppress(OSError, ValueError):  # a name too long, or with a zero byte
            if path.is_file():
                return path
    raise SettingsError(f"preset {name[:100]}: not found. Use a YAML file or one of: {', '.join(preset_names())}.")


def _leaves_of_preset(path: Path, seen: tuple[Path, ...]) -> Iterator[Leaf]:
    """Every leaf of a preset and of what it extends, base first."""
    if path.resolve() in seen:
        raise SettingsError(f"{path}: extends itself by way of {seen[-1]}. Take one `extends` away.")
    leaves = leaves_of_file(path)
    for leaf in leaves:
        if leaf.key[0] == "extends":
            if not isinstance(leaf.value, str) or len(leaf.key) > 1:
                raise SettingsError(f"{leaf.where}: extends names one preset, as in `extends: smoke`.")
            yield from _leaves_of_preset(_find_preset(leaf.value), (*seen, path.resolve()))
    yield from (leaf for leaf in leaves if leaf.key[0] != "extends")


def _nest(values: Mapping[Key, Any]) -> dict[str, Any]:
    """Nested mappings from dotted keys; a scalar where a section belongs is left for validation to name."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        branch = nested
        for name in key[:-1]:
            branch = branch.setdefault(name, {})
            if not isinstance(branch, dict):
                break
        else:
            if value != {} or not isinstance(branch.get(key[-1]), dict):
                branch[key[-1]] = value
    return nested


def _described(error: ValidationError, origin: Mapping[Key, str]) -> list[str]:
    lines: dict[tuple[str, str, str], str] = {}  # a pair of bad numbers is one problem, a variable of many sections too
    for problem in error.errors():
        location = tuple(str(part) for part in problem["loc"])
        key = next((location[:n] for n in range(len(location), 0, -1) if location[:n] in origin), location)
        where = origin.get(key) or next((o for k, o in origin.items() if k[: len(key)] == key), "settings")
        if problem["type"] == "extra_forbidden":
            lines[where, ".".join(location), ""] = (
                f"{where}: unknown setting {'.'.join(location)}. {_suggest(location)}"
            )
        else:
            message = said_plainly(problem)
            text = f"{where}: {'.'.join(key)} = {shortened(repr(problem['input']), 61)}: {message}"
            lines.setdefault((where, key[-1], message), text)
    more = len(lines) - MOST_PROBLEMS
    return [*list(lines.values())[:MOST_PROBLEMS], *([f"… and {more} more problems"] if more > 0 else [])]


def _suggest(location: Key) -> str:
    in_section = location[0] in SECTIONS and len(location) > 1
    known = list(SECTIONS[location[0]].model_fields if in_section else SECTIONS)
    near = difflib.get_close_matches(location[-1], known, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
