"""Neurons whose currents no layer of theirs sums, and the pooling behind them: their spikes as bits."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

from spareto.kernels import fused
from spareto.kernels.normalizing import Norm
from spareto.kernels.spikes import Spikes, traced
from spareto.layers import _fusion as fusion
from spareto.layers._pooling import window
from spareto.neurons import SpikingNeuron

_NO_NORM: Final = Norm(None, None, None, None, None)


def fired_alone(neuron: nn.Module, currents: Tensor, pool: nn.Module | None = None) -> Spikes | None:
    """Spikes of neurons, as bits; None where no kernel makes them.

    Args:
        neuron: The neurons.
        currents: Shape `(time, batch, channels, height, width)`.
        pool: Max pooling of their spikes, or None.
    """
    if currents.dim() != 5 or traced(currents) or not isinstance(neuron, SpikingNeuron):
        return None
    if fusion.why_reference(currents, currents, None, neuron, neuron, pool):
        return None
    found = window(pool, *currents.shape[3:])
    if found is None:
        return None
    dynamics = neuron.dynamics()
    assert dynamics is not None
    time, batch, channels, height, width = currents.shape
    constants = fusion.firing(dynamics, None, time, batch, height, width, channels, found)
    fired = fused.fire(fusion.pixels(currents), constants, _NO_NORM, dynamics.coefficients())
    done = fusion.finish(fired, None, None, constants, spatial=True)
    assert isinstance(done, Spikes)
    return done
