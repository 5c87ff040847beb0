"""The blocks that networks are stacked of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from spareto.networks._time import OverTime
from spareto.neurons import SpikingNeuron
from spareto.neurons.recurrent import Recurrent

MakeNeuron = Callable[[], SpikingNeuron]


def conv_block(inputs: int, outputs: int, neuron: MakeNeuron, pool: nn.Module | None = None) -> nn.Module:
    """3x3 convolution without bias, batch norm, neurons, and a pooling if one is given."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    block = [OverTime(conv, nn.BatchNorm2d(outputs)), neuron()]
    return nn.Sequential(*block, *([OverTime(pool)] if pool else []))


def dense_blocks(
    sizes: Sequence[int],
    neuron: MakeNeuron,
    dropout: float = 0.0,
    *,
    batch_norm: bool = False,
    recurrent: bool = False,
) -> list[nn.Module]:
    """Dense layers without bias, each behind a dropout and followed by neurons; the first flattens.

    Args:
        sizes: Inputs of the first layer, then the neurons of each.
        neuron: Makes one layer's neurons.
        dropout: Share of each layer's inputs silenced in training, 0..1.
        batch_norm: Normalize the currents of each layer.
        recurrent: Feed the spikes of each layer but the last back to it.
    """
    blocks: list[nn.Module] = [nn.Flatten(2)]
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=2):
        layers: list[nn.Module] = [nn.Dropout(dropout)] if dropout else []
        layers.append(nn.Linear(inputs, outputs, bias=False))
        if batch_norm:
            layers.append(nn.BatchNorm1d(outputs))
        feeds_back = recurrent and number < len(sizes)
        blocks += [OverTime(*layers), Recurrent(outputs, neuron()) if feeds_back else neuron()]
    return blocks
