"""The same numbers on a GPU as on the CPU, within its precision."""

import pytest
import torch

from vadcli.learning.inner import Objective, adapt, predict
from vadcli.model.network import AdaptedPart, Network
from vadcli.model.runtime import for_inference, pick_device, pick_precision
from vadcli.scoring.measuring import Measurer
from vadcli.settings import ModelSettings

pytestmark = pytest.mark.gpu
SETTINGS = ModelSettings(size=(64, 96), width=8, num_prototypes=5)


def network(device):
    torch.manual_seed(0)
    return Network(SETTINGS).to(device).to(memory_format=torch.channels_last)


@pytest.fixture
def exact():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def test_auto_takes_the_gpu_and_bfloat16():
    device = pick_device("auto")
    assert device.type == "cuda" and pick_precision("auto", device) == torch.bfloat16


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_errors_agree_with_the_cpu(exact, precision):
    images = list(torch.randint(0, 256, (7, 64, 96, 3), dtype=torch.uint8).numpy())
    windows = [[i, i + 1, i + 2, i + 3, i + 4] for i in range(3)]
    rows = []
    for device, kind in (("cpu", torch.float32), ("cuda", precision)):
        ready = for_inference(network(device), torch.device(device), kind)
        rows.append([found.numbers for found in Measurer(ready, torch.device(device))(images, windows)])
    for expected, got in zip(*rows, strict=True):
        for name, value in expected.items():
            assert got[name] == pytest.approx(value, rel=1e-4 if precision == torch.float32 else 3e-2), name


def test_second_order_gradients_agree_with_the_cpu(exact):
    torch.manual_seed(1)
    inputs, target = torch.rand(4, 12, 64, 96) * 2 - 1, torch.rand(4, 3, 64, 96) * 2 - 1
    objective = Objective(1.0, 0.1, 1.0)
    gradients = []
    for device in ("cpu", "cuda"):
        net = network(device).requires_grad_(False)
        part, named = AdaptedPart(net, "head"), dict(net.named_parameters())
        theta = {name: named[name].requires_grad_() for name in net.adapted_names("head")}
        alpha = {name: torch.full_like(value, 1e-2).requires_grad_() for name, value in theta.items()}
        frozen, goal = net.begin(inputs.to(device), "head"), target.to(device)
        adapted, _ = adapt(part, theta, alpha, (tuple(f[:2] for f in frozen), goal[:2]), objective, graph="second")
        loss, _ = objective.terms(predict(part, adapted, tuple(f[2:] for f in frozen)), goal[2:])
        gradients.append([g.cpu() for g in torch.autograd.grad(loss, [*theta.values(), *alpha.values()])])
    for cpu, gpu in zip(*gradients, strict=True):
        assert float((cpu - gpu).norm()) <= 1e-3 * float(cpu.norm()) + 1e-7
