"""NaN and infinity go through the kernels as through the reference, forward and back."""

import math

import pytest
import torch
from torch import nn

from spareto import kernels
from spareto.kernels import neurons as loops
from spareto.layers.residual import Residual
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry as neurons
from spareto.neurons._base import by_steps
from spareto.neurons._family import Reset
from spareto.neurons.surrogates import registry as surrogates

pytestmark = pytest.mark.skipif(kernels.backend() != "c", reason="the C kernels do not run here")
ODD = (math.nan, math.inf, -math.inf)
FAMILY = [name for name in neurons.names() if name not in ("multi_spike", "recurrent")]


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def events(*shape, density=0.3):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(1)) < density).float()


def gradients(layer, sequence):
    """Spikes, then gradients of parameters, by the kernels or by plain torch."""
    layer.zero_grad()
    found = kernels.dense(layer(sequence))
    (found * draw(*found.shape, seed=2)).sum().backward()
    return [found.detach(), *(p.grad.clone() for p in layer.parameters() if p.grad is not None)]


def same(mine, theirs):
    for one, other in zip(mine, theirs, strict=True):
        assert torch.equal(one.isfinite(), other.isfinite())
        real = one.isfinite()
        torch.testing.assert_close(one[real], other[real], rtol=1e-4, atol=1e-4)


def compare(layer, sequence):
    mine = gradients(layer, sequence)
    with kernels.reference():
        theirs = gradients(layer, sequence)
    assert torch.equal(mine[0], theirs[0])
    same(mine, theirs)


def block(groups=1, norm=False, channels=4, outputs=8, pool=1, **options):
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, outputs, 3, padding=1, groups=groups, bias=not norm, **options)
    nn.init.normal_(conv.weight, 0.05, 0.5)
    side = nn.MaxPool2d(pool) if pool > 1 else None
    return SpikingBlock(conv, nn.BatchNorm2d(outputs) if norm else None, neurons.make("lif"), side)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("norm", [False, True])
def test_a_weight_of_a_convolution(odd, groups, norm):
    """Also where no spike meets it: zero times infinity is not zero."""
    layer = block(groups, norm)
    sequence = events(3, 2, 4, 6, 7)
    sequence[:, :, 1] = 0
    with torch.no_grad():
        layer.conv.weight[3, 1 % layer.conv.weight.shape[1], 1, 2] = odd
    compare(layer, sequence)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("norm", [False, True])
def test_a_weight_of_a_dense_layer(odd, norm):
    torch.manual_seed(0)
    linear = nn.Linear(12, 20, bias=not norm)
    layer = SpikingDense(linear, neurons.make("lif"), nn.BatchNorm1d(20) if norm else None)
    with torch.no_grad():
        linear.weight[5, 7] = odd
    sequence = events(3, 4, 12)
    sequence[..., 7] = 0
    compare(layer, sequence)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("parameter", ["conv.bias", "norm.weight", "norm.bias"])
def test_a_small_parameter(odd, parameter):
    layer = block(norm=parameter.startswith("norm"), pool=2)
    with torch.no_grad():
        layer.get_parameter(parameter)[2] = odd
    compare(layer, events(3, 2, 4, 6, 7))


@pytest.mark.parametrize("odd", ODD)
def test_inputs_that_are_no_spikes(odd):
    sequence = events(3, 2, 4, 6, 7)
    sequence[1, 0, 2, 3, 4] = odd
    compare(block(), sequence)


@pytest.mark.parametrize("odd", ODD)
def test_a_gradient_from_behind(odd):
    """A stack, so that the first layer gets what the second made of it."""
    layer = nn.Sequential(block(), block(channels=8, outputs=5))
    sequence = events(3, 2, 4, 6, 7)

    def run():
        layer.zero_grad()
        found = kernels.dense(layer(sequence))
        g = draw(*found.shape, seed=2)
        g[0, 0, 1, 2, 3] = odd
        found.backward(g)
        return [p.grad.clone() for p in layer.parameters()]

    mine = run()
    with kernels.reference():
        same(mine, run())


@pytest.mark.parametrize("odd", ODD)
def test_a_shortcut(odd):
    class Membrane(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, sequence):
            return self.inner(sequence, sequence)

    layer = nn.Sequential(Membrane(block(channels=4, outputs=4, norm=True)), Residual(block(), None, "iand"))
    layer = layer[0]
    with torch.no_grad():
        layer.inner.conv.weight[1, 2, 1, 1] = odd
    compare(layer, events(3, 2, 4, 6, 7))


KINDS = [{"surrogate": name} for name in surrogates.names()] + [
    {"reset": reset, "detach_reset": detached} for reset in Reset.__args__ for detached in (True, False)
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("options", KINDS, ids=lambda options: "-".join(map(str, options.values())))
@pytest.mark.parametrize("name", FAMILY)
def test_currents_of_neurons(name, options, odd):
    neuron = neurons.make(name, **options)
    current = draw(5, 37) * 1.5 + 0.7
    current[2, 5] = odd

    def run(way):
        x = current.clone().requires_grad_()
        spikes, state = way(x)
        last = state if isinstance(state, tuple) else (state,)
        ((spikes * draw(5, 37, seed=2)).sum() + sum(part.sum() for part in last)).backward()
        return [spikes.detach(), x.grad, *(part.detach() for part in last)]

    dynamics = neuron.dynamics()
    if dynamics is None or loops.loops(current, dynamics) is None:
        pytest.skip("it has no kernel")
    mine, theirs = run(neuron.run), run(lambda x: by_steps(neuron, x))
    assert torch.equal(mine[0], theirs[0])
    same(mine, theirs)
