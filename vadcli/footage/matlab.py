"""MATLAB files of every version, read by a process of its own: a damaged one ends that process and not the program.

SciPy's reader follows whatever a file says and has crashed on damaged ones; here it has a limit of time and of memory.
Version 7.3 is HDF5, of which no link, filter of others, or storage in other files is followed.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from vadcli.errors import FootageError

SECONDS = 120
MEMORY_BYTES = 4 << 30  # of the process; of what is read, a quarter
Array = npt.NDArray[Any]


def load_mat(path: Path) -> dict[str, Array]:
    """Variables of a MATLAB file by name: arrays of numbers, and object arrays (n,) of such for cells.

    What is neither (text, a structure, a sparse matrix) is a text array () that says what it is.

    Raises:
        FootageError: when it is no MATLAB file, damaged, or larger than anybody's labels.
    """
    if not path.is_file():
        raise FootageError(f"{path}: not found. Check the path.")
    package = str(Path(__file__).parents[2])
    search = os.pathsep.join([package, *([os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else [])])
    environment = {**os.environ, "PYTHONPATH": search, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment["HDF5_PLUGIN_PRELOAD"] = "::"  # filters that are no part of HDF5 are not loaded
    command = [sys.executable, "-m", "vadcli.footage.matlab", str(path.absolute())]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _refused(path, f"not read within {SECONDS} s") from error
    if done.returncode:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        crashed = done.returncode < 0 or not told
        raise _refused(path, "damaged: reading it crashed" if crashed else told[-1][:200])
    stream = io.BytesIO(done.stdout)
    variables: dict[str, Array] = {}
    for name, cells in json.loads(stream.readline()):
        if cells is None:
            variables[name] = npy.read_array(stream, allow_pickle=False)
        else:
            variables[name] = np.empty(cells, dtype=object)
            for index in range(cells):
                variables[name][index] = npy.read_array(stream, allow_pickle=False)
    return variables


def _refused(path: Path, why: str) -> FootageError:
    return FootageError(f"{path}: no MATLAB file that can be read ({why}). Save it again.")


def _send(variables: Mapping[str, Any], stream: Any) -> None:
    """Write variables: their names and numbers of cells (None for an array), then one array after another."""
    heads: list[tuple[str, int | None]] = []
    arrays: list[Array] = []
    for name, value in variables.items():
        cells = value.reshape(-1).tolist() if isinstance(value, np.ndarray) and value.dtype == object else None
        heads.append((name, None if cells is None else len(cells)))
        arrays += map(_plain, [value] if cells is None else cells)
    if sum(array.nbytes for array in arrays) > MEMORY_BYTES // 4:
        raise ValueError(f"more than {MEMORY_BYTES >> 32} GiB in it")
    stream.write(json.dumps(heads).encode() + b"\n")
    for array in arrays:
        npy.write_array(stream, array, allow_pickle=False)


def _plain(value: Any) -> Array:
    array = np.asarray(value)
    return array if array.dtype.kind in "biuf" else np.array(str(array.dtype))


def _read(path: Path) -> dict[str, Any]:
    import h5py

    if h5py.is_hdf5(path):
        return _read_hdf5(path)
    from scipy.io import loadmat

    return {name: value for name, value in loadmat(str(path)).items() if not name.startswith("__")}


def _read_hdf5(path: Path) -> dict[str, Any]:
    """Variables of version 7.3, whose axes lie the other way round and whose cells are references."""
    import h5py

    left = MEMORY_BYTES // 4

    def values(name: str, item: Any, deep: bool = False) -> Any:
        nonlocal left
        if not isinstance(item, h5py.Dataset):
            return "a structure"
        if item.is_virtual or item.external:
            raise ValueError(f"{name} is stored in other files")
        left -= item.size * item.dtype.itemsize
        if left < 0:
            raise ValueError(f"more than {MEMORY_BYTES >> 32} GiB in it")
        if item.dtype.kind == "O":
            if deep or h5py.check_ref_dtype(item.dtype) is not h5py.Reference:
                return "cells in cells"
            references = item[()].T.reshape(-1)
            cells = np.empty(len(references), dtype=object)
            for index, reference in enumerate(references):
                cells[index] = values(name, file[reference], deep=True)
            return cells
        if item.attrs.get("MATLAB_empty", 0):
            return np.zeros([int(side) for side in item[()].reshape(-1)[:32]][:2] or 0)
        if item.attrs.get("MATLAB_class") == b"char":
            return "text"
        return item[()].T

    with h5py.File(path, "r", locking=False) as file:
        names = [name for name in file if not name.startswith("#")]
        for name in names:
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name} is a link that leads elsewhere")
        return {name: values(name, file[name]) for name in names}


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows has none
        return
    for which, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _main(path: Path) -> int:
    _limit()
    try:
        _send(_read(path), sys.stdout.buffer)
    except MemoryError:
        print("it asks for more memory than labels take", file=sys.stderr)
        return 1
    except Exception as error:  # SciPy has no error of its own for damage: whatever it meets comes through
        print((str(error).splitlines() or [type(error).__name__])[0], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1])))
