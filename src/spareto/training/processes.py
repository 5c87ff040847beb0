"""The processes that train one network together, each on its share of every batch."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from spareto.training.norms import batch_norms, observed_ranges


@dataclass(frozen=True)
class Processes:
    """This process among those that `torchrun` started; alone without it.

    Gradients are those of the joint batch, whatever the number of processes. Batch norms see their own
    process's share; their running statistics are averaged after every epoch.

    Args:
        rank: Number of this process.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes checkpoints and tells listeners."""
        return self.rank == 0

    def share(self, samples: int) -> slice:
        """Which of a batch's samples are this process's; all, if there are fewer than processes."""
        return slice(self.rank, None, self.size) if samples >= self.size else slice(None)

    def weight(self, samples: int) -> float:
        """What this process's mean over its share counts in the mean over the batch; they sum to 1."""
        if samples < self.size:
            return 1.0 / self.size
        return len(range(samples)[self.share(samples)]) / samples

    def sum(self, value: float) -> float:
        """The sum of every process's value."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=_device())
        dist.all_reduce(total)
        return total.item()

    def sum_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by the sum over the processes."""
        self._reduce([p.grad for p in network.parameters() if p.grad is not None])

    def average_norms(self, network: nn.Module) -> None:
        """Replace running statistics of batch norms and membranes by their mean over the processes."""
        tensors: list[Any] = [
            t for norm in batch_norms(network) for t in (norm.running_mean, norm.running_var)
        ]
        self._reduce(tensors + observed_ranges(network), scale=1.0 / self.size)

    def start_alike(self, network: nn.Module) -> None:
        """Give every process the parameters and buffers of the leading one."""
        if self.size > 1:
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, 0)

    def wait(self) -> None:
        """Go on when every process has come here."""
        self.sum(0.0)  # no dist.barrier, which would take a GPU of its own choice

    def _reduce(self, tensors: list[Tensor], scale: float = 1.0) -> None:
        if self.size == 1 or not tensors:
            return
        joint = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(joint)
        parts = joint.mul_(scale).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def process_count() -> int:
    """Number of processes `torchrun` started, this one among them; joins nothing."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size()
    return int(os.environ.get("WORLD_SIZE", "1")) if dist.is_available() else 1


def join() -> Processes:
    """The processes `torchrun` started this one among; joins them on the first call."""
    if not dist.is_available():
        return Processes()
    if not dist.is_initialized():
        if process_count() < 2:
            return Processes()
        # Optimizers import this in any case.  Imported later, it holds on to the group, whose threads then
        # outlive `_leave`, ask for the interpreter at its end, and abort the process.
        import torch._dynamo

        # networks may be on the CPU of a machine that has GPUs; numbers always are
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(_leave)
    return Processes(dist.get_rank(), dist.get_world_size())


def _leave() -> None:
    """Leave the group that `join` made; threads of gloo that still run at the end abort the process."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _device() -> str:
    """Where numbers are summed: on the CPU, unless the program's own process group cannot."""
    return "cpu" if "cpu:" in dist.get_backend_config() else "cuda"
