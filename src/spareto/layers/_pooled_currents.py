"""Convolution, max pooling and neurons, in this order, as one layer.

`SpikingBlock` pools spikes, behind its neurons; here the neurons get the largest current of each window.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

from spareto.kernels import fused, pooling
from spareto.kernels.decision_log import DecisionSlot
from spareto.kernels.kernel_options import current
from spareto.kernels.normalizing import Norm
from spareto.kernels.spikes import Spikes, traced
from spareto.kernels.sums import ConvSums
from spareto.layers import _convolving as convolving
from spareto.layers import _fusion as fusion
from spareto.layers._geometry import conv_shape, output_size
from spareto.layers._pooling import window
from spareto.neurons import SpikingNeuron

MOST_PIXELS: Final = 255
"""Pixels a window: a place in it is kept in a byte."""

_NO_NORM = Norm(None, None, None, None, None)


def pooled_currents(
    conv: nn.Conv2d, pool: nn.Module, neuron: SpikingNeuron, sequence: Tensor | Spikes, slot: DecisionSlot
) -> Spikes | None:
    """Spikes of neurons behind the largest currents of each window; None where no kernels run the layers.

    Args:
        conv: The convolution; it sees time x batch samples.
        pool: The pooling of its currents.
        neuron: The neurons.
        sequence: Shape `(time, batch, channels, height, width)`.
        slot: Where it is noted how it ran.
    """
    weight, children = conv.weight, (conv, pool, neuron)
    if len(sequence.shape) != 5 or traced(weight) or sequence.shape[2] != conv.in_channels:
        return None
    why = fusion.why_reference(sequence, weight, None, neuron, *children)
    height, width = (0, 0) if why else output_size(conv, *sequence.shape[3:])
    found = window(pool, height, width) if isinstance(pool, nn.MaxPool2d) and min(height, width) > 0 else None
    if found is None or found.max_height * found.max_width > MOST_PIXELS:
        return None
    time, batch, _, *size = sequence.shape
    sides = found.max_height, found.max_width
    events = convolving.events(slot, conv, sequence)
    if events is None:
        z = pooling.largest(convolving.dense_sums(conv, sequence, weight), sides)
    else:
        made = ConvSums(conv_shape(conv, time * batch, *size), events.events, current().bfloat16)
        z = pooling.sums(made, events.carrier, events.bits, weight.contiguous(), sides)
    dynamics = neuron.dynamics()
    assert dynamics is not None
    sides = height // sides[0], width // sides[1]
    constants = fusion.firing(dynamics, None, time, batch, *sides, conv.out_channels)
    fired = fused.fire(z, constants, _NO_NORM, dynamics.coefficients(), None if events is None else conv.bias)
    done = fusion.finish(fired, None, None, constants, spatial=True)
    assert isinstance(done, Spikes)
    return done
