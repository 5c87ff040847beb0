"""The blocks that networks are stacked of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from spareto.kernels import Spikes
from spareto.layers.over_time import OverTime
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import SpikingNeuron
from spareto.neurons.recurrent import Recurrent

MakeNeuron = Callable[[], SpikingNeuron]


def conv_block(
    inputs: int, outputs: int, neuron: MakeNeuron, pool: nn.Module | None = None, stride: int = 1
) -> SpikingBlock:
    """3x3 convolution without bias, batch norm, neurons, and a pooling if one is given."""
    conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return SpikingBlock(conv, nn.BatchNorm2d(outputs), neuron(), pool)


def dense_blocks(
    sizes: Sequence[int],
    neuron: MakeNeuron,
    dropout: float = 0.0,
    *,
    batch_norm: bool = False,
    recurrent: bool = False,
) -> list[SpikingDense]:
    """Dense layers without bias, each behind a dropout and followed by neurons.

    Args:
        sizes: Inputs of the first layer, then the neurons of each.
        neuron: Makes one layer's neurons.
        dropout: Share of each layer's inputs silenced in training, 0..1.
        batch_norm: Normalize the currents of each layer.
        recurrent: Feed the spikes of each layer but the last back to it.
    """
    blocks: list[SpikingDense] = []
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=2):
        feeds_back = recurrent and number < len(sizes)
        blocks.append(
            SpikingDense(
                nn.Linear(inputs, outputs, bias=False),
                Recurrent(outputs, neuron()) if feeds_back else neuron(),
                nn.BatchNorm1d(outputs) if batch_norm else None,
                nn.Dropout(dropout) if dropout else None,
            )
        )
    return blocks


class AverageHead(nn.Module):
    """The mean of every channel, then dense connections with biases and neurons.

    Args:
        channels: Channels that come in.
        outputs: Neurons.
        neuron: Makes the neurons.
        dropout: Share of the means silenced in training, 0..1.
    """

    def __init__(self, channels: int, outputs: int, neuron: MakeNeuron, dropout: float = 0.0) -> None:
        super().__init__()
        self.average = OverTime(nn.AdaptiveAvgPool2d(1))
        linear = nn.Linear(channels, outputs)
        self.dense = SpikingDense(linear, neuron(), None, nn.Dropout(dropout) if dropout else None)

    def forward(self, sequence: Tensor | Spikes) -> Tensor | Spikes:
        """Spikes of all timesteps, from those of maps `(time, batch, channels, height, width)`."""
        return self.dense(self.average(sequence))
