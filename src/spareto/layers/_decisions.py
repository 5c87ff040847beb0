"""Which way each layer of a network ran."""

from __future__ import annotations

from torch import nn

from spareto.kernels import KernelDecision
from spareto.layers._base import SpikingLayer


def decisions_of(network: nn.Module) -> dict[str, KernelDecision]:
    """How each spiking layer of a network ran last, by the name of its convolution or dense layer.

    Layers that have not run are left out. `spareto.kernels.decisions()` lists the layers of all networks.
    """
    return {
        f"{name}.{module.sums}".lstrip("."): module.decision
        for name, module in network.named_modules()
        if isinstance(module, SpikingLayer) and module.decision is not None
    }
