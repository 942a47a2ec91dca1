"""Files of tensors with a JSON header: safetensors, no pickle; read and written here without torch."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from vadcli.errors import CheckpointError, InputError, said_plainly
from vadcli.files import whole
from vadcli.settings import Settings, settings_of
from vadcli.terminal import first_line

FORMAT, VERSION = "vad-checkpoint", 1
CALIBRATION = "calibration."  # prefix of the names of a calibration's arrays
RESUME_FORMAT = "vad-resume"  # of the file from which a training goes on
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
PACKAGED_MODEL = Path(__file__).parent.parent / "weights" / "edge.safetensors"
MAKES = {
    "pretrain": "vad pretrain CACHE.h5 --out model.safetensors",
    "metatrain": "vad metatrain CACHE.h5 --from model.safetensors --out meta.safetensors",
    "adapt": "vad adapt VIDEO --from meta.safetensors --out adapter.safetensors",
}


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_header(path: Path, expected_format: str = FORMAT) -> dict[str, Any]:
    """The JSON header of a checkpoint or adapter, or of a file of another format.

    Raises:
        InputError: if there is no such file.
        CheckpointError: if it is damaged, of another kind or of another version.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint. Make one with `{MAKES['pretrain']}`.")
    with opened(path, "np") as file:
        header = json.loads((file.metadata() or {}).get("vad", "null"))
    if isinstance(header, dict) and header.get("format") == RESUME_FORMAT != expected_format:
        out = path.name.removesuffix(".resume")
        raise CheckpointError(f"{path}: where a training goes on. Finish {out} first: its command, with --resume.")
    if not isinstance(header, dict) or header.get("format") != expected_format:
        raise CheckpointError(f"{path}: not written by vad as {expected_format}.")
    if header.get("version") != VERSION:
        raise CheckpointError(
            f"{path}: version {header.get('version')!r}; this vad reads version {VERSION}. Use the vad that wrote it."
        )
    if expected_format == FORMAT and header.get("stage") not in MAKES:
        raise CheckpointError(f"{path}: unknown stage {header.get('stage')!r}. Use the vad that wrote it.")
    return header


def require_stage(path: Path, header: Mapping[str, Any], *stages: str) -> None:
    """Refuse a file that another stage made than the caller has a use for.

    Raises:
        CheckpointError: naming the command that makes the right kind.
    """
    if stages and header["stage"] not in stages:
        if header["stage"] == "adapt":
            raise CheckpointError(
                f"{path}: an adapter, made by `vad adapt`; this needs a model, made by {' or '.join(stages)}. "
                "Give the one that the adapter was made from; none is needed for the one in the package."
            )
        raise CheckpointError(
            f"{path}: made by `vad {header['stage']}`; this needs one made by {' or '.join(stages)}. "
            f"Run `{MAKES[stages[-1]]}`."
        )


def check_replaced(path: Path, stage: str, note: Callable[[str], None]) -> None:
    """Replace an older checkpoint by one of the same stage alone, and say so; before any work is done.

    Raises:
        InputError: where another stage made it, or it is no checkpoint.
    """
    if not path.is_file() or path.stat().st_size == 0:
        return
    try:
        older = read_header(path)["stage"]
    except CheckpointError:
        older = None
    if older != stage:
        what = f"made by `vad {older}`, which this is not" if older else "no checkpoint"
        raise InputError(f"--out {path}: exists, and is {what}. Choose another name, or remove it.")
    note(f"{path}: an older one is replaced when this is done")


def read_settings(path: Path, header: Mapping[str, Any]) -> Settings:
    """The settings in a header; raises CheckpointError where they do not hold."""
    try:
        return settings_of(header)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CheckpointError(f"{path}: its settings do not hold: {place} {said_plainly(first)}.") from error


def read_calibration(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file's calibration by name; none if it has none."""
    with opened(path, "np") as file:
        names = [name for name in file.keys() if name.startswith(CALIBRATION)]  # noqa: SIM118 (not a mapping)
        return {name.removeprefix(CALIBRATION): np.asarray(file.get_tensor(name)) for name in names}


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> None:
    """Write arrays and a JSON header, whole or not at all."""
    plain = {name: np.ascontiguousarray(value) for name, value in sorted(arrays.items())}
    write(path, plain, header, save_file)


@contextmanager
def opened(path: Path, framework: str) -> Iterator[Any]:
    """A safetensors file; all that is wrong with it is raised as CheckpointError."""
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, LookupError, TypeError, RuntimeError, ValueError) as error:
        with path.open("rb") as other:
            if other.read(8) == HDF5_MAGIC:
                raise CheckpointError(
                    f"{path}: a cache, not a checkpoint. Train on it: vad pretrain {path}."
                ) from error
        raise CheckpointError(
            f"{path}: not a checkpoint of vad, or damaged ({first_line(error)}). Make it again."
        ) from error


def write(path: Path, tensors: dict[str, Any], header: Mapping[str, Any], save: Callable[..., None]) -> None:
    """Write tensors by a library's `save_file`, and a JSON header, whole or not at all."""
    with whole(path) as temporary:
        try:
            save(tensors, temporary, metadata={"vad": json.dumps(header, sort_keys=True)})
        except SafetensorError as error:  # the writer wraps the system's error in its own
            raise OSError(28, f"could not be written ({error})", str(path)) from error


@dataclass(frozen=True, eq=False)
class AdapterFile:
    """An adapter as scoring needs it: everything but its weights."""

    path: Path  # of the file
    settings: Settings  # of the run that made it
    parents: Mapping[str, str]  # SHA-256 of the model that it adapts, as "base"; empty if it was made without a network
    training: Mapping[str, Any]  # record of the run
    facts: Any  # of its calibration, as JSON
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # of its calibration

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read an adapter.

        Raises:
            InputError: if there is no such file.
            CheckpointError: if it is damaged, a stranger's or no adapter.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such adapter. Make one with `vad adapt NORMAL-VIDEO --out {path}`.")
        header = read_header(path)
        require_stage(path, header, "adapt")
        parents, training = mapping(header.get("parents")), mapping(header.get("training"))
        return cls(
            path,
            read_settings(path, header),
            {role: str(value) for role, value in parents.items()},
            training,
            header.get("calibration"),
            read_calibration(path),
        )

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        return file_sha256(self.path)


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}
