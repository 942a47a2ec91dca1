"""The processes of one training, as torchrun starts them: which one this is, its share of the work, and sums over all.

Sums add the processes' shares in an order that depends on their number alone, and leave every process with the same
bits. One process is the same code: its share is everything, and its sums are what it has. torch is imported where it is
needed: preparing footage does without it.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vadcli.errors import InputError, VadError
from vadcli.terminal import first_line

if TYPE_CHECKING:
    from torch import Tensor

_PATIENCE = timedelta(days=1)  # with one that works alone; torchrun notices much sooner when a machine is gone
_FAREWELL_S = 3.0


class LostError(InputError):
    """Other processes of this run are gone.

    Args:
        gone: their numbers, of those that ended without a word.
        count: of all processes.
        cure: a sentence.
    """

    def __init__(self, gone: Sequence[int], count: int, cure: str = "Start all again.") -> None:
        self.gone, self.count = tuple(gone), count
        named = f"process{'es' * (len(gone) > 1)} {', '.join(map(str, gone))}"
        verb = "were" if len(gone) > 1 else "was"
        why = (
            f"{named} of {count} {verb} killed" if gone else "another process of this run ended: its own line says why"
        )
        super().__init__(f"{why}. {cure}")

    @property
    def keeper(self) -> int:
        """The process that keeps what there is: the first that is left."""
        return next((rank for rank in range(self.count) if rank not in self.gone), 0)


@dataclass(frozen=True)
class Processes:
    """The processes of this run."""

    rank: int = 0  # of this one
    count: int = 1  # of all

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes, logs and talks."""
        return self.rank == 0

    @property
    def share(self) -> slice:
        """This process's part of any sequence; the parts of all are the whole."""
        return slice(self.rank, None, self.count)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.count == 1:
            return flag
        import torch

        return bool(self.most(torch.tensor(float(flag))))

    def wait(self) -> None:
        """Until all processes have come here."""
        self.any(False)

    def most(self, tensor: "Tensor") -> "Tensor":
        """The largest of all processes' tensors, element by element; changed in place."""
        return self._reduced(tensor, "MAX")

    def sum(self, tensor: "Tensor") -> "Tensor":
        """The sum of all processes' tensors; changed in place."""
        return self._reduced(tensor, "SUM")

    def sum_figures(self, figures: dict[str, "Tensor"]) -> dict[str, float]:
        """Figures of which every process has a part, in the same order."""
        if self.count == 1:
            return {name: float(value) for name, value in figures.items()}
        import torch

        parts = torch.stack([value.detach().double() for value in figures.values()])
        return dict(zip(figures, self.sum(parts).tolist(), strict=True))

    def sum_gradients(self, leaves: Sequence["Tensor"]) -> None:
        """Give all leaves the sum of all processes' gradients; those without one have zeros."""
        if self.count == 1:
            return
        import torch

        gradients = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
        summed = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        for leaf, gradient, part in zip(
            leaves, gradients, summed.split([leaf.numel() for leaf in leaves]), strict=True
        ):
            leaf.grad = gradient.copy_(part.view_as(gradient))

    def follow(self, tensors: Sequence["Tensor"]) -> None:
        """Take over the lead's tensors, in place."""
        if self.count == 1:
            return
        import torch
        from torch import distributed as dist

        with torch.no_grad(), _losses_told():
            for tensor in tensors:
                whole = tensor.detach().clone(memory_format=torch.contiguous_format)
                dist.broadcast(whole, 0)
                tensor.copy_(whole)

    @contextmanager
    def file_of_lead(self, path: Path) -> Iterator[Path]:
        """A file of the lead's: itself for the lead, a copy for the others."""
        if self.count == 1:
            yield path
            return
        import torch

        content = torch.frombuffer(bytearray(path.read_bytes() if self.leads else b"?"), dtype=torch.uint8)
        size = torch.tensor(len(content))
        self.follow([size])
        content = content if self.leads else content.new_zeros(int(size))
        self.follow([content])
        if self.leads:
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy.write_bytes(content.numpy().tobytes())
            yield copy

    def _reduced(self, tensor: "Tensor", how: Literal["SUM", "MAX"]) -> "Tensor":
        if self.count > 1:
            from torch import distributed as dist

            with _losses_told():
                dist.all_reduce(tensor, getattr(dist.ReduceOp, how))
        return tensor


