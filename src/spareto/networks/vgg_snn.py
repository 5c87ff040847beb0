"""A spiking VGG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import nn

from spareto.core.config import Rule
from spareto.networks._base import FeatureNetwork
from spareto.networks._blocks import AverageHead, conv_block, dense_blocks
from spareto.networks._checks import Count, Counts, Dropout, Sensor, poolings, refuse
from spareto.networks._neurons import NeuronPlan, SurrogateName, neuron_maker

Head = Literal["flat", "average"]
Stages = Annotated[
    Sequence[Annotated[Counts, Field(min_length=1)]],
    Rule("a list of stages, each a list of integers of at least 1"),
]


class VGGSNN(FeatureNetwork):
    """Stages of [convolution 3x3, batch norm, LIF] blocks with an average pooling behind each, then a vote.

    Its authors read out the mean current of the last layer; here LIF neurons vote on it, so that losses,
    profile and cost meet spikes as in every other network.

    Args:
        sensor: Polarities, height, width of a frame; its authors scale CIFAR10-DVS to 2x48x48.
        classes: Number of classes.
        stages: Output channels of each block, stage by stage.
        votes: Voting neurons a class has in the read-out.
        tau: Membrane time constant of all neurons, timesteps; left out, that of `neuron`, 2.
        dropout: Share of the read-out's inputs silenced in training, 0..1.
        surrogate: Name of the surrogate gradient; left out, that of `neuron`, arctan.
        neuron: Name of the neuron, or a mapping of `name` [lif] and what its constructor takes.
        head: What is behind the stages: `flat` connects every pixel and normalizes; `average` takes the mean
            of every channel, and its connections have biases in place of a batch norm.

    Raises:
        UnknownName: No neuron or surrogate has that name.
        ConfigError: An option has a wrong value, or the sensor is too small for so many stages.

    Reference:
        deng2022, appendix; wei2024 (Q-SNN) has the head `average`.
    """

    name: ClassVar[str] = "vgg_snn"
    reads_parts = True

    def __init__(
        self,
        sensor: Sensor,
        classes: Count,
        stages: Stages = ((64, 128), (256, 256), (512, 512), (512, 512)),
        votes: Count = 10,
        tau: float | None = None,
        dropout: Dropout = 0.25,
        surrogate: SurrogateName | None = None,
        neuron: NeuronPlan | None = None,
        head: Head = "flat",
    ) -> None:
        refuse(poolings("stages", sensor, len(stages)), self.name)
        super().__init__(sensor, classes)
        make = neuron_maker(self.name, neuron, tau, surrogate)
        width, height, columns = sensor
        blocks: list[nn.Module] = []
        for stage in stages:
            for number, out in enumerate(stage, start=1):
                pool = nn.AvgPool2d(2) if number == len(stage) else None
                blocks.append(conv_block(width, out, make, pool))
                width = out
            height, columns = height // 2, columns // 2
        self.features = nn.Sequential(*blocks)
        if head == "average":
            self.readout: nn.Module = AverageHead(width, classes * votes, make, dropout)
        else:
            sizes = (width * height * columns, classes * votes)
            self.readout = nn.Sequential(*dense_blocks(sizes, make, dropout, batch_norm=True))
