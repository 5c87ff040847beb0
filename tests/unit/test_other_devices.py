"""Networks off the CPU: torch's "meta" device computes nothing, and refuses mistakes.

That is tensors left on the CPU, and values that the host would have to wait for.
"""

import inspect

import pytest
import torch

from neuron_variants import BY_STEPS
from spareto import recipes
from spareto.compression import compress
from spareto.kernels import cuda_neurons, neurons
from spareto.networks import build, names, registry
from spareto.neurons import registry as kinds
from spareto.neurons.quantized_state import QuantizedState

SENSOR, TIMESTEPS = (2, 32, 32), 4


class Launches:
    """In the place of the Triton kernels: notes the devices of what it is handed."""

    def __init__(self):
        self.devices, self.count = set(), 0
        self.forward = self.backward = self

    def __getitem__(self, grid):
        return self

    def __call__(self, *values, **named):
        self.count += 1
        self.devices |= {value.device.type for value in values if isinstance(value, torch.Tensor)}


@pytest.fixture(params=["torch", "triton"])
def launches(request, monkeypatch):
    neurons.prepare()
    found = Launches()
    monkeypatch.setitem(neurons._places, "meta", request.param)
    monkeypatch.setattr(cuda_neurons, "_kernels", lambda: found)
    monkeypatch.setattr(cuda_neurons, "works", lambda device: True)
    yield found
    assert found.devices <= {"meta"}
    assert bool(found.count) == (request.param == "triton")


def train(module, *shape):
    module(torch.rand(shape, device="meta", requires_grad=True)).sum().backward()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert all(g is not None and g.device.type == "meta" for g in gradients.values()), gradients


@pytest.fixture(params=names())
def network(request):
    timed = "timesteps" in inspect.signature(registry.get(request.param)).parameters
    return build(request.param, sensor=SENSOR, classes=3, **({"timesteps": TIMESTEPS} if timed else {}))


def test_networks(network, launches):
    train(network.to("meta"), TIMESTEPS, 3, *SENSOR)


def test_compressed_networks(launches):
    network = build("conv", sensor=SENSOR, classes=3, channels=(4,))
    compressed = compress(network, recipes.joint(bits=4, sparsity=0.5))
    train(compressed.to("meta"), TIMESTEPS, 3, *SENSOR)


@pytest.mark.parametrize("kind", [kind for kind in kinds.names() if kind not in BY_STEPS])
def test_neurons(kind, launches):
    neuron = kinds.make(kind, **({"features": 5} if kind == "recurrent" else {})).to("meta")
    train(neuron, TIMESTEPS, 3, 5)
    neuron.run(torch.rand(TIMESTEPS, 3, 5, device="meta"))


def test_neurons_with_quantized_state():
    train(QuantizedState("plif").to("meta"), TIMESTEPS, 3, 5)
