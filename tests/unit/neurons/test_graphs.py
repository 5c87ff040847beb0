"""Neurons under torch.compile, torch.export and the operator checks of torch itself."""

import pytest
import torch
from torch import nn

from spareto.kernels import neurons as kernels
from spareto.kernels.dynamics import Flag
from spareto.kernels.library import backend
from spareto.neurons import registry
from spareto.testing import neurons as laws

needs_kernels = pytest.mark.skipif(backend() == "torch", reason="no kernels run here")
KINDS = [
    ("lif", {}),
    ("plif", {}),
    ("alif", {"reset": "subtract"}),
    ("synaptic", {"reset": "subtract_delayed"}),
]


def currents(seed=0, shape=(6, 3, 5)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 1.5 + 0.7


@needs_kernels
@pytest.mark.parametrize(("name", "options"), KINDS, ids=str)
@pytest.mark.parametrize("last", [False, True])
def test_torch_accepts_the_operator(name, options, last):
    """Schema, fake implementation, autograd registration, and tracing with dynamic shapes."""
    dynamics = registry.make(name, **options).dynamics()
    flags = dynamics.flags | (Flag.LAST if last else 0)
    k = dynamics.coefficients().detach().requires_grad_(bool(flags & Flag.LEARNED))
    state = torch.zeros(len(kernels.planes(flags)), 3, 5).requires_grad_() if last else None
    arguments = (currents().requires_grad_(), k, state, flags, dynamics.surrogate)
    # autograd sees no gradient of the coefficients that nobody learns
    torch.library.opcheck(torch.ops.spareto.neuron.default, arguments, test_utils=("test_schema",
        "test_faketensor", "test_aot_dispatch_dynamic"))  # fmt: skip


@needs_kernels
@pytest.mark.parametrize(("name", "options"), KINDS, ids=str)
def test_the_operator_is_the_eager_node(name, options):
    neuron = registry.make(name, **options)
    dynamics, x = neuron.dynamics(), currents()
    k = dynamics.coefficients()
    by_operator, _ = torch.ops.spareto.neuron(x, k, None, dynamics.flags, dynamics.surrogate)
    assert torch.equal(by_operator, neuron(x))


@pytest.mark.parametrize(("name", "options"), KINDS, ids=str)
def test_compiled_in_one_graph(name, options):
    torch.compiler.reset()
    neuron = registry.make(name, **options)
    compiled = torch.compile(neuron, fullgraph=True, backend="aot_eager")
    fast, slow = currents().requires_grad_(), currents().requires_grad_()
    spikes, expected = compiled(fast), neuron(slow)
    assert torch.equal(spikes, expected)
    cotangent = currents(seed=1)
    (spikes * cotangent).sum().backward()
    (expected * cotangent).sum().backward()
    torch.testing.assert_close(fast.grad, slow.grad)


@needs_kernels
def test_exported_with_its_layers():
    network = nn.Sequential(nn.Linear(5, 4), registry.make("lif"), nn.Linear(4, 2), registry.make("plif"))
    exported = torch.export.export(network, (currents(),))
    assert torch.equal(exported.module()(currents(seed=2)), network(currents(seed=2)))
    targets = [str(node.target) for node in exported.graph.nodes]
    assert targets.count("spareto.neuron.default") == 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_low_precision_currents_run_in_float32(dtype):
    neuron, x = registry.make("lif"), currents().to(dtype).requires_grad_()
    spikes = neuron(x)
    assert spikes.dtype is dtype
    assert torch.equal(spikes.float(), neuron(x.float()))
    spikes.float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype is dtype


def test_a_network_copied_and_loaded_spikes_the_same(tmp_path):
    network = nn.Sequential(nn.Linear(5, 4), registry.make("recurrent", features=4, neuron="plif"))
    torch.save(network.state_dict(), tmp_path / "network.pt")
    other = nn.Sequential(nn.Linear(5, 4), registry.make("recurrent", features=4, neuron="plif"))
    other.load_state_dict(torch.load(tmp_path / "network.pt"))
    assert torch.equal(network(currents()), other(currents()))


def test_recurrent_steps_are_seen_by_hooks():
    """A hook on the recurrent connections sees every timestep, and changes nothing."""
    neuron, calls = registry.make("recurrent", features=5, neuron="alif"), []
    expected = neuron(currents())
    neuron.linear.register_forward_hook(lambda *_: calls.append(1))
    assert torch.equal(neuron(currents()), expected)
    assert len(calls) == 6
    laws.check_gradient_is_that_of_its_steps(neuron, currents())
