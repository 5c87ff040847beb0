"""The neuron contract on a GPU: kernels against the torch steps there, and against the loops of the CPU."""

import pytest
import torch

import neuron_variants
from backend_cases import KINDS, check_same, results
from devices import DEVICE, exact_products, skip_without_device
from neuron_variants import LAYOUTS, SHAPES, VARIANTS, currents, make
from spareto.kernels import c_neurons, cuda_neurons, library, neurons
from spareto.kernels.dynamics import Dynamics
from spareto.neurons import registry
from spareto.neurons.quantized_state import QuantizedState
from spareto.neurons.surrogates import registry as surrogates
from spareto.testing import neurons as laws

skip_without_device()
GPU = DEVICE.startswith("cuda")


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request):
    return request.param


def made(variant, current):
    return make(variant, current.shape[-1]).to(DEVICE, current.dtype)


@pytest.fixture(autouse=True)
def full_float32():
    """Recurrent layers multiply in full float32, as the tolerance of the laws expects."""
    with exact_products():
        yield


@pytest.mark.skipif(not GPU, reason="needs a CUDA device")
def test_triton_runs_here():
    """Else the rest of this file tests torch alone."""
    current = torch.rand(3, 2, 5, device=DEVICE)
    assert neurons.loops(current, registry.make("lif").dynamics()) is cuda_neurons


@pytest.mark.skipif(not GPU or library.backend() != "c", reason="needs a CUDA device and the C kernels")
@pytest.mark.parametrize("shape", [(7, 3, 259), (1, 1, 1), (5, 4, 64), (3, 2, 4099)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_gpu_agrees_with_the_cpu(kind, shape):
    dynamics = Dynamics(**KINDS[kind])
    check_same(results(cuda_neurons, dynamics, shape, DEVICE), results(c_neurons, dynamics, shape))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_spikes_and_gradients_are_those_of_the_steps(variant, shape, dtype):
    current = currents(shape, dtype).to(DEVICE)
    neuron = made(variant, current)
    laws.check_spikes(neuron, current)
    laws.check_forward_is_its_steps(neuron, current)
    laws.check_gradient_is_that_of_its_steps(neuron, current)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_does_not_matter(variant, layout):
    current = neuron_variants.scattered(layout, DEVICE)
    neuron = made(variant, current)
    laws.check_forward_is_its_steps(neuron, current)
    laws.check_gradient_is_that_of_its_steps(neuron, current)


def test_state_goes_in_and_out(variant):
    current = currents((5, 2, 3)).to(DEVICE)
    neuron = made(variant, current)
    laws.check_step_is_pure(neuron, current)
    for first in range(6):
        laws.check_continues(neuron, current, first)
    laws.check_run_carries_gradients(neuron, currents((8, 2, 3)).to(DEVICE))


@pytest.mark.parametrize("name", surrogates.names())
@pytest.mark.parametrize("detach", [True, False], ids=["detached", "attached"])
def test_every_surrogate(variant, name, detach):
    kind, options = variant
    current = currents((9, 3, 7)).to(DEVICE)
    neuron = made((kind, {**options, "surrogate": name, "detach_reset": detach}), current)
    laws.check_gradient_is_that_of_its_steps(neuron, current)


def test_on_the_edge_of_firing(variant):
    """Currents on a coarse grid: a fused multiply-add would move spikes."""
    generator = torch.Generator().manual_seed(1)
    current = (torch.randint(-2, 9, (40, 5, 100), generator=generator) / 4).to(DEVICE)
    laws.check_forward_is_its_steps(made(variant, current), current)


@pytest.mark.parametrize("kind", ["lif", "plif", "alif"])
def test_quantized_state(kind):
    torch.manual_seed(0)
    neuron, current = QuantizedState(kind).to(DEVICE), currents((6, 3, 7)).to(DEVICE)
    laws.check_spikes(neuron, current)
    laws.check_forward_is_its_steps(neuron, current)
    laws.check_gradient_is_that_of_its_steps(neuron, current)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_currents(dtype):
    current = currents((5, 3, 7)).to(DEVICE, dtype)
    laws.check_spikes(registry.make("lif").to(DEVICE), current)


@pytest.mark.parametrize("kind", ["lif", "plif", "alif", "synaptic"])
def test_compiled_neurons(kind):
    pytest.importorskip("triton") if GPU else None
    torch.manual_seed(0)
    neuron, current = registry.make(kind).to(DEVICE), currents((5, 3, 7)).to(DEVICE)
    torch.compiler.reset()
    compiled = torch.compile(neuron, fullgraph=True)
    assert torch.equal(compiled(current), neuron(current))
    fast, slow = (
        laws.gradients(neuron, lambda x, way=way: (way(x) * current).sum(), current)
        for way in (compiled, neuron)
    )
    for name, expected in slow.items():
        torch.testing.assert_close(fast[name], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not GPU or torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_the_second_gpu():
    """Triton itself would launch on the current one."""
    current = currents((5, 3, 7)).to("cuda:1")
    for kind in ("lif", "plif", "alif"):
        neuron = registry.make(kind).to("cuda:1")
        laws.check_forward_is_its_steps(neuron, current)
        laws.check_gradient_is_that_of_its_steps(neuron, current)


@pytest.mark.slow
@pytest.mark.skipif(not GPU, reason="needs a CUDA device")
def test_more_than_32_bits_of_neuron_steps():
    """The last timestep lies beyond 2^31 elements; needs about 30 GB."""
    free, _ = torch.cuda.mem_get_info()
    if free < 32 << 30:
        pytest.skip(f"needs 32 GiB of GPU memory, has {free >> 30}")
    steps, size = 5, (1 << 29) + 3
    current = torch.zeros(steps, 1, size, device=DEVICE)
    current[-1, 0, -5:] = 9.0
    current.requires_grad_()
    spikes = registry.make("lif")(current)
    assert spikes.sum() == spikes[-1, 0, -5:].sum() == 5
    (gradient,) = torch.autograd.grad(spikes, current, torch.ones_like(spikes))
    assert bool((gradient[-1, 0, -5:] != gradient[-1, 0, 0]).all())
