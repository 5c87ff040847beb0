"""The spiking VGG-16."""

from __future__ import annotations

from typing import ClassVar

from spareto.networks._checks import Count, Dropout, Sensor
from spareto.networks._neurons import NeuronPlan, SurrogateName
from spareto.networks.vgg_snn import VGGSNN, Head, Stages


class VGG16(VGGSNN):
    """Thirteen [convolution 3x3, batch norm, LIF] blocks in five stages with an average pooling behind each.

    Args:
        sensor: Polarities, height, width of a frame; 3x32x32 for CIFAR.
        classes: Number of classes.
        stages: Output channels of each block, stage by stage.
        votes: Voting neurons a class has in the read-out.
        tau: Membrane time constant of all neurons, timesteps; left out, that of `neuron`, 2.
        dropout: Share of the read-out's inputs silenced in training, 0..1.
        surrogate: Name of the surrogate gradient; left out, that of `neuron`, arctan.
        neuron: Name of the neuron, or a mapping of `name` [lif] and what its constructor takes.
        head: See `VGGSNN`.

    Raises:
        UnknownName: No neuron or surrogate has that name.
        ConfigError: An option has a wrong value, or the sensor is too small for so many stages.

    Reference:
        simonyan2015, configuration D, with batch norms and one dense layer; wei2024 (Q-SNN) trains it.
    """

    name: ClassVar[str] = "vgg16"
    reads_parts = True

    def __init__(
        self,
        sensor: Sensor,
        classes: Count,
        stages: Stages = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3),
        votes: Count = 10,
        tau: float | None = None,
        dropout: Dropout = 0.25,
        surrogate: SurrogateName | None = None,
        neuron: NeuronPlan | None = None,
        head: Head = "average",
    ) -> None:
        super().__init__(sensor, classes, stages, votes, tau, dropout, surrogate, neuron, head)
