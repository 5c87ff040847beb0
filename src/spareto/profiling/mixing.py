"""Products that run once over all timesteps and mix them, such as convolutions along time."""

from __future__ import annotations

from math import prod

from spareto.profiling.behind import Behind
from spareto.profiling.tracer import NeuronEvent, ProductEvent, Trace
from spareto.profiling.uses import Runs, Use


def mixes(use: Use[ProductEvent], neurons: Use[NeuronEvent], behind: Behind, runs: Runs) -> bool:
    """Whether a product's own axes hold the timesteps of the neurons behind it.

    What runs once is else held: all timesteps of the neurons take the same result.

    Args:
        use: The product.
        neurons: The neurons.
        behind: What stands between them.
        runs: One timestep more makes such an axis longer; where the network takes none, the product puts out
            a value for each neuron and timestep, and has an axis that is as long as there are timesteps.
    """
    steps = neurons.steps
    if use.looped or use.layout.steps > 1 or steps == 1:
        return False
    if runs.longer is not None:
        return _own_shape(use, runs.one) != _own_shape(use, runs.longer)
    given = prod(use.first.output.shape) * len(use.events)
    taken = prod(neurons.first.output.shape) // neurons.layout.steps * steps
    axes = (*use.first.x.shape[-use.first.product.features :], *use.first.output.shape)
    return given == taken and steps in axes and use.first.operation not in behind.pooled


def _own_shape(use: Use[ProductEvent], trace: Trace) -> tuple[int, ...]:
    """What enters for one sample, the leading axes aside."""
    event = next((each for each in trace.products if each.layer == use.first.layer), use.first)
    return event.x.shape[len(event.x.shape) - event.product.features :]
