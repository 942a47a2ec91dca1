"""Settings from a preset, `--set` and flags, with every problem reported at once and where it stands."""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from vadcli.environment import config_file, variables
from vadcli.errors import SettingsError
from vadcli.settings import Settings

Key = tuple[str, ...]
_PACKAGED = Path(__file__).parent / "_presets"
PRESETS = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "presets"


def preset_names() -> list[str]:
    """Names of the presets that come with the package, sorted."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_settings(
    preset: str | Path | None = None,
    assignments: Iterable[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings by precedence: flag, `--set`, preset, `VAD_*` environment variables, config file, default.

    Args:
        preset: a name from `preset_names()` or the path of a YAML file.
        assignments: texts of the form `section.key=value`, the value read as YAML.
        flags: values by dotted key; those that are None were not given.

    Raises:
        SettingsError: with one line for each unknown key and bad value, naming file and line.
    """
    values: dict[Key, Any] = {}
    origin: dict[Key, str] = {}
    for key, value, where in _files_and_variables(preset):
        values[key], origin[key] = value, where
    for text in assignments:
        name, separator, raw = text.partition("=")
        if not separator:
            raise SettingsError(f"--set {text}: expected section.key=value, as in pretrain.batch_size=8")
        key = tuple(name.strip().split("."))
        try:
            values[key], origin[key] = yaml.safe_load(raw), f"--set {name.strip()}"
        except yaml.YAMLError as error:
            raise SettingsError(f"--set {text}: the value is not YAML") from error
    for name, value in (flags or {}).items():
        if value is not None:
            key = tuple(name.split("."))
            values[key], origin[key] = value, f"--{key[-1].replace('_', '-')}"
    try:
        return Settings.model_validate(_nest(values))
    except ValidationError as error:
        raise SettingsError("\n".join(_describe(error, origin))) from error


def _files_and_variables(preset: str | Path | None) -> Iterator[tuple[Key, Any, str]]:
    """Values that no command line spells out, weakest first."""
    if (config := config_file()) is not None:
        yield from _read_preset(config, ())
    yield from variables(os.environ)
    if preset is not None:
        yield from _read_preset(_find_preset(str(preset)), ())


def _find_preset(name: str) -> Path:
    path = PRESETS / f"{name}.yaml"
    if path.is_file():
        return path
    path = Path(name)
    if path.is_file():
        return path
    raise SettingsError(f"preset {name}: not found. Use a YAML file or one of: {', '.join(preset_names())}.")


def _read_preset(path: Path, seen: tuple[Path, ...]) -> Iterator[tuple[Key, Any, str]]:
    """Every leaf of a preset and of what it extends, base first, with the file and line it stands on."""
    if path in seen:
        raise SettingsError(f"{path}: extends itself by way of {seen[-1]}")
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{line}: not valid YAML ({getattr(error, 'problem', error)})") from error
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise SettingsError(f"{path}: expected sections such as `pretrain:`, got a {root.tag.rpartition(':')[2]}")
    for key_node, value_node in root.value:
        if key_node.value == "extends":
            yield from _read_preset(_find_preset(str(value_node.value)), (*seen, path))
    for key_node, value_node in root.value:
        if key_node.value != "extends":
            yield from _leaves((str(key_node.value),), value_node, path)


def _leaves(key: Key, node: yaml.Node, path: Path) -> Iterator[tuple[Key, Any, str]]:
    if isinstance(node, yaml.MappingNode) and node.value:
        for key_node, value_node in node.value:
            yield from _leaves((*key, str(key_node.value)), value_node, path)
        return
    value = yaml.safe_load(yaml.serialize(node))
    if len(key) > 1 or value is not None:
        yield key, value, f"{path}:{node.start_mark.line + 1}"


def _nest(values: Mapping[Key, Any]) -> dict[str, Any]:
    """Nested mappings from dotted keys; a scalar where a section belongs is left for validation to name."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        branch = nested
        for part in key[:-1]:
            inner = branch.setdefault(part, {})
            if not isinstance(inner, dict):
                inner = branch[part] = {}
            branch = inner
        branch[key[-1]] = value
    return nested


def _describe(error: ValidationError, origin: Mapping[Key, str]) -> list[str]:
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
            message = problem["msg"][:1].lower() + problem["msg"][1:]
            text = f"{where}: {'.'.join(key)} = {problem['input']!r}: {message}"
            lines.setdefault((where, key[-1], message), text)
    return list(lines.values())


def _suggest(location: Key) -> str:
    section = Settings.model_fields.get(location[0])
    known = list(Settings.model_fields)
    if section is not None and len(location) > 1:
        known = list(type(getattr(Settings(), location[0])).model_fields)
    near = difflib.get_close_matches(location[-1], known, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
