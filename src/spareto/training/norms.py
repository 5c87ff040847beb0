"""The batch norms of a network, and their statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from spareto.observing import in_mode

Call = Callable[[Tensor], Any]


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """The batch norms that keep running statistics."""
    return [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    ]


def observed_ranges(network: nn.Module) -> list[Tensor]:
    """Running ranges of membranes, which follow the batches as batch norms do."""
    return [
        module.get_buffer(name)
        for module in network.modules()
        if getattr(module, "observes", False) is True
        for name in ("seen", "peak")
    ]


@torch.no_grad()
def estimate_norms(network: nn.Module, batches: Iterable[Tensor], run: Call | None = None) -> None:
    """Replace the running statistics by the mean over batches, as the present weights make them.

    Args:
        network: Every module keeps its mode; without batch norms it does not run.
        batches: Frames of each batch.
        run: Runs the network on a batch; left out, the network is called with it.

    Reference:
        izmailov2018, section 3.2.
    """
    norms = batch_norms(network)
    if not norms:
        return
    with in_mode(network, training=True), estimated(norms):
        for module in network.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):  # pyright: ignore[reportPrivateUsage]
                module.eval()
        for frames in batches:
            (run or network)(frames)


@contextmanager
def estimated(norms: Iterable[_BatchNorm]) -> Iterator[None]:
    """Running statistics become the mean over the batches that are run inside; momenta and modes stay.

    `torch.optim.swa_utils.update_bn` does so for loaders of inputs; it leaves dropout on, and knows no time.
    """
    norms = list(norms)
    before = [(norm.momentum, norm.training) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
        norm.train()
    try:
        yield
    finally:
        for norm, (momentum, training) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.train(training)
