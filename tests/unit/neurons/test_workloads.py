"""What a profile tells the hardware side about each kind of neuron."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from spareto.hardware import cost, load_accelerator
from spareto.hardware.charging.neurons import refuse_unknown
from spareto.neurons import SpikingNeuron, registry
from spareto.profiling import profile

EXPECTED = {
    "alif": ("alif", 2),
    "iaf": ("iaf", 1),
    "lif": ("lif", 1),
    "multi_spike": ("lif", 1),
    "plif": ("plif", 1),
    "quantized_membrane": ("lif", 1),
    "quantized_state": ("lif", 1),
    "recurrent": ("lif", 1),
    "synaptic": ("synaptic", 2),
}


class Dense(nn.Module):
    """One layer of the neurons under test."""

    def __init__(self, neuron):
        super().__init__()
        self.linear, self.neuron = nn.Linear(12, 6), neuron

    def forward(self, frames):
        return self.neuron(self.linear(frames.flatten(2))).mean(0)


def workload(name):
    return workload_of(registry.make(name, **({"features": 6} if name == "recurrent" else {})))


def workload_of(neuron):
    torch.manual_seed(0)
    network = Dense(neuron)
    network.linear.weight.data *= 6
    frames = (np.random.default_rng(0).random((7, 5, 3, 2, 2)) < 0.5).astype(np.uint8)
    return profile(network, frames, np.zeros(5, np.int64)).workload


@pytest.mark.parametrize("name", registry.names())
def test_kind_and_states_are_recorded(name):
    found = workload(name)
    (neuron,) = [layer.neuron for layer in found.layers if layer.neuron]
    assert (neuron.kind, neuron.states, neuron.count) == (*EXPECTED[name], 6)
    refuse_unknown(found)


class Quadratic(SpikingNeuron):
    """A neuron that nobody else knows."""

    kind, update = "quadratic", ((), ("leak", "leak", "integrate", "compare"))

    def initial_state(self, current):
        return torch.zeros_like(current)

    def step(self, current, state):
        potential = 0.5 * state + 0.1 * state.square() + current
        spikes = (potential >= 1).to(current.dtype)
        return spikes, potential - spikes


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_neuron_states_itself_what_an_update_costs(wrapped):
    own = registry.make("quantized_state", neuron=Quadratic()) if wrapped else Quadratic()
    found = workload_of(own)
    (neuron,) = [layer.neuron for layer in found.layers if layer.neuron]
    assert (neuron.kind, neuron.update) == (Quadratic.kind, Quadratic.update)
    (layer,) = cost(found, load_accelerator("eyeriss_like")).layers
    counts = Counter[str]()
    for action in layer.actions:
        counts[action.action] += action.count
    assert counts["leak"] == 2 * counts["compare"]
    assert counts["integrate"] == counts["compare"] > 0


def test_recurrent_connections_are_a_layer_of_their_own():
    feed, back = workload("recurrent").layers
    assert (feed.name, back.name) == ("linear", "neuron.linear")
    assert back.input.nonzero_per_timestep[0] == 0  # nothing has spiked before the first timestep
    assert back.input.nonzero_per_timestep[1:] == feed.output.nonzero_per_timestep[:-1]
    assert back.effectual_synops_mean == pytest.approx(6 * back.input.nonzero_mean)
