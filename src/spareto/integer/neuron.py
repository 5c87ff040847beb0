"""One timestep of a layer's neurons in integers: the definition every engine is held to.

    i[t]  = i_decay · i[t-1] + x[t]                   wide; with a synaptic current, else i = x
    u[t]  = decay · v[t-1] + gain(i[t]) + leak        wide
    u[t] <- keep' · u[t] − delayed_drop               after a spike at t-1, with a delayed reset
    th    = threshold + scale · a[t-1]                wide
    s[t]  = u[t] >= th, or u[t] > th if strict        or, for counts, how many thresholds u[t] holds
    a[t]  = round(a_decay · a[t-1] + one · s[t])
    v[t]  = round(u[t]), or of what the reset makes of it after a spike

`x` are the wide currents. Wide numbers have `shift` more binary digits than stored ones; `round` takes them
off, to the nearest integer, halves to the even one, and saturates. Nothing else is rounded, but `gain(i)`,
where there is one.

The code takes arrays of numpy and tensors of torch alike.
"""

from __future__ import annotations

from typing import Any

from spareto.integer.arithmetic import rounded
from spareto.integer.network import IntegerNeuron

States = dict[str, Any]
"""Stored states by their letter, `v`, `i`, `a`, `s`, as `IntegerNeuron.states` lists them."""


def fresh(neuron: IntegerNeuron, like: Any) -> States:
    """States before the first timestep.

    Args:
        neuron: The neurons.
        like: An array of zeros, of the shape of one timestep's currents.
    """
    return {name: like + (neuron.start if name == "v" else 0) for name in neuron.states}


def step(neuron: IntegerNeuron, x: Any, states: States) -> tuple[Any, States]:
    """One timestep: wide currents to spikes or counts, and the states after it.

    Args:
        neuron: The neurons.
        x: Wide currents, 64-bit integers.
        states: Of the timestep before; not changed.
    """
    after: States = {}
    if neuron.current is not None:
        x = neuron.current.decay * states["i"] + x
        after["i"] = _stored(neuron, x)
        x = rounded(neuron.current.gain * x, neuron.current.gain_shift)
    u = neuron.decay * states["v"] + x + neuron.leak
    if neuron.delayed is not None:
        fired = states["s"]
        u = u - fired * (neuron.delayed_drop + (0 if neuron.delayed else 1) * u)
    level = neuron.threshold
    if neuron.adaptation is not None:
        level = level + neuron.adaptation.scale * states["a"]
    s = _spikes(neuron, u, level)
    if neuron.adaptation is not None:
        a = neuron.adaptation.decay * states["a"] + neuron.adaptation.one * s
        after["a"] = _stored(neuron, a)
    after["v"] = _stored(neuron, _reset(neuron, u, s, level))
    if neuron.delayed is not None:
        after["s"] = s
    return s, after


def _spikes(neuron: IntegerNeuron, u: Any, level: Any) -> Any:
    """0 or 1; or how many thresholds fit, the last one open if strict."""
    if neuron.counts is None:
        return ((u > level) if neuron.strict else (u >= level)) * 1
    return ((u - 1 if neuron.strict else u) // level).clip(0, neuron.counts)


def _reset(neuron: IntegerNeuron, u: Any, s: Any, level: Any) -> Any:
    """Potential behind the spikes, wide; counts take a threshold each."""
    if neuron.counts is not None:
        return u - s * level
    fall = neuron.drop + (level if neuron.drop_threshold else 0)
    return u - s * (fall + (0 if neuron.keep else 1) * u)


def _stored(neuron: IntegerNeuron, wide: Any) -> Any:
    return rounded(wide, neuron.shift).clip(-neuron.most, neuron.most)
