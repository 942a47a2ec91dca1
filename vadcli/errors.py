"""Errors of users, and the exit code of each kind.

    VadError
    ├── InputError        2   bad usage or input
    │   ├── SettingsError     a preset, `--set` or flag that does not hold
    │   └── FootageError      a video, folder, stream, cache or label file
    ├── CheckpointError   3   a bad checkpoint, or one of the wrong stage
    └── GateFailed        1   `--fail-on-anomaly`, `--fail-below`

Messages are one line: what, where, what was got, what to do. Programmer errors raise ValueError.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from vadcli.terminal import printable

_PLAIN = {  # of the kinds of problems that pydantic tells apart, by how their names begin
    "missing": "is missing",
    "finite_number": "must be a finite number",
    "int_": "must be a whole number",
    "float_": "must be a number",
    "bool_": "must be true or false",
    "string_": "must be text",
    "date": "must be a day and time, as in 2025-11-25T10:00:00",
    "timezone_": "must be a day and time, as in 2025-11-25T10:00:00",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be greater than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} values, and has {actual_length}",
    "too_long": "must have at most {max_length} values, and has more",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a section with settings in it",
    "mapping_type": "must be a section with settings in it",
    "model_": "must be a section with settings in it",
    "value_error": "{error}",
}


def said_plainly(problem: Mapping[str, Any]) -> str:
    """One of the problems that a pydantic ValidationError lists, in our words: what must hold of the value."""
    kind = str(problem["type"])
    words = next((text for start, text in _PLAIN.items() if kind.startswith(start)), "cannot be used")
    bounds = problem.get("ctx", {}).items()
    return words.format_map({name: f"{bound:.15g}" if isinstance(bound, float) else bound for name, bound in bounds})


class VadError(Exception):
    r"""Anything a user can cause; its text is shown without a traceback.

    Args:
        lines: one a problem; a line end within one, as file names may have, is written as `\n`.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = tuple(map(printable, lines))

    def __str__(self) -> str:
        return "\n".join(self.lines)


class InputError(VadError):
    """Bad usage or input (exit code 2)."""


class SettingsError(InputError):
    """One or more settings that do not hold; every problem is on its own line."""


class FootageError(InputError):
    """A video, folder, stream, cache or label file that cannot be used."""


class CheckpointError(VadError):
    """A checkpoint that is damaged, from a stranger, or of the wrong stage (exit code 3)."""

    exit_code = 3


class GateFailed(VadError):
    """A gate that the user asked for did not hold (exit code 1)."""

    exit_code = 1
