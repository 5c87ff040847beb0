"""Networks of neurons that learn their time constants."""

from __future__ import annotations

from torch import nn

from spareto.networks._base import FeatureNetwork
from spareto.networks._blocks import conv_block, dense_blocks
from spareto.networks._checks import Count, Counts, Dropout, Sensor, poolings, refuse
from spareto.networks._neurons import NeuronPlan, SurrogateName, neuron_maker


class PLIFNetwork(FeatureNetwork):
    """Blocks of [convolution 3x3, batch norm, PLIF, max pooling 2], then dense PLIF layers, the last votes.

    The defaults are its authors' network for DVS128 Gesture; for N-MNIST they take `channels=(128, 128)`
    and `hidden=(2048,)`, for CIFAR10-DVS four blocks of 128.

    Args:
        sensor: Polarities, height, width of a frame.
        classes: Number of classes.
        channels: Output channels of each block.
        hidden: Neurons of each dense layer before the read-out.
        votes: Voting neurons a class has in the read-out.
        tau: Membrane time constant all layers start from, timesteps; left out, that of `neuron`, 2.
        dropout: Share of the dense layers' inputs silenced in training, 0..1.
        surrogate: Name of the surrogate gradient; left out, that of `neuron`, arctan.
        neuron: Name of the neuron, or a mapping of `name` [plif] and what its constructor takes.

    Raises:
        UnknownName: No neuron or surrogate has that name.
        ConfigError: An option has a wrong value, or the sensor is too small for so many blocks.

    Reference:
        fang2021, section 4.
    """

    reads_parts = True

    def __init__(
        self,
        sensor: Sensor,
        classes: Count,
        channels: Counts = (128, 128, 128, 128, 128),
        hidden: Counts = (512,),
        votes: Count = 10,
        tau: float | None = None,
        dropout: Dropout = 0.5,
        surrogate: SurrogateName | None = None,
        neuron: NeuronPlan | None = None,
    ) -> None:
        refuse(poolings("channels", sensor, len(channels)), "plif")
        super().__init__(sensor, classes)
        make = neuron_maker("plif", neuron, tau, surrogate, "plif")
        width, height, columns = sensor
        blocks: list[nn.Module] = []
        for out in channels:
            blocks.append(conv_block(width, out, make, nn.MaxPool2d(2)))
            width, height, columns = out, height // 2, columns // 2
        self.features = nn.Sequential(*blocks)
        sizes = (width * height * columns, *hidden, classes * votes)
        self.readout = nn.Sequential(*dense_blocks(sizes, make, dropout))
