"""What can go wrong for a user, and the exit code each kind gives.

    VadError
    ├── InputError        2   bad usage or input
    │   ├── SettingsError     a preset, `--set` or flag that does not hold
    │   └── FootageError      a video, folder, stream, cache or label file
    ├── CheckpointError   3   a bad checkpoint, or one of the wrong stage
    └── GateFailed        1   `--fail-on-anomaly`, `--fail-below`

Messages are one line: what, where, what was got, what to do. Programmer errors raise ValueError.
"""

from typing import ClassVar

from vadcli.terminal import printable


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
