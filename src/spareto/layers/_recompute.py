"""Recomputation where the fused path does not run: a layer keeps its input and runs again when needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]
from torch.utils.checkpoint import checkpoint

from spareto.kernels.kernel_options import current


def run(layer: nn.Module, reference: Callable[[Tensor], Tensor], sequence: Tensor) -> Tensor:
    """`reference(sequence)`; in training, where recomputation is asked for, as an activation checkpoint.

    Args:
        layer: Whose children `reference` runs.
        reference: A pure function but for batch norms' running statistics and random numbers.
        sequence: Its input.

    Reference:
        chen2016: training deep nets with sublinear memory cost.
    """
    wanted = current().recompute and layer.training and torch.is_grad_enabled()
    if not wanted or torch.compiler.is_compiling():
        return reference(sequence)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_untouched(layer)

    return checkpoint(reference, sequence, use_reentrant=False, context_fn=contexts)  # pyright: ignore


@contextmanager
def _statistics_untouched(layer: nn.Module) -> Iterator[None]:
    """Batch norms and observing neurons do the same work, but take no batch in a second time."""
    norms = [norm for norm in layer.modules() if isinstance(norm, _BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    observers = [neuron for neuron in layer.modules() if getattr(neuron, "observes", False) is True]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    for neuron in observers:
        setattr(neuron, "observes", False)  # noqa: B010 - modules type their attributes as tensors
    try:
        yield
    finally:
        for neuron in observers:
            setattr(neuron, "observes", True)  # noqa: B010
        for norm, (momentum, seen) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, seen
