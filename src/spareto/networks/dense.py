"""Dense networks, for spike trains without a place."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn
from typing_extensions import override

from spareto.core.options import Flag
from spareto.networks._base import Network
from spareto.networks._blocks import dense_blocks
from spareto.networks._checks import Count, Counts, Dropout, Sensor
from spareto.networks._neurons import NeuronPlan, SurrogateName, neuron_maker
from spareto.networks._vote import vote


class DenseNetwork(Network):
    """Dense layers of LIF neurons, the last of which vote.

    On the 700 channels of the Heidelberg spoken digits, sensor (1, 1, 700), with 20 classes the defaults
    give 700 > 256 > 20.

    Args:
        sensor: Polarities, height, width of a frame, which is flattened.
        classes: Number of classes.
        hidden: Neurons of each layer before the read-out.
        votes: Voting neurons a class has in the read-out.
        tau: Membrane time constant of all neurons, timesteps; left out, that of `neuron`, 2.
        dropout: Share of each layer's inputs silenced in training, 0..1.
        batch_norm: Normalize the currents of each layer; without, small inputs leave fresh layers silent.
        recurrent: Feed the spikes of each hidden layer back to it, one timestep later.
        surrogate: Name of the surrogate gradient; left out, that of `neuron`, arctan.
        neuron: Name of the neuron, or a mapping of `name` [lif] and what its constructor takes.

    Raises:
        UnknownName: No neuron or surrogate has that name.
        ConfigError: An option has a wrong value.

    Reference:
        cramer2022: spoken digits as spikes of 700 channels.
    """

    reads_parts = True

    def __init__(
        self,
        sensor: Sensor,
        classes: Count,
        hidden: Counts = (256,),
        votes: Count = 1,
        tau: float | None = None,
        dropout: Dropout = 0.0,
        batch_norm: Flag = True,
        recurrent: Flag = False,
        surrogate: SurrogateName | None = None,
        neuron: NeuronPlan | None = None,
    ) -> None:
        super().__init__(sensor, classes)
        make = neuron_maker("dense", neuron, tau, surrogate)
        sizes = (prod(sensor), *hidden, classes * votes)
        blocks = dense_blocks(sizes, make, dropout, batch_norm=batch_norm, recurrent=recurrent)
        self.readout = nn.Sequential(*blocks)

    @override
    def rates(self, frames: Tensor) -> Tensor:
        return vote(self.readout(frames), self.classes)
