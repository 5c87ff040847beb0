"""Which way each layer of a network ran."""

from __future__ import annotations

from torch import nn

from spareto.kernels import Decision
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense

_SUMMING = {SpikingBlock: "conv", SpikingDense: "linear"}


def decisions_of(network: nn.Module) -> dict[str, Decision]:
    """How each spiking layer of a network ran last, by the name of its convolution or dense layer.

    Layers that have not run are left out. `spareto.kernels.decisions()` lists the layers of all networks.
    """
    return {
        f"{name}.{_SUMMING[type(module)]}".lstrip("."): module.decision
        for name, module in network.named_modules()
        if isinstance(module, SpikingBlock | SpikingDense) and module.decision is not None
    }
