"""What `auto` takes."""

import pytest
import torch

from vadcli.model.runtime import multiplies_bfloat16, pick_precision

CPU = torch.device("cpu")


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
