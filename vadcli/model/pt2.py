"""The network as a .pt2 archive of torch.export, for runtimes of PyTorch; and back, by its weights.

The archive holds a program and, like a checkpoint, weights and a header. A stranger's program can run code when torch
loads it. So it is executed once, when it has just been made; afterwards vad reads the weights and the header alone, and
computes with its own network.
"""

import io
import json
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vadcli.files import whole
from vadcli.model.exported import MOST_WINDOWS, Agreement, ExportedModule, require_agreement

HEADER = "vad.json"
MAGIC = b"PK\x03\x04"
_FLOAT32 = 7  # as torch.export writes its types


def export_pt2(module: ExportedModule, path: Path, header: dict[str, Any], frames: Sequence[Tensor]) -> Agreement:
    """Write a network as .pt2, whole or not at all, and compare it with torch.

    Args:
        module: to export.
        path: to write.
        header: of a checkpoint with the module's weights.
        frames: batches of windows (B, T+1, H, W, C) uint8 to compare on.

    Raises:
        CheckpointError: if its frames differ from torch's too much.
    """
    batch = torch.export.Dim("batch", min=1, max=MOST_WINDOWS)
    program = torch.export.export(module, (module.example(),), dynamic_shapes=({0: batch},))
    for part in program.graph_module.modules():
        for node in getattr(part, "graph", torch.fx.Graph()).nodes:  # which name the files of this machine
            node.meta.pop("stack_trace", None)
    archive = io.BytesIO()  # a file's own name would stand in it
    torch.export.save(program, archive, extra_files={HEADER: json.dumps(header, sort_keys=True)})
    with whole(path) as temporary:
        temporary.write_bytes(archive.getbuffer())
        loaded: Any = torch.export.load(temporary).module()
        agreement = require_agreement(
            path, module, lambda windows: dict(zip(module.names, loaded(windows), strict=True)), frames
        )
    return agreement


def read_archive(path: Path) -> tuple[dict[str, Tensor], Any]:
    """Weights by name and the header, without touching the program.

    Raises:
        ValueError: if the archive is damaged or not written by `vad export`; RuntimeError and KeyError likewise.
    """
    with zipfile.ZipFile(path) as archive:
        entries = {name.partition("/")[2]: info for name, info in ((one.filename, one) for one in archive.infolist())}
        if sum(info.file_size for info in entries.values()) > path.stat().st_size:
            raise ValueError("compressed, which torch.export never does")

        def content(name: str) -> bytes:
            return archive.read(entries[name])

        header = json.loads(content(f"extra/{HEADER}"))
        described = json.loads(content("data/weights/model_weights_config.json"))["config"]
        return {name: _weight(name, one, content) for name, one in described.items()}, header


def _weight(name: str, described: Any, content: Any) -> Tensor:
    meta = described["tensor_meta"]
    shape = [int(side["as_int"]) for side in meta["sizes"]]
    strides = [int(step["as_int"]) for step in meta["strides"]]
    data = content(f"data/weights/{described['path_name']}")
    rows = list(torch.empty(shape, device="meta").stride())
    if described["use_pickle"] or meta["dtype"] != _FLOAT32 or strides != rows or len(data) != 4 * math.prod(shape):
        raise ValueError(f"weight {name} is not stored as vad stores it")
    return torch.frombuffer(bytearray(data), dtype=torch.float32).view(shape)