_joined = Processes()
_store: Any = None  # in which the processes that were joined leave word


def started_by_torchrun() -> Processes:
    """The processes that torchrun's variables tell of, joined or not; without them, this one alone."""
    count = int(os.environ.get("WORLD_SIZE", 1)) if "RANK" in os.environ else 1
    return Processes(int(os.environ["RANK"]), count) if count > 1 else Processes()


def present() -> Processes:
    """The processes that were joined, or this one alone."""
    return _joined


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started; without torchrun, this one alone.

    All end together: the first to fail says why, the others end without a word. Unless the device is `cpu`, the GPU
    that torchrun's numbers assign is this process's.

    Raises:
        InputError: if there are more processes than GPUs on this machine, or the others are not found.
    """
    global _joined, _store
    started = started_by_torchrun()
    if started.count == 1:
        yield started
        return
    import torch
    from torch import distributed as dist
    from torch.distributed.rendezvous import rendezvous

    rank, count = started.rank, started.count
    if on_gpu := device != "cpu" and torch.cuda.is_available():
        _take_gpu(int(os.environ.get("LOCAL_RANK", 0)))
    try:
        store, _, _ = next(rendezvous("env://", rank, count))
    except (RuntimeError, ValueError) as error:
        why = first_line(error)
        raise InputError(
            f"process {rank} of {count}, as RANK and WORLD_SIZE say, finds no others ({why}). "
            "Start all with torchrun, or take these variables away."
        ) from error
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=_PATIENCE)
    _joined, _store = started, store
    try:
        yield started
        started.wait()
    except KeyboardInterrupt:
        if rank:
            raise SystemExit(130) from None
        raise
    except Exception as error:
        _say_alive()
        if not (
            error.keeper == rank if isinstance(error, LostError) and error.gone else _first_to_fail(store, started)
        ):
            raise SystemExit(2) from error
        if isinstance(error, VadError) and rank:
            error.lines = (f"process {rank} of {count}: {error.lines[0]}", *error.lines[1:])
        raise
    else:
        dist.destroy_process_group()
    finally:
        _joined, _store = Processes(), None


def _say_alive() -> None:
    with suppress(RuntimeError):
        _store.set(f"alive/{_joined.rank}", b"1")


def _gone() -> list[int]:
    """Processes that do not say within a moment that they, too, miss others, or why they end."""
    _say_alive()
    end = time.monotonic() + _FAREWELL_S
    try:
        while gone := [rank for rank in range(_joined.count) if not _store.check([f"alive/{rank}"])]:
            if time.monotonic() > end:
                return gone
            time.sleep(0.02)
    except RuntimeError:
        return [0]  # with which the store went
    return []


def _first_to_fail(store: Any, processes: Processes) -> bool:
    """Whether none failed before this one; the lead, with which the store may go, waits a moment for the others."""
    with suppress(RuntimeError):  # the store is gone, and so is whoever failed first
        first: bool = store.add("failed", 1) == 1
        end = time.monotonic() + _FAREWELL_S
        while processes.leads and store.add("failed", 0) < processes.count and time.monotonic() < end:
            time.sleep(0.02)
        return first
    return False


def _take_gpu(local: int) -> None:
    import torch

    gpus = torch.cuda.device_count()
    if local >= gpus:
        raise InputError(
            f"process {local} of this machine, which has {gpus} GPU{'s' * (gpus != 1)}: each needs its own. "
            f"Use --nproc-per-node {gpus}, or --device cpu."
        )
    torch.cuda.set_device(local)


@contextmanager
def _losses_told() -> Iterator[None]:
    """Turn what gloo and nccl raise when a process is lost into one line."""
    try:
        yield
    except RuntimeError as error:
        raise LostError(_gone(), _joined.count) from error
