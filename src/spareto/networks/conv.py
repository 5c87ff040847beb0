"""A small convolutional spiking network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field
from torch import nn

from spareto.core.config import Rule
from spareto.core.errors import Problem
from spareto.layers.spiking_block import SpikingBlock
from spareto.networks._base import FeatureNetwork
from spareto.networks._blocks import dense_blocks
from spareto.networks._checks import Count, Counts, Dropout, Sensor, refuse
from spareto.networks._neurons import NeuronPlan, SurrogateName, neuron_maker


def _odd(side: int) -> int:
    if side % 2 == 0:
        raise ValueError
    return side


Odd = Annotated[int, Field(ge=1, lt=256), AfterValidator(_odd), Rule("an odd number below 256")]


class ConvNetwork(FeatureNetwork):
    """Blocks of [convolution, batch norm, LIF, max pooling 2], then dense layers, the last of which votes.

    Args:
        sensor: Polarities, height, width of a frame.
        classes: Number of classes.
        channels: Output channels of each block.
        kernel: Side of the square kernels, odd; the convolutions are zero-padded by half of it.
        stride: Stride of the first block's convolution; the others have 1.
        hidden: Neurons of each dense layer before the read-out.
        votes: Voting neurons a class has in the read-out.
        tau: Membrane time constant of all neurons, timesteps; left out, that of `neuron`, 2.
        dropout: Share of the dense layers' inputs silenced in training, 0..1.
        surrogate: Name of the surrogate gradient; left out, that of `neuron`, arctan.
        neuron: Name of the neuron, or a mapping of `name` [lif] and what its constructor takes.

    Raises:
        UnknownName: No neuron or surrogate has that name.
        ConfigError: An option has a wrong value, or the sensor is too small for so many blocks.
    """

    reads_parts = True

    def __init__(
        self,
        sensor: Sensor,
        classes: Count,
        channels: Counts = (16, 32),
        kernel: Odd = 3,
        stride: Count = 1,
        hidden: Counts = (),
        votes: Count = 10,
        tau: float | None = None,
        dropout: Dropout = 0.0,
        surrogate: SurrogateName | None = None,
        neuron: NeuronPlan | None = None,
    ) -> None:
        refuse(_too_deep(sensor[1:], len(channels), stride), "conv")
        super().__init__(sensor, classes)
        make = neuron_maker("conv", neuron, tau, surrogate)
        width, height, columns = sensor
        blocks: list[SpikingBlock] = []
        for number, out in enumerate(channels):
            step = stride if number == 0 else 1
            conv = nn.Conv2d(width, out, kernel, stride=step, padding=kernel // 2, bias=False)
            blocks.append(SpikingBlock(conv, nn.BatchNorm2d(out), make(), nn.MaxPool2d(2)))
            width, height, columns = out, _halved(height, step), _halved(columns, step)
        self.features = nn.Sequential(*blocks)
        sizes = (width * height * columns, *hidden, classes * votes)
        self.readout = nn.Sequential(*dense_blocks(sizes, make, dropout, batch_norm=True))


def _too_deep(sides: Sequence[int], blocks: int, stride: int) -> list[Problem]:
    problems: list[Problem] = []
    for side in sides:
        left = side
        for block in range(blocks):
            left = _halved(left, stride if block == 0 else 1)
        if left < 1:
            got, cure = f"{blocks} blocks", "Use fewer channels, or a smaller stride."
            rule = f"few enough to leave one of {side} pixels"
            problems.append(Problem("channels", got, rule, cure))
    return problems


def _halved(size: int, stride: int) -> int:
    """Side of a map after a padded convolution of that stride and a max pooling of 2."""
    return ((size - 1) // stride + 1) // 2
