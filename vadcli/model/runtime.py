"""Device, precision and memory of the network."""

import ctypes
import sys
from collections.abc import Container
from contextlib import AbstractContextManager

import torch

from vadcli.errors import InputError
from vadcli.model.network import Network

# Names and numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_MOST = 2**31 - 1


def pick_device(name: str) -> torch.device:
    """The device of a setting: `cpu`, `cuda`, or the GPU if there is one for `auto`; from now on memory is kept for it.

    Raises:
        InputError: if a GPU is asked for where PyTorch sees none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("--device cuda: PyTorch sees no GPU here. Use --device cpu, or a CUDA build of PyTorch.")
    keep_freed_memory()
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The convolutions' type for a setting: `auto` takes bfloat16 where the hardware multiplies it natively."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    return torch.bfloat16 if multiplies_bfloat16(device) else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively; where it is emulated it is many times as slow as float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if torch.backends.cpu.get_cpu_capability() == "AVX2":  # which ATEN_CPU_CAPABILITY may ask of a newer processor
        return False
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """Mixed precision for training: convolutions in `precision`, weights and their gradients in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16)


def for_inference(
    network: Network, device: torch.device, precision: torch.dtype, exact: Container[str] = ()
) -> Network:
    """The network ready to predict: on its device, channels-last, convolution weights converted once.

    It is changed in place. The prototype unit keeps its float32 weights, since its distances cancel in bfloat16, and so
    do parameters named in `exact`: those that an update moves by less than bfloat16 shows.
    """
    network = network.to(device).channels_last().eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if not name.startswith("unit.") and name not in exact:
            parameter.data = parameter.data.to(precision)
    return network


def keep_freed_memory() -> None:
    """Make glibc keep what tensors free; does nothing where the C library is another.

    By default a tensor of some MiB is mapped anew and unmapped when it is freed, so that each layer of each step faults
    all its pages in again.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MOST)
        mallopt(_TRIM_THRESHOLD, _MOST)
        mallopt(_ARENA_MAX, 1)
