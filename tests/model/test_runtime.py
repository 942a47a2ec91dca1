"""Device, precision and memory."""

import ctypes
import subprocess
import sys

import pytest
import torch

from vadcli.model.runtime import keep_freed_memory, multiplies_bfloat16, pick_precision

CPU = torch.device("cpu")
HELD = """
import resource, sys, torch
from pathlib import Path
from vadcli.model.runtime import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
torch.ones(400 << 20, dtype=torch.uint8)
print(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
"""


@pytest.mark.parametrize(
    ("capability", "instructions", "expected"),
    [("AVX512", True, True), ("AVX512", False, False), ("AVX2", True, False)],
)
def test_bfloat16_is_taken_where_pytorch_multiplies_it_natively(monkeypatch, capability, instructions, expected):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, check, lambda: instructions)
    assert multiplies_bfloat16(CPU) is expected
    assert pick_precision("auto", CPU) == (torch.bfloat16 if expected else torch.float32)
    assert pick_precision("float32", CPU) == torch.float32 and pick_precision("bfloat16", CPU) == torch.bfloat16


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc")
def test_memory_of_a_large_tensor_that_was_freed_is_still_held():
    freed, held = (
        int(subprocess.run([sys.executable, "-c", HELD, how], capture_output=True, text=True, check=True).stdout)
        for how in ("plain", "keep")
    )
    assert held - freed > 300 << 20


@pytest.mark.parametrize(("platform", "library"), [("darwin", None), ("linux", object())])
def test_a_c_library_without_the_switch_is_left_alone(monkeypatch, platform, library):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(sys, "platform", platform)
    keep_freed_memory()
