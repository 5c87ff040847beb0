"""The golden model against the integer reference and against loops over single neurons."""

from random import Random

import numpy as np
import pytest
import torch
from torch import nn

import spareto
from fpga.random_circuits import conv_circuit, dense_circuit, frames_for
from spareto.fpga import Golden, Options, circuit_of
from spareto.fpga.circuit import Neurons
from spareto.integer import Reference
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry
from spareto.neurons.recurrent import Recurrent

NEURONS = (
    ("lif", {"beta": 0.875}),
    ("lif", {"beta": 0.5, "strict": True, "reset": "zero"}),
    ("lif", {"beta": 0.9375, "reset": "subtract_delayed"}),
    ("iaf", {"reset": "zero_delayed"}),
    ("iaf", {"reset": "value", "v_reset": -0.25}),
    ("synaptic", {"beta": 0.875, "alpha": 0.5}),
)


def network(number):
    """A small network whose neurons spike."""
    torch.manual_seed(number)
    name, options = NEURONS[number]

    def neuron():
        return registry.make(name, v_threshold=0.2, **options)

    made = nn.Sequential(
        SpikingBlock(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), neuron(), nn.AvgPool2d(2)),
        SpikingBlock(nn.Conv2d(4, 6, 3, stride=2), None, neuron(), nn.MaxPool2d(2, padding=1)),
        SpikingDense(nn.Linear(6 * 2 * 2, 8), Recurrent(8, neuron())),
        SpikingDense(nn.Linear(8, 6), neuron()),
    )
    for parameter in made.parameters():
        parameter.data *= 3
    compressed = spareto.compress(made, spareto.recipes.quantize(bits=4))
    return spareto.lower(compressed, sensor=(2, 12, 12), classes=3).network


@pytest.mark.parametrize("number", range(len(NEURONS)))
def test_the_preset_spareto_is_the_integer_network(number):
    lowered = network(number)
    frames = (np.random.default_rng(number).random((12, 3, 2, 12, 12)) < 0.3).astype(np.int64)
    expected = [o.transpose(0, 1, 3, 4, 2).reshape(12, 3, -1) for o in Reference(lowered).run(frames)]
    circuit = circuit_of(lowered, Options())
    got = Golden(circuit).run(frames.reshape(12, 3, -1))
    by_name = {node.name: outputs for node, outputs in zip(lowered.nodes, expected, strict=True)}
    for stage, outputs in zip(circuit.stages, got, strict=True):
        assert np.array_equal(outputs, by_name[stage.name]), stage.name
    assert sum(bool(outputs.any()) for outputs in got) >= 2


def clip(stage, value):
    return min(max(value, stage.low), stage.high)


def divided(value, shift, rounding):
    """`value / 2^shift` in exact fractions."""
    whole, rest = divmod(value, 1 << shift)
    if rounding == "truncate" and value < 0 and rest:
        return whole + 1
    half = (1 << shift) / 2
    up = rest > half or (rest == half and shift > 0 and whole % 2 == 1)
    return whole + 1 if rounding == "even" and up else whole


def leaked(value, shift, rounding):
    return value if shift is None else value - divided(value, shift, rounding)


def neuron_by_neuron(stage, x, last, state, position, channel):
    """One neuron's timestep, in Python's own numbers: spike, potential, current."""
    how = stage.semantics
    each = how.saturation == "each"
    keep = (lambda value: clip(stage, value)) if each else (lambda value: value)
    v, i, fired = state
    threshold, reset = int(stage.threshold[channel]), int(stage.reset[channel])
    above = (lambda u: u > threshold) if how.comparison == ">" else (lambda u: u >= threshold)
    spike = False
    if how.order == "fire":
        spike = above(v)
        after = clip(stage, v - reset if how.reset == "subtract" else reset) if spike else v
        v = after if spike and not how.firing_leaks else leaked(after, how.leak_shift, how.rounding)
    else:
        v = leaked(v << how.digits, how.leak_shift, how.rounding)
    if how.reset_late and how.reset == "subtract" and fired:
        v = keep(v - reset)
    into = leaked(i << how.digits, how.current_shift, how.rounding) if how.second_order else v
    into = keep(into + int(stage.bias[channel]))
    factor = 1 if stage.multiplier is None else int(stage.multiplier[channel])
    for place, column in zip(stage.window.addresses()[position], stage.window.columns, strict=True):
        if place >= 0 and x[place]:
            into = keep(into + int(stage.weights[channel, column]) * factor)
    if stage.feedback is not None:
        factor = 1 if stage.multiplier is None else int(stage.feedback_multiplier[channel])
        for other, back in enumerate(last):
            into = keep(into + int(stage.feedback[channel, other]) * factor * back)
    if how.second_order:
        i, v = clip(stage, divided(into, how.digits, how.rounding)), keep(v + into)
    else:
        v = into
    if how.reset_late and how.reset == "fixed" and fired:
        v = reset
    if how.order == "integrate":
        spike = above(v)
        if spike and not how.reset_late:
            v = v - reset if how.reset == "subtract" else reset
    return int(spike), clip(stage, divided(v, how.digits, how.rounding)), i


@pytest.mark.parametrize("seed", range(40))
def test_single_neurons_in_plain_python(seed):
    pick = Random(seed)
    circuit = (conv_circuit if seed % 4 == 0 else dense_circuit)(pick)
    frames = frames_for(pick, circuit, 8, 1)
    golden, wires = Golden(circuit), []
    states = {n: {} for n in range(len(circuit.stages))}
    for frame in frames:
        wires.append(golden.step(frame))
        for number, stage in enumerate(circuit.stages):
            if not isinstance(stage, Neurons):
                continue
            x = frame[0] if stage.source < 0 else wires[-1][stage.source][0]
            last = [states[number].get((0, c), (0, 0, 0))[2] for c in range(stage.channels)]
            for position in range(stage.window.positions):
                for channel in range(stage.channels):
                    old = states[number].get((position, channel), (stage.start, 0, 0))
                    spike, v, i = neuron_by_neuron(stage, x, last, old, position, channel)
                    states[number][position, channel] = (v, i, spike)
                    got = [int(golden.states[number][name][0, position, channel]) for name in "vis"]
                    assert got == [v, i, spike]
