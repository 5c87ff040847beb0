"""Small cases of all that the kernels do: every neuron, every way through the event-driven sums."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from spareto import kernels
from spareto.kernels import banded, c_layers, local, trains
from spareto.kernels import neurons as loops
from spareto.kernels.decision_log import DecisionSlot
from spareto.layers._pooled_currents import pooled_currents as pooled_currents_of
from spareto.layers.residual import Residual
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.mechanistic.system import Problems, RowWeights, assemble
from spareto.neurons import registry as neurons
from spareto.neurons._family import Reset
from spareto.neurons.surrogates import registry as surrogates
from spareto.plasticity.constants import constants
from spareto.records.plasticity import PlasticityPlan

FAMILY = [name for name in neurons.names() if name not in ("multi_spike", "recurrent")]
LEARNED = ("alpha", "beta", "gain", "bias", "v_threshold", "adapt_decay", "adapt_scale", "state_step")


def run():
    """All of them."""
    every_neuron()
    odd_sizes()
    coefficients()
    blocks()
    pooled_currents()
    residuals()
    dense_layers()
    several_threads()
    looks()
    spike_trains()
    local_learning()
    banded_systems()


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def events(*shape, density):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(1)) < density).float()


def back(*results):
    """A fixed random sum of the results, differentiated."""
    sum((result * draw(*result.shape, seed=2)).sum() for result in results).backward()


def step(neuron, shape):
    """Two runs, the second from the state of the first, and back through both."""
    current = (draw(*shape) * 1.5 + 0.7).requires_grad_()
    spikes, state = neuron.run(current)
    more, last = neuron.run(current, state)
    back(spikes, more, *(last if isinstance(last, tuple) else (last,)))
    back(neuron(current))


def every_neuron():
    for name in FAMILY:
        for reset in Reset.__args__:
            for surrogate in surrogates.names():
                for extra in ({}, {"strict": True, "detach_reset": False}):
                    step(neurons.make(name, reset=reset, surrogate=surrogate, **extra), (3, 19))


def odd_sizes():
    for name in FAMILY:
        for shape in [(1, 1), (1, 3), (7, 5, 3), (2, 2063)]:
            step(neurons.make(name, detach_reset=False), shape)


def coefficients():
    """Every coefficient learned, that a neuron has, alone and with all the others' parts."""
    fields = {"alpha": 0.4, "adapt_decay": 0.8, "adapt_scale": 0.3, "delayed_keep": 1, "delayed_drop": 0.1}
    stored = {"state_step": 0.1, "state_most": 7}
    for extra in ({}, {"alpha": 0.4}, fields, stored, fields | stored):
        dynamics = replace(
            neurons.make("lif", detach_reset=False).dynamics(), bias=0.02, v_start=-0.2, **extra
        )
        there = [name for name in LEARNED if getattr(dynamics, name) is not None]
        tensors = {name: torch.tensor(float(getattr(dynamics, name)), requires_grad=True) for name in there}
        current = (draw(6, 37) + 0.7).requires_grad_()
        back(*loops.run(current, replace(dynamics, **tensors), None, last=True))


def block(inputs, outputs, kernel=3, stride=1, padding=1, *, norm=True, pool=2, neuron="lif", **options):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=not norm)
    nn.init.normal_(conv.weight, 0.05, 2.0 / math.sqrt(conv.weight[0].numel()))
    side = nn.MaxPool2d(pool) if pool > 1 else None
    return SpikingBlock(
        conv, nn.BatchNorm2d(outputs) if norm else None, neurons.make(neuron, **options), side
    )


def dense(inputs, outputs, norm=True):
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, 0.05, 2.0 / math.sqrt(inputs))
    return SpikingDense(linear, neurons.make("lif"), nn.BatchNorm1d(outputs) if norm else None)


