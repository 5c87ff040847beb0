"""The study's network: convolutions with temporal-channel joint attention."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from spareto.core.errors import Problem
from spareto.core.text import shown
from spareto.layers.tcja import TCJA
from spareto.networks._base import FeatureNetwork
from spareto.networks._blocks import conv_block, dense_blocks
from spareto.networks._checks import Count, Counts, Dropout, Sensor, poolings, refuse
from spareto.networks._neurons import NeuronPlan, SurrogateName, neuron_maker


class TCJANetwork(FeatureNetwork):
    """Blocks of [convolution 3x3, batch norm, LIF, max pooling 2], some followed by attention, then dense.

    With the defaults, a sensor of 2x128x128 and 11 classes it is the study's network for DVS128 Gesture:
    five blocks of 128 channels, attention after the fourth and the fifth, dense 2048 > 512 > 110.

    Args:
        sensor: Polarities, height, width of a frame.
        classes: Number of classes.
        timesteps: T of the data; the attention is built for it.
        channels: Output channels of each block.
        attention: Blocks followed by attention, counted from 1; none with an empty list.
        hidden: Neurons of each dense layer before the read-out.
        votes: Voting neurons a class has in the read-out.
        tau: Membrane time constant of all neurons, timesteps; left out, that of `neuron`, 2.
        dropout: Share of the dense layers' inputs silenced in training, 0..1.
        surrogate: Name of the surrogate gradient; left out, that of `neuron`, arctan.
        neuron: Name of the neuron, or a mapping of `name` [lif] and what its constructor takes.

    Raises:
        UnknownName: No neuron or surrogate has that name.
        ConfigError: An option has a wrong value, or the sensor is too small for so many blocks.

    Reference:
        zhu2022; schaefer2023, section III.
    """

    reads_parts = True

    def __init__(
        self,
        sensor: Sensor,
        classes: Count,
        timesteps: Count = 20,
        channels: Counts = (128, 128, 128, 128, 128),
        attention: Counts = (4, 5),
        hidden: Counts = (512,),
        votes: Count = 10,
        tau: float | None = None,
        dropout: Dropout = 0.5,
        surrogate: SurrogateName | None = None,
        neuron: NeuronPlan | None = None,
    ) -> None:
        wrong = poolings("channels", sensor, len(channels)) + _attention(attention, len(channels))
        refuse(wrong, "tcja")
        super().__init__(sensor, classes)
        self.timesteps = timesteps if attention else None
        make = neuron_maker("tcja", neuron, tau, surrogate)
        width, height, columns = sensor
        blocks: list[nn.Module] = []
        for number, out in enumerate(channels, start=1):
            blocks.append(conv_block(width, out, make, nn.MaxPool2d(2)))
            if number in attention:
                blocks.append(TCJA(timesteps, out))
            width, height, columns = out, height // 2, columns // 2
        self.features = nn.Sequential(*blocks)
        sizes = (width * height * columns, *hidden, classes * votes)
        self.readout = nn.Sequential(*dense_blocks(sizes, make, dropout))


def _attention(attention: Sequence[int], blocks: int) -> list[Problem]:
    known = range(1, blocks + 1)
    if all(block in known for block in attention):
        return []
    return [Problem("attention", shown(attention), f"a list of blocks, counted from 1 to {blocks}")]
