"""What each process of a data-parallel training does, where processes can import it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

STEPS = 3


def steps(network: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """A few optimizer steps."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (network(inputs) - targets).square().mean().backward()
        optimizer.step()


def worker(rank: int, folder: Path, network: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """Train on this process's half of the batch; leave the state in the folder."""
    torch.set_num_threads(1)
    network = deepcopy(network)  # torch hands tensors over in shared memory
    store = dist.FileStore(str(folder / "store"), 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    try:
        half = slice(rank * len(inputs) // 2, (rank + 1) * len(inputs) // 2)
        steps(DistributedDataParallel(network), inputs[half], targets[half])
        torch.save(network.state_dict(), folder / f"{rank}.pt")
    finally:
        dist.destroy_process_group()
