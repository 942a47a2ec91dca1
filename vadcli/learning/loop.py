"""The loop that every kind of training shares: steps, clipping, a metrics log, and resume points that lose nothing."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vadcli.errors import CheckpointError, InputError
from vadcli.files import naming
from vadcli.interruption import interruptions_noted
from vadcli.learning.job import Job
from vadcli.learning.tensorboard import EventsLog, require_tensorboard
from vadcli.model.checkpoint import read_tensors, save_tensors
from vadcli.model.tensor_file import RESUME_FORMAT
from vadcli.processes import LostError
from vadcli.settings import Training


@dataclass
class Learner:
    """The state of a run: trained tensors by name and their optimiser."""

    tensors: Mapping[str, Tensor]  # leaves that the optimiser updates
    optimizer: torch.optim.Optimizer  # over exactly those tensors, in their order
    key: str  # identifies the run; a resume point of another run is refused
    # tensors that steps change without a gradient, such as a memory's items
    stored: Mapping[str, Tensor] = field(default_factory=dict)
    step: int = 0  # steps taken
    seconds: float = 0.0  # spent, over all sittings
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
        """Go back to a resume point; raises CheckpointError if it belongs to a run with other settings or data."""
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
                like = leaves[int(index)]  # moments lie in memory as their tensors: fused Adam walks them together
                moment = torch.empty_like(like).copy_(array).detach() if array.shape == like.shape else array
                state.setdefault(int(index), {})[key] = moment
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.step, self.seconds, self.last = int(header["step"]), float(header["seconds"]), dict(header["last"])


class MetricsLog:
    """One JSON object a line, beside the checkpoint; after a resume it continues where the resume point stands."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines() if step and path.is_file() else ():
            with suppress(json.JSONDecodeError, KeyError, TypeError):
                if json.loads(line)["step"] <= step:
                    kept.append(line)
        with naming(path):
            path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

    def write(self, **values: Any) -> None:
        """Append one line."""
        with naming(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def close(self) -> None:
        """Nothing: the file is open only while a line is written."""


@dataclass(frozen=True)
class Course:
    """One kind of training, as the loop uses it."""

    name: str  # of the work, for people
    unit: str  # of the work, such as windows or episodes
    units: int  # of the whole training, those before a resume included
    units_a_step: int  # as many; the last step may have fewer
    # computes the gradients of step n and returns its figures, detached; of both this process's part of what they are
    # for the whole step
    take_step: Callable[[int], dict[str, Tensor]]
    rate_at: Callable[[int], float] = lambda step: 1.0  # factor on the learning rate at step n
    look: Callable[[], dict[str, float]] = dict  # measures more for the log, such as validation losses
    look_every: int = 0  # steps between looks, a multiple of `log_every`; 0 for none but the last

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return -(-self.units // self.units_a_step)

    def units_of(self, step: int) -> int:
        """Units of step n, counted from 0."""
        return min(self.units_a_step, self.units - step * self.units_a_step)


def train(learner: Learner, course: Course, settings: Training, job: Job) -> None:
    """Take all steps of a course, writing the metrics log and, now and then, a resume point.

    Raises:
        InputError: if a loss is not a number, or the checkpoint is there already and nothing to resume.
        KeyboardInterrupt: when asked to stop, after the step at hand is in the resume point.
    """
    of, progress, processes = f"of {course.steps}", job.progress, job.processes
    if processes.count > course.units_a_step:
        raise InputError(
            f"{course.name}: {processes.count} processes share {course.units_a_step} {course.unit} a step, and each "
            f"needs one. Use at most {course.units_a_step} processes, or larger steps."
        )
    if job.tensorboard:
        require_tensorboard()
    logs = _begin(learner, course, job)
    leaves, groups = list(learner.tensors.values()), learner.optimizer.param_groups
    base_rates = [group["lr"] for group in groups]
    progress.start(course.name, course.units - learner.step * course.units_a_step, course.unit)
    began, saved, before = time.perf_counter(), time.perf_counter(), learner.seconds
    with ExitStack() as stack, interruptions_noted() as asked_to_stop, _kept_when_others_go(learner, course, job):
        for log in logs:
            stack.callback(log.close)
        while learner.step < course.steps and not processes.any(asked_to_stop()):
            units = course.units_of(learner.step)
            for group, rate in zip(groups, base_rates, strict=True):
                group["lr"] = rate * course.rate_at(learner.step)
            learner.optimizer.zero_grad(set_to_none=True)
            figures = course.take_step(learner.step)
            processes.sum_gradients(leaves)
            if settings.gradient_clip is not None:
                length = torch.nn.utils.clip_grad_norm_(leaves, settings.gradient_clip)
            learner.optimizer.step()
            learner.step += 1
            now, last = time.perf_counter(), learner.step == course.steps
            learner.seconds = before + now - began
            shown: dict[str, float] = {}
            if last or learner.step % settings.log_every == 0:  # only here does the device have to catch up
                shown = learner.last = processes.sum_figures(figures)
                if settings.gradient_clip is not None:
                    shown["gradient"] = float(length)
                if not all(map(math.isfinite, shown.values())):
                    raise InputError(
                        f"{course.name}: the loss is not a number at step {learner.step}. Lower the learning rate."
                    )
                looked = course.look() if last or (course.look_every and learner.step % course.look_every == 0) else {}
                seconds, rate = round(learner.seconds, 3), groups[0]["lr"]
                for log in logs:
                    log.write(step=learner.step, seconds=seconds, rate=rate, **shown, **looked)
                learner.last = shown | looked
            progress.advance(units, **{name: value for name, value in shown.items() if name != "gradient"})
            if processes.leads and now - saved > settings.checkpoint_seconds:
                learner.save(job.resume_point)
                saved = now
        if processes.any(asked_to_stop()):
            if processes.leads:
                learner.save(job.resume_point)
            progress.note(f"{course.name}: interrupted at step {learner.step} {of}; --resume goes on from there")
            raise KeyboardInterrupt


@contextmanager
def _kept_when_others_go(learner: Learner, course: Course, job: Job) -> Iterator[None]:
    """Leave a resume point of the last whole step when another process is lost."""
    try:
        yield
    except LostError as error:
        if learner.step:
            if error.keeper == job.processes.rank:
                learner.save(job.resume_point)
            cure = f"Start all again with --resume: it goes on from step {learner.step} of {course.steps}."
            raise LostError(error.gone, error.count, cure) from error
        raise


def _begin(learner: Learner, course: Course, job: Job) -> list[MetricsLog | EventsLog]:
    """Go back to the resume point, if there is one and it is asked for; all processes begin as the lead does.

    Returns:
        the logs, which the lead alone has.
    """
    point, processes = job.resume_point, job.processes
    if job.resume and processes.any(processes.leads and point.is_file()):
        with processes.file_of_lead(point) as file:
            learner.restore(file)
        job.progress.note(f"{course.name}: resumed at step {learner.step} of {course.steps}")
    elif job.resume and processes.leads and job.out.is_file():
        raise InputError(f"{job.out}: finished, there is nothing to resume. Without --resume it is made anew.")
    processes.follow([*learner.tensors.values(), *learner.stored.values()])
    logs: list[MetricsLog | EventsLog] = []
    if processes.leads:
        logs.append(MetricsLog(job.metrics_log, learner.step))
        if job.tensorboard:
            logs.append(EventsLog(job.events, learner.step))
    return logs
