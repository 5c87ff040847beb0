"""The spiking ResNet-19."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from torch import Tensor, nn

from spareto.core.errors import Problem
from spareto.kernels import Spikes
from spareto.layers.over_time import OverTime
from spareto.networks._base import FeatureNetwork
from spareto.networks._blocks import AverageHead, MakeNeuron, conv_block
from spareto.networks._checks import Count, Counts, Dropout, Sensor, refuse
from spareto.networks._neurons import NeuronPlan, SurrogateName, neuron_maker

MOST_BLOCKS: Final = 1000


class BasicBlock(nn.Module):
    """Two blocks of [convolution 3x3, batch norm, LIF]; what comes in is added to the second one's currents.

    Where its shape changes, what comes in goes through a 1x1 convolution and a batch norm.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, neuron: MakeNeuron) -> None:
        super().__init__()
        self.first = conv_block(inputs, outputs, neuron, stride=stride)
        self.second = conv_block(outputs, outputs, neuron)
        self.shortcut: nn.Module | None = None
        if stride > 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.shortcut = OverTime(conv, nn.BatchNorm2d(outputs))

    def forward(self, sequence: Tensor | Spikes) -> Tensor | Spikes:
        """Spikes of all timesteps, `(time, batch, channels, height, width)`."""
        beside = sequence if self.shortcut is None else self.shortcut(sequence)
        return self.second(self.first(sequence), beside)


class ResNet19(FeatureNetwork):
    """A 3x3 convolution, then stages of basic blocks whose shortcuts reach the membranes, a mean, a vote.

    Each stage but the first halves height and width. Its authors read out the mean current of the last layer;
    here LIF neurons vote on it.

    Args:
        sensor: Polarities, height, width of a frame; 3x32x32 for CIFAR.
        classes: Number of classes.
        channels: Output channels of each stage; the first is also that of the first convolution.
        blocks: Basic blocks of each stage.
        votes: Voting neurons a class has in the read-out.
        tau: Membrane time constant of all neurons, timesteps; left out, that of `neuron`, 2.
        dropout: Share of the read-out's inputs silenced in training, 0..1.
        surrogate: Name of the surrogate gradient; left out, that of `neuron`, arctan.
        neuron: Name of the neuron, or a mapping of `name` [lif] and what its constructor takes.

    Raises:
        UnknownName: No neuron or surrogate has that name.
        ConfigError: An option has a wrong value.

    Reference:
        zheng2021 (tdBN); wei2024 (Q-SNN) has these channels and blocks.
    """

    reads_parts = True

    def __init__(
        self,
        sensor: Sensor,
        classes: Count,
        channels: Counts = (128, 256, 512),
        blocks: Counts = (3, 3, 2),
        votes: Count = 10,
        tau: float | None = None,
        dropout: Dropout = 0.0,
        surrogate: SurrogateName | None = None,
        neuron: NeuronPlan | None = None,
    ) -> None:
        refuse(_unlike(channels, blocks), "resnet19")
        super().__init__(sensor, classes)
        make = neuron_maker("resnet19", neuron, tau, surrogate)
        width = channels[0]
        layers: list[nn.Module] = [conv_block(sensor[0], width, make)]
        for stage, (outputs, count) in enumerate(zip(channels, blocks, strict=True)):
            for number in range(count):
                layers.append(BasicBlock(width, outputs, 2 if stage and not number else 1, make))
                width = outputs
        self.features = nn.Sequential(*layers)
        self.readout = AverageHead(width, classes * votes, make, dropout)


def _unlike(channels: Sequence[int], blocks: Sequence[int]) -> list[Problem]:
    if sum(blocks) > MOST_BLOCKS:
        return [Problem("blocks", f"{sum(blocks):,} blocks", f"at most {MOST_BLOCKS} in all")]
    if len(channels) != len(blocks) or not channels:
        got, rule = f"{len(blocks)} numbers", f"one for each of the {len(channels)} stages, at least one"
        return [Problem("blocks", got, rule)]
    return []
