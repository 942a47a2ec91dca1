"""Settings from outside of a command line: the user's config file and `VAD_*` environment variables."""

import difflib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from vadcli.errors import SettingsError
from vadcli.plain_yaml import Leaf, leaves_of_text
from vadcli.settings import Settings

_NO_SETTINGS = {"VAD_MODEL", "VAD_DATA"}  # the default of --model, and the tests' footage


def config_file() -> Path | None:
    """`vad/config.yaml` in the user's configuration folder (XDG), written as a preset is; None where there is none."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    with suppress(RuntimeError):  # a user without a home
        path = (Path(folder) if Path(folder).is_absolute() else Path("~/.config").expanduser()) / "vad" / "config.yaml"
        return path if path.exists() else None
    return None


def variables(environment: Mapping[str, str]) -> Iterator[Leaf]:
    """The value of every variable that is a setting; empty ones count as absent.

    `VAD_THRESHOLD` sets `threshold` in every section that has one, `VAD_SCORE_THRESHOLD` in `score` alone, and comes
    later here, so that it wins. Values are YAML, as in `--set`. Variables of other programs are left alone.

    Raises:
        SettingsError: with one line for each name that is nearly a setting's, and each value that is not YAML.
    """
    keys = {section: type(getattr(Settings(), section)).model_fields for section in Settings.model_fields}
    known = {f"VAD_{key}".upper() for fields in keys.values() for key in fields}
    of_all: list[Leaf] = []
    of_one: list[Leaf] = []
    problems: list[str] = []
    for name, text in sorted(environment.items()):
        if not name.startswith("VAD_") or name in _NO_SETTINGS or not text.strip():
            continue
        section, _, key = name.removeprefix("VAD_").lower().partition("_")
        if name not in known and section not in keys:
            if near := difflib.get_close_matches(name, known, n=1, cutoff=0.85):
                problems.append(f"{name}: no setting has this name. Did you mean {near[0]}?")
            continue
        sections = [each for each in keys if name[4:].lower() in keys[each]] if name in known else []
        places = [(each, name[4:].lower()) for each in sections] or [(section, key)]
        try:
            values = [leaf.value for leaf in leaves_of_text(text, name) if not leaf.key]
        except SettingsError as error:
            problems.append(str(error))
            continue
        (of_all if sections else of_one).extend(Leaf(place, value, name) for value in values for place in places)
    if problems:
        raise SettingsError("\n".join(problems))
    yield from of_all
    yield from of_one