def train(*layers, sequence, **options):
    """A step of training and an evaluation of a stack of layers."""
    with kernels.options(**options):
        back(kernels.dense(nn.Sequential(*layers)(sequence)))
        with torch.no_grad():
            nn.Sequential(*layers).eval()(sequence)


def blocks():
    torch.manual_seed(0)
    few, many = events(3, 2, 2, 9, 11, density=0.03), events(3, 2, 2, 9, 11, density=0.4)
    for outputs in (5, 16, 32, 64):  # few channels in: events scatter; blocks of channels of every width
        train(block(2, outputs), sequence=few)
        train(block(2, outputs, padding=2, pool=1), block(outputs, 20, norm=False), sequence=many)
    wide = events(2, 1, 130, 6, 7, density=0.3)  # weights of one kernel row in the nearest cache, and none
    train(block(130, 32), block(32, 48), sequence=wide)
    train(block(130, 5, kernel=(5, 2), padding=(2, 0), norm=False), sequence=wide)
    for kernel, stride, padding in [(1, 1, 0), (5, 1, 2), (3, 2, 1), ((2, 4), (1, 3), (0, 2))]:
        for sequence in (few, many):
            train(block(2, 33, kernel, stride, padding, pool=1), sequence=sequence)
    for name in FAMILY:
        for pool in (1, 2, 3):
            options = {"reset": "subtract_delayed", "strict": True} if pool == 3 else {}
            train(block(2, 18, pool=pool, neuron=name, **options), sequence=many)
        train(block(2, 5, neuron=name, reset="zero_delayed", detach_reset=False), sequence=many[:1])
    train(block(2, 5), block(5, 4, kernel=5, padding=2), sequence=many * 0.7)  # dense sums
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spareto.kernels.fused.SMALL", 0)
        train(block(2, 5), block(5, 6), sequence=many, recompute=True)
        patch.setattr("spareto.kernels.chunked.LARGE", 1)  # one sample at a time
        train(block(2, 5, neuron="plif"), sequence=many, recompute=True)
        train(block(2, 5, norm=False), sequence=many)


def pooled_currents():
    """Convolutions whose sums are pooled before the neurons: windows that cover all, and some."""
    torch.manual_seed(0)
    slot = DecisionSlot()
    for sides, kernel, stride, padding in [((2, 2), 5, 1, 2), ((3, 2), 3, 1, 1), ((2, 2), 3, 2, 0)]:
        for outputs in (5, 40):
            first = block(2, 20, pool=1)
            conv, pool = nn.Conv2d(20, outputs, kernel, stride, padding), nn.MaxPool2d(sides)
            fired = pooled_currents_of(
                conv, pool, neurons.make("lif"), first(events(3, 2, 2, 11, 14, density=0.3)), slot
            )
            assert fired is not None
            back(kernels.dense(fired))
    some = events(3, 2, 2, 11, 14, density=0.3) * 0.5  # real values: torch's sums
    conv, pool = nn.Conv2d(2, 7, 3), nn.MaxPool2d(2)
    back(kernels.dense(pooled_currents_of(conv, pool, neurons.make("lif"), some, slot)))


