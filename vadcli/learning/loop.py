"""The loop that every kind of training shares: steps, clipping, a metrics log, and resume points that lose nothing."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vadcli.errors import CheckpointError, InputError
from vadcli.files import naming
from vadcli.learning.interruption import interruptions_noted
from vadcli.model.checkpoint import read_tensors, save_tensors
from vadcli.progress import Progress
from vadcli.settings import Training

RESUME_FORMAT = "vad-resume"


@dataclass
class Learner:
    """What a run changes: trained tensors by name and their optimiser.

    Attributes:
        tensors: leaves that the optimiser updates.
        optimizer: over exactly those tensors, in their order.
        step: steps taken.
        seconds: spent, over all sittings.
        key: identifies the run; a resume point of another run is refused.
        stored: tensors that steps change without a gradient, such as a memory's items.
    """

    tensors: Mapping[str, Tensor]
    optimizer: torch.optim.Optimizer
    key: str
    stored: Mapping[str, Tensor] = field(default_factory=dict)
    step: int = 0
    seconds: float = 0.0
    last: dict[str, float] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write a resume point, whole or not at all."""
        arrays = {f"tensor.{name}": value for name, value in self.tensors.items()}
        arrays |= {f"stored.{name}": value for name, value in self.stored.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
        header = {
            "format": RESUME_FORMAT,
            "version": 1,
            "key": self.key,
            "step": self.step,
            "seconds": self.seconds,
            "last": self.last,
        }
        save_tensors(path, arrays, header)

    def restore(self, path: Path) -> None:
        """Go back to a resume point.

        Raises:
            CheckpointError: if it belongs to a run with other settings or data.
        """
        arrays, header = read_tensors(path, RESUME_FORMAT)
        if header.get("key") != self.key:
            raise CheckpointError(
                f"{path}: belongs to a run with other settings or data. Start again without --resume, or restore those."
            )
        with torch.no_grad():
            for name, value in self.tensors.items():
                value.copy_(arrays[f"tensor.{name}"])
            for name, value in self.stored.items():
                value.copy_(arrays[f"stored.{name}"])
        state: dict[int, dict[str, Tensor]] = {}
        leaves = list(self.tensors.values())
        for name, array in arrays.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                like = leaves[
                    int(index)
                ]  # moments must lie in memory as their tensors do: fused Adam walks them together
                moment = torch.empty_like(like).copy_(array).detach() if array.shape == like.shape else array
                state.setdefault(int(index), {})[key] = moment
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.step, self.seconds, self.last = int(header["step"]), float(header["seconds"]), dict(header["last"])


class MetricsLog:
    """One JSON object a line, beside the checkpoint; after a resume it continues where the resume point stands."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        kept = []
        if step and path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    if json.loads(line)["step"] <= step:
                        kept.append(line)
                except (json.JSONDecodeError, KeyError, TypeError):
                    continue
        with naming(path):
            path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

    def write(self, **values: Any) -> None:
        """Append one line."""
        with naming(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")


def run(
    learner: Learner,
    total_steps: int,
    take_step: Callable[[int], dict[str, Tensor]],
    settings: Training,
    *,
    out: Path,
    resume: bool,
    progress: Progress,
    what: str,
    units_a_step: int,
    total_units: int,
    unit: str,
    rate_at: Callable[[int], float] = lambda step: 1.0,
    look: Callable[[], dict[str, float]] = dict,
    look_every: int = 0,
) -> None:
    """Take steps until `total_steps`, logging to `out`.metrics.ndjson and keeping a resume point in `out`.resume.

    Args:
        learner: changed in place.
        total_steps: of the whole run, those before a resume included.
        take_step: computes step n's gradients and returns its figures, detached.
        settings: clipping, logging and resume intervals.
        out: the checkpoint that the run is for.
        resume: start from the resume point if there is one.
        progress: told of every step.
        what: name of the work, for people.
        units_a_step: windows or episodes a step; the last may have fewer.
        total_units: of the whole run.
        unit: their name.
        rate_at: factor on the learning rate at step n.
        look: measures more, such as validation losses, for the log.
        look_every: steps between looks, a multiple of `log_every`; 0 for none but the last.

    Raises:
        InputError: if a loss is not a number, or `out` is there already and nothing to resume.
        KeyboardInterrupt: when asked to stop, after the step at hand is in the resume point.
    """
    point = out.with_name(out.name + ".resume")
    if resume and point.is_file():
        learner.restore(point)
        progress.note(f"{what}: resumed at step {learner.step} of {total_steps}")
    elif resume and out.is_file():
        raise InputError(f"{out}: finished, there is nothing to resume. Without --resume it is made anew.")
    log = MetricsLog(out.with_name(out.name + ".metrics.ndjson"), learner.step)
    base_rates = [group["lr"] for group in learner.optimizer.param_groups]
    progress.start(what, total_units - learner.step * units_a_step, unit)
    began, saved, before = time.perf_counter(), time.perf_counter(), learner.seconds
    with interruptions_noted() as asked_to_stop:
        while learner.step < total_steps and not asked_to_stop():
            for group, rate in zip(learner.optimizer.param_groups, base_rates, strict=True):
                group["lr"] = rate * rate_at(learner.step)
            learner.optimizer.zero_grad(set_to_none=True)
            figures = take_step(learner.step)
            if settings.gradient_clip is not None:
                figures["gradient"] = torch.nn.utils.clip_grad_norm_(
                    list(learner.tensors.values()), settings.gradient_clip
                )
            learner.optimizer.step()
            learner.step += 1
            now, last = time.perf_counter(), learner.step == total_steps
            learner.seconds = before + now - began
            shown: dict[str, float] = {}
            if last or learner.step % settings.log_every == 0:  # only here does the device have to catch up
                shown = learner.last = {name: float(value) for name, value in figures.items()}
                if not all(map(math.isfinite, shown.values())):
                    raise InputError(
                        f"{what}: the loss is not a number at step {learner.step}. Lower the learning rate."
                    )
                looked = look() if last or (look_every and learner.step % look_every == 0) else {}
                rate = learner.optimizer.param_groups[0]["lr"]
                log.write(step=learner.step, seconds=round(learner.seconds, 3), rate=rate, **shown, **looked)
                learner.last = shown | looked
            units = min(units_a_step, total_units - (learner.step - 1) * units_a_step)
            progress.advance(units, **{name: value for name, value in shown.items() if name != "gradient"})
            if now - saved > settings.checkpoint_seconds:
                learner.save(point)
                saved = now
        if asked_to_stop():
            learner.save(point)
            progress.note(f"{what}: interrupted at step {learner.step} of {total_steps}; --resume goes on from there")
            raise KeyboardInterrupt
