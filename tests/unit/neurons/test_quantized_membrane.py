"""Membranes of a few bits: their levels, their range, and that the fused kernels run them."""

import pytest
import torch
from torch import nn

from spareto import kernels
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry
from spareto.neurons._base import by_steps
from spareto.testing.layers import check_fused


def membrane(**options):
    return registry.make("quantized_membrane", **options)


def currents(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 1.5 + 0.3


def states(neuron, current):
    """What is kept after each timestep."""
    state, kept = neuron.initial_state(current[0]), []
    for now in current:
        _, state = neuron.step(now, state)
        kept.append(state)
    return torch.stack(kept)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_the_levels_of_the_published_equation(bits):
    """Q_u(u) = α/n · round(n · clip(u/α, −1, 1)): 2n + 1 levels, off by α/2n at most, idempotent."""
    neuron, alpha, n = membrane(bits=bits, start=0.8), 0.8, 2 ** (bits - 1) - 1
    u = torch.linspace(-1.5, 1.5, 4001, dtype=torch.float64)
    stored = neuron.double()._stored(u).detach()
    expected = alpha / n * torch.round(n * torch.clip(u / alpha, -1, 1))
    torch.testing.assert_close(stored, expected, rtol=1e-6, atol=1e-7)
    assert len(stored.unique()) == 2 * n + 1 <= 2**bits - 1
    inside = u.abs() <= alpha
    assert float((stored - u)[inside].abs().max()) <= alpha / (2 * n) + 1e-7
    torch.testing.assert_close(neuron._stored(stored).detach(), stored)


def test_two_bits_are_three_levels_and_hard_reset_keeps_below_the_threshold():
    kept = states(membrane(bits=2, beta=0.5, gain=1.0, start=1.0), currents(20, 4, 50))
    assert kept.unique().tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("range", ["learned", "running", "batch"])
@pytest.mark.parametrize("squash", ["none", "tanh"])
def test_silent_membranes_divide_nothing_by_zero(range, squash):
    neuron = membrane(range=range, squash=squash, bits=4)
    for training in (True, False):
        current = torch.zeros(5, 2, 7, requires_grad=True)
        spikes, state = neuron.train(training).run(current)
        assert not spikes.any()
        assert not state.any()
        (spikes.sum() + state.sum()).backward()
        assert bool(torch.isfinite(current.grad).all())


def test_the_range_of_the_batch_makes_samples_depend_on_each_other():
    """Why it is for reproduction only."""
    current = currents(6, 3, 40)
    current[:, 2] *= 30.0
    for range, alike in (("batch", False), ("learned", True), ("running", True)):
        neuron = membrane(range=range, bits=3, beta=0.9, gain=0.2).eval()
        alone, together = neuron(current[:, :1]), neuron(current)[:, :1]
        assert torch.equal(alone, together) is alike


def test_a_running_range_follows_the_batches_and_stands_still_in_evaluation():
    neuron, current = membrane(range="running", bits=4, start=1.0), currents(6, 3, 40)
    peak = float(states(registry.make("lif"), current).abs().max())
    for _ in range(80):
        neuron(current)
    assert float(neuron.seen) == pytest.approx(peak, rel=0.3)
    before = neuron.eval().state_dict()["seen"].clone()
    neuron(current * 5)
    assert torch.equal(neuron.seen, before)
    assert neuron.dynamics() is not None
    assert torch.equal(neuron(current), by_steps(neuron, current)[0])


def test_a_learned_range_gets_the_gradient_of_lsq():
    """d v / d α is round(x) − x in shares of n inside the range, and the sign outside."""
    neuron = membrane(bits=3, start=1.0).double()
    u = torch.tensor([-3.0, -0.45, 0.1, 0.7, 2.0], dtype=torch.float64)
    grads = [torch.autograd.grad(neuron._stored(value[None]).sum(), neuron.log_range)[0] for value in u]
    expected = [-1.0, (-1 + 1.35) / 3, (0 - 0.3) / 3, (2 - 2.1) / 3, 1.0]
    assert [float(grad) for grad in grads] == pytest.approx(expected, abs=1e-6)


def block(neuron, pool):
    conv = nn.Conv2d(3, 18, 3, padding=1, bias=False)
    nn.init.normal_(conv.weight, 0.05, 0.4)
    return SpikingBlock(conv, nn.BatchNorm2d(18), neuron, nn.MaxPool2d(pool) if pool > 1 else None)


@pytest.mark.parametrize("name", ["quantized_membrane", "quantized_state"])
@pytest.mark.parametrize("inner", ["lif", "plif", "synaptic", "alif"])
@pytest.mark.parametrize("pool", [1, 2, 3])
@pytest.mark.parametrize("bits", [2, 8])
def test_blocks_run_them_fused(name, inner, pool, bits):
    torch.manual_seed(0)
    layer = block(registry.make(name, neuron=inner, bits=bits), pool)
    sequence = (torch.rand(4, 2, 3, 9, 9) < 0.3).float()
    layer(sequence)
    assert layer.decision.way != "reference", layer.decision.why
    check_fused(layer, sequence)
    check_fused(layer.eval(), sequence)


def test_dense_layers_run_them_fused_and_learn_their_range():
    torch.manual_seed(0)
    layer = SpikingDense(nn.Linear(60, 33), membrane(bits=2), nn.BatchNorm1d(33))
    sequence = (torch.rand(5, 4, 60) < 0.3).float()
    check_fused(layer, sequence)
    kernels.dense(layer(sequence)).sum().backward()
    assert float(layer.neuron.log_range.grad.abs()) > 0
