"""The network alone in `vad bench`: forward, unit, scoring, training, meta-training and adaptation of random windows.

Measured and kept: maps as (B, M, N) with a maximum in place of argmax and gather (the unit: 6.4 to 2.4 ms a frame at
128², width 16, on two AVX-512 cores with AMX), and what the unit, the ReLUs and the memory say beside themselves. Kept
without a measurement of their own: convolution weights converted to bfloat16 once, channels-last, and the frozen part's
output computed once an episode. Weights packed for oneDNN, with its fused ReLU, took a tenth off a float32 forward at
128² and nothing at 256²; they are reached through private functions only, as is PyTorch's own NNPACK (on AVX2 it does
convolutions of 64 to 256 channels 2.1 to 2.8 times as fast as oneDNN at batch 1 with two threads, and nothing for
`edge`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vadcli.bench.stopwatch import Measurement, matrix_peak, measurement, name_of, timed, timed_in_turn
from vadcli.footage.windows import to_network
from vadcli.learning.inner import Objective, adapt, predict
from vadcli.model.literal import literal_forward, literal_loss, literal_update
from vadcli.model.losses import losses
from vadcli.model.network import AdaptedPart, Network
from vadcli.model.runtime import autocast, for_inference, multiplies_bfloat16
from vadcli.scoring.errors import ErrorMaps, reduce_maps
from vadcli.scoring.measuring import Measurer
from vadcli.settings import ScoreSettings

OBJECTIVE = Objective(feature_weight=1.0, diversity_weight=0.01, margin=1.0)
CONSTANTS = (OBJECTIVE.feature_weight, OBJECTIVE.diversity_weight, OBJECTIVE.margin)
POOL = ScoreSettings().pool
TRAINED_AT_ONCE = 4
ADAPTED_ON = (1, 10)
COMPARED = 4  # windows on which precisions are compared


@dataclass(frozen=True)
class OutputChange:
    """Differences of a precision's outputs from float32's, on random windows.

    Attributes:
        device: cpu or cuda.
        precision: of the convolutions.
        frame: largest absolute difference of predicted frames in [-1, 1].
        feature_error: largest difference of a feature error, relative to their mean.
    """

    device: str
    precision: str
    frame: float
    feature_error: float


class NetworkBench:
    """Measures one network with random weights on one device.

    Args:
        network: with a prototype unit; left as it is.
        device: where to run.
        budget_s: seconds a measurement.
        flop_a_frame: arithmetic of a forward.
        precisions: to score in, float32 first; by default those that the hardware multiplies.
    """

    def __init__(
        self,
        network: Network,
        device: torch.device,
        budget_s: float,
        flop_a_frame: float,
        precisions: Sequence[torch.dtype] = (),
    ) -> None:
        if network.unit is None:
            raise ValueError("the benchmark measures a network with a prototype unit")
        self.network = copy_of(network).to(device).channels_last()
        self.device, self.budget_s, self.flop = device, budget_s, flop_a_frame
        self.contiguous = {name: value.detach().contiguous() for name, value in self.network.state_dict().items()}
        native = (torch.float32, torch.bfloat16) if multiplies_bfloat16(device) else (torch.float32,)
        self.peaks = {precision: matrix_peak(device, precision) for precision in precisions or native}

    def windows(self, count: int) -> Tensor:
        """Random windows, (count, T + 1, H, W, C) uint8."""
        settings = self.network.settings
        shape = (count, settings.input_frames + 1, *settings.size, settings.channels)
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

    def ready(self, precision: torch.dtype) -> Network:
        """A copy that predicts in a precision."""
        return for_inference(copy_of(self.network), self.device, precision)

    def inference(self, batches: Sequence[int]) -> Iterator[Measurement]:
        """The literal forward, ours, the unit with its score, and scoring, in every precision."""
        settings, device = self.network.settings, self.device
        inputs, _ = to_network(self.windows(1), device)

        @torch.inference_mode()
        def literal_call() -> object:
            return literal_forward(self.contiguous, settings, inputs)

        first = True
        for precision in self.peaks:
            ready, told = self.ready(precision), (self.flop, self.peaks[precision])
            for batch in batches:
                windows = self.windows(batch)
                calls = [literal_call, *_forward_and_unit(ready, windows, device), _scoring(ready, windows, device)]
                literal, forward, unit, scoring = timed_in_turn(calls, device, budget_s=self.budget_s)
                if first:
                    yield measurement("literal: forward", device, torch.float32, 1, literal, "frames")
                    first = False
                for path, took in (("forward", forward), ("score: windows → errors", scoring)):
                    yield measurement(
                        path, device, precision, batch, took, "frames",
                        literal=literal, flop_an_item=told[0], peak=told[1],
                    )  # fmt: skip
                yield measurement("unit with its score", device, precision, batch, unit, "frames")

    def output_changes(self) -> list[OutputChange]:
        """Changes of the outputs by every precision but float32."""
        inputs, _ = to_network(self.windows(COMPARED), self.device)
        with torch.inference_mode():
            exact, *others = (self.ready(precision)(inputs) for precision in self.peaks)
        changes = []
        for precision, other in zip(list(self.peaks)[1:], others, strict=True):
            if exact.feature_error is None or other.feature_error is None:
                raise ValueError("a network without a prototype unit")
            gap = (other.feature_error - exact.feature_error).abs().max() / exact.feature_error.mean()
            frame = (other.frame - exact.frame).abs().max()
            changes.append(OutputChange(self.device.type, name_of(precision), float(frame), float(gap)))
        return changes

    def training(self, precision: torch.dtype) -> Iterator[Measurement]:
        """A training step, literal and ours."""
        network, device, windows = self.network, self.device, self.windows(TRAINED_AT_ONCE)
        inputs, target = to_network(windows, device)
        leaves = self._leaves()

        def literal_step() -> object:
            loss = literal_loss(leaves, network.settings, inputs, target, *CONSTANTS)
            return torch.autograd.grad(loss, list(leaves.values()))

        def step() -> object:
            network.zero_grad(set_to_none=True)
            step_inputs, step_target = to_network(windows, device)
            with autocast(device, precision):
                prediction = network(step_inputs)
            total = losses(prediction, step_target, OBJECTIVE.margin).total(*CONSTANTS[:2])
            return total.backward()

        slow, fast = timed_in_turn([literal_step, step], device, budget_s=self.budget_s)
        network.zero_grad(set_to_none=True)
        count = len(windows)
        yield measurement("literal: training step", device, torch.float32, count, slow, "windows")
        yield measurement(
            "training step", device, precision, count, fast, "windows", literal=slow, literal_items=count
        )  # fmt: skip

    def episode(self, precision: torch.dtype, shots: int) -> Iterator[Measurement]:
        """A second-order episode of meta-training, literal and ours."""
        network, device = self.network, self.device
        inputs, target = to_network(self.windows(2 * shots), device)
        leaves, names = self._leaves(), network.adapted_names("head")
        alpha = {name: torch.full_like(leaves[name], 1e-3).requires_grad_() for name in names}
        wanted = [*(leaves[name] for name in names), *alpha.values()]
        part, theta = AdaptedPart(network, "head"), self._theta()

        def literal_episode() -> object:
            settings = network.settings
            updated = literal_update(leaves, names, alpha, settings, inputs[:shots], target[:shots], *CONSTANTS)
            return torch.autograd.grad(
                literal_loss(updated, settings, inputs[shots:], target[shots:], *CONSTANTS), wanted
            )

        def episode() -> object:
            with torch.no_grad(), autocast(device, precision):
                begun = network.begin(inputs, "head")
            frozen = tuple(one.float() for one in begun)
            support = tuple(one[:shots] for one in frozen), target[:shots]
            adapted, _ = adapt(part, theta, alpha, support, OBJECTIVE, graph="second")
            prediction = predict(part, adapted, tuple(one[shots:] for one in frozen))
            loss, _ = OBJECTIVE.terms(prediction, target[shots:])
            return torch.autograd.grad(loss, [*theta.values(), *alpha.values()])

        slow, fast = timed_in_turn([literal_episode, episode], device, budget_s=self.budget_s)
        yield measurement("literal: meta-training episode", device, torch.float32, shots, slow, "episodes", items=1)
        yield measurement(
            "meta-training episode", device, precision, shots, fast, "episodes", items=1, literal=slow
        )  # fmt: skip

    def adaptation(self) -> Iterator[Measurement]:
        """One inner update on K windows, from their frames, in float32."""
        network, device = self.network, self.device
        part, theta = AdaptedPart(network, "head"), self._theta()
        alpha = {name: torch.full_like(value, 1e-3) for name, value in theta.items()}
        for shots in ADAPTED_ON:
            windows = self.windows(shots)

            def call(windows: Tensor = windows) -> object:
                inputs, target = to_network(windows, device)
                with torch.no_grad():
                    frozen = network.begin(inputs, "head")
                return adapt(part, theta, alpha, (frozen, target), OBJECTIVE)

            took = timed(call, device, budget_s=self.budget_s)
            yield measurement(f"adapt: K = {shots}", device, torch.float32, shots, took, "windows")

    def _leaves(self) -> dict[str, Tensor]:
        return {name: value.clone().requires_grad_() for name, value in self.contiguous.items()}

    def _theta(self) -> dict[str, Tensor]:
        names = set(self.network.adapted_names("head"))
        return {name: value for name, value in self.network.named_parameters() if name in names}


def copy_of(network: Network) -> Network:
    """A network of its own with the same weights, on the CPU."""
    copy = Network(network.settings)
    copy.load_state_dict(network.state_dict())
    return copy


def _forward_and_unit(network: Network, windows: Tensor, device: torch.device) -> list[Callable[[], object]]:
    """The forward of windows as floats, and of that the unit with what `vad score` makes of its distances."""
    inputs = to_network(windows, device)[0].contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        encoding = network.begin(inputs, "head")[-1]

    @torch.inference_mode()
    def forward() -> object:
        return network(inputs)

    @torch.inference_mode()
    def unit() -> object:
        if network.unit is None:
            raise ValueError("a network without a prototype unit")
        distance = network.unit(encoding).distance
        return reduce_maps(ErrorMaps(distance, None), POOL)

    return [forward, unit]


def _scoring(network: Network, windows: Tensor, device: torch.device) -> Callable[[], object]:
    images = [frame.numpy() for window in windows for frame in window]
    length = windows.shape[1]
    places = [list(range(i * length, (i + 1) * length)) for i in range(len(windows))]
    measurer = Measurer(network, device, pool=POOL)
    return lambda: measurer(images, places)