class Membrane(nn.Module):
    """A block whose neurons also get its input."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, sequence):
        return self.block(sequence, sequence)


def residuals():
    """Shortcuts before the neurons and gates behind them; averages of what comes out."""
    torch.manual_seed(0)
    for outputs in (5, 16):
        shortcut, gate = (
            Membrane(block(outputs, outputs, pool=1)),
            Residual(block(outputs, outputs, pool=1), None, "iand"),
        )
        last = block(outputs, 7, pool=1)
        last.pool = nn.AvgPool2d((2, 3))
        train(block(2, outputs), shortcut, gate, last, sequence=events(3, 2, 2, 10, 11, density=0.4))


def dense_layers():
    torch.manual_seed(0)
    train(
        dense(3 * 4 * 5, 33), dense(33, 70), dense(70, 5, norm=False), sequence=events(3, 2, 60, density=0.3)
    )
    train(block(2, 7), dense(7 * 4 * 5, 112), sequence=events(3, 2, 2, 9, 11, density=0.3))
    train(dense(65, 20), dense(20, 9), sequence=events(150, 2, 65, density=0.1))
    sequence = events(3, 2, 60, density=0.3)  # gradients that are slices of a larger one
    back(torch.cat([kernels.dense(dense(60, outputs)(sequence)) for outputs in (16, 5)], 2))


def looks():
    """At tensors that are finite, and at others."""
    for size in (1, 15, 4097):
        values = draw(size)
        assert c_layers.finite(values)
        values[size - 1] = math.inf
        assert not c_layers.finite(values)


def spike_trains():
    """What is counted of trains: gaps, places, windows, sums of effects, outputs that are reached."""
    for time, samples, elements in [(1, 1, 1), (5, 3, 70), (9, 2, 200)]:
        spikes = events(time * samples, elements, density=0.2)
        spikes[-1, -1] = 1
        words = trains.pack(spikes)[0].reshape(time, samples, -1)
        trains.gaps(words, elements, 12)
        trains.add_places(np.ones((len(words), elements), np.int64), words)
        trains.windows(words)
        trains.Effects(np.arange(2.0 * elements).reshape(elements, 2) + 1).sums(words)
    for channels, pixels in [(3, 7), (70, 65), (64, 64), (130, 1)]:
        x = events(2, channels, pixels, density=0.3)
        trains.rows(c_layers.pack(x, channels, pixels)[0], channels)
    spread = trains.Spread((2, 6, 5), (3, 3), (3, 3), (2, 2), (1, 1), (1, 1))
    masks = np.arange(1, 2 * 9 + 1, dtype=np.uint64).reshape(2, 3, 3, 1)
    words, _ = trains.pack(events(7, 60, density=0.1))
    trains.reached(words, masks, np.arange(2), np.arange(64), spread)


def local_learning():
    """Both inhibitions, changes at spikes and once a window, float and fixed point; then without learning."""
    lateral, window = (
        {"inhibition": {"kind": "lateral"}},
        {"learning": {"window_ms": 5, "spike_threshold": 2}},
    )
    fixed, coding = {"fixed_point": {}}, {"coding": {"duration_ms": 20, "frequency_hz": 900.0, "size": None}}
    active = {"learning": {"window_ms": 4, "depresses": "active"}}
    for changes in ({}, lateral | window, lateral | active | fixed, fixed, lateral | window | fixed):
        c = constants(PlasticityPlan.parse(coding | changes, "plan"), 21, 19)
        limits = torch.arange(42, dtype=torch.int32).reshape(2, 21) * 50_000_000
        keys, theta = torch.arange(4, dtype=torch.int32).reshape(2, 2), torch.zeros(19)
        weight = draw(21, 19).abs().clamp(max=1)
        for learns in (True, False):
            local.run(limits, keys, weight, theta, c.k, c.shape, learns=learns, threads=2)


def banded_systems():
    """One and two blocks beside the diagonal, factored and solved, then solved again; one that is open."""
    for central in (False, True):
        c, b, v = draw(3, 5, 1, 2, 3).double(), draw(3, 5, 1).double(), draw(3, 1, 2, 2).double()
        given = Problems(c, b, v, torch.full((3, 4), 0.7, dtype=torch.float64))
        for scale in (1.0, 0.0):
            system = assemble(given, RowWeights(), central=central)
            parts = [
                None if x is None else scale * x.contiguous() for x in (system.diag, system.sub, system.far)
            ]
            rhs = system.rhs.contiguous()
            banded.solve(*parts, rhs, ready=False)
            if scale:
                banded.solve(*parts, rhs, ready=True)


def several_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        step(neurons.make("plif"), (9, 4099))
        dense_layers()
        train(block(2, 16), block(16, 20), sequence=events(2, 3, 2, 12, 12, density=0.3))
    finally:
        torch.set_num_threads(before)
