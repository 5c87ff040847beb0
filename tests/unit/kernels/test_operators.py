"""Spiking layers as custom operators: torch's own checks, and whole networks in one graph."""

import copy
from dataclasses import astuple

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import spareto
from spareto.kernels import pack
from spareto.kernels.c_layers import BlockShape, ConvShape, padded
from spareto.kernels.library import backend
from spareto.kernels.operators.fire import fire
from spareto.kernels.operators.sums import sums
from spareto.kernels.operators.unpack import unpack
from spareto.kernels.spikes import Spikes
from spareto.layers.residual import Residual
from spareto.layers.spiking_block import SpikingBlock
from spareto.neurons import registry

pytestmark = pytest.mark.skipif(backend() != "c", reason="the operators call the C kernels")
CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
IMAGES, CHANNELS, SIDE, OUT = 6, 5, 7, 20
CONV = [*astuple(ConvShape(IMAGES, SIDE, SIDE, CHANNELS, SIDE, SIDE, padded(OUT), 3, 3, 1, 1, 1, 1))]


def seeded(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def spikes(density, *shape):
    """Bits and a carrier that wants a gradient."""
    found = pack((torch.rand(shape, generator=torch.Generator().manual_seed(1)) < density).float()[None])
    carrier = torch.zeros(found.carrier.shape, requires_grad=True)
    return carrier, found.bits


def checked(operator, *arguments):
    torch.library.opcheck(operator, arguments, test_utils=CHECKS)


@pytest.mark.parametrize("density", [0.1, 0.9])
def test_torch_accepts_sums_of_spikes(density):
    carrier, bits = spikes(density, IMAGES, CHANNELS, SIDE, SIDE)
    checked(sums._opoverload, carrier, bits, seeded(OUT, CHANNELS, 3, 3).requires_grad_(), CONV, -1, "conv")
    weight = seeded(OUT, CHANNELS * SIDE * SIDE).requires_grad_()
    checked(sums._opoverload, carrier, bits, weight, [], -1, "dense")


@pytest.mark.parametrize("binary", [True, False])
def test_torch_accepts_sums_of_numbers(binary):
    x = seeded(IMAGES, CHANNELS, SIDE, SIDE)
    x = (x > 1).float() if binary else x
    weight = seeded(OUT, CHANNELS, 3, 3).requires_grad_()
    checked(sums._opoverload, x.requires_grad_(), None, weight, CONV, -1, "conv")
    x = x.detach().flatten(1).requires_grad_()
    checked(sums._opoverload, x, None, seeded(OUT, x.shape[1]).requires_grad_(), [], -1, "dense")


@pytest.mark.parametrize("norm", ["none", "batch", "running"])
@pytest.mark.parametrize("neuron", ["lif", "plif"])
def test_torch_accepts_neurons(norm, neuron):
    dynamics = registry.make(neuron).dynamics()
    k = dynamics.coefficients().detach().requires_grad_(dynamics.learned)
    shape = [*astuple(BlockShape(3, 2, 4, 6, padded(OUT), OUT, 2, 2))]
    parts = [None] * 4 if norm == "none" else [seeded(OUT).exp().requires_grad_() for _ in range(2)]
    if norm != "none":
        parts += [seeded(OUT), seeded(OUT).exp()] if norm == "running" else [None, None]
    y, bias = seeded(6, 4, 6, padded(OUT)).requires_grad_(), seeded(OUT, seed=2).requires_grad_()
    eps = None if norm == "none" else 1e-5
    constants = shape, dynamics.flags, dynamics.surrogate, eps, norm == "batch"
    # autograd sees no gradient of the coefficients that nobody learns
    torch.library.opcheck(
        *(torch.ops.spareto.fire.default, (y, bias, k, *parts, *constants)),
        test_utils=("test_schema", "test_faketensor", "test_aot_dispatch_dynamic"),
    )
    assert fire.__module__ == "spareto.kernels.operators.fire"


def test_torch_accepts_averages():
    dynamics = registry.make("lif").dynamics()
    shape = [*astuple(BlockShape(3, 2, 5, 6, padded(OUT), OUT, 1, 1, 2, 3))]
    y = seeded(6, 5, 6, padded(OUT)).requires_grad_()
    constants = shape, dynamics.flags, dynamics.surrogate, None, False
    operator = torch.ops.spareto.fire.default
    checked(operator, y, None, dynamics.coefficients(), None, None, None, None, *constants)


def test_torch_accepts_unpacking():
    checked(unpack._opoverload, *spikes(0.3, IMAGES, CHANNELS, SIDE, SIDE))


NETWORKS = {
    "conv": {"sensor": (2, 16, 16), "classes": 4, "channels": (8, 16)},
    "dense": {"sensor": (1, 1, 40), "classes": 5, "hidden": (32,)},
    "plif": {"sensor": (2, 16, 16), "classes": 3, "channels": (8, 8), "dropout": 0.0},
    "tcja": {"sensor": (2, 16, 16), "classes": 3, "channels": (8, 8), "attention": (2,), "timesteps": 4,
             "dropout": 0.0},
}  # fmt: skip


def layers(network):
    return [part for part in network.modules() if hasattr(part, "decision")]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("density", [0.1, 0.8])
def test_a_network_in_one_graph_is_the_eager_one(name, density):
    torch.compiler.reset()
    torch.manual_seed(0)
    eager = spareto.networks.build(name, **NETWORKS[name])
    traced = copy.deepcopy(eager)
    compiled = torch.compile(traced, fullgraph=True, backend="aot_eager")
    frames = (torch.rand(4, 3, *NETWORKS[name]["sensor"]) < density).float()
    for network in (eager, compiled):
        for _ in range(2):  # running statistics move
            network(frames).square().sum().backward()
        network.eval()
    assert torch.equal(compiled(frames), eager(frames))
    for (what, one), other in zip(eager.named_parameters(), traced.parameters(), strict=True):
        scale = float(one.grad.abs().max())
        torch.testing.assert_close(other.grad, one.grad, rtol=0, atol=1e-5 * scale, msg=what)
    for one, other in zip(eager.buffers(), traced.buffers(), strict=True):
        torch.testing.assert_close(other, one)
    for one, other in zip(layers(eager), layers(traced), strict=True):
        assert (
            one.decision == other.decision or one.decision.density is None
        )  # rescaled spikes: all silent here


class Membrane(nn.Module):
    """A block whose neurons also get its input."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, sequence):
        return self.block(sequence, shortcut=sequence)


@pytest.mark.parametrize("connect", ["add", "iand"])
def test_residual_connections_and_averages_in_one_graph(connect):
    def block(inputs, pool=None):
        conv = nn.Conv2d(inputs, 6, 3, padding=1, bias=False)
        return SpikingBlock(conv, nn.BatchNorm2d(6), registry.make("lif"), pool)

    torch.compiler.reset()
    torch.manual_seed(0)
    parts = block(2), Membrane(block(6)), Residual(block(6), connect=connect), block(6, nn.AvgPool2d(3, 2))
    eager = nn.Sequential(*parts, block(6, nn.AvgPool2d(2)))
    traced = copy.deepcopy(eager)
    compiled = torch.compile(traced, fullgraph=True, backend="aot_eager")
    frames = (torch.rand(4, 3, 2, 9, 9) < 0.3).float()
    for network in (eager, compiled):
        out = spareto.kernels.dense(network(frames))
        (out * seeded(*out.shape)).sum().backward()
    assert torch.equal(
        spareto.kernels.dense(compiled.eval()(frames)), spareto.kernels.dense(eager.eval()(frames))
    )
    for (what, one), other in zip(eager.named_parameters(), traced.parameters(), strict=True):
        scale = float(one.grad.abs().max())
        torch.testing.assert_close(other.grad, one.grad, rtol=0, atol=1e-5 * scale, msg=what)
    for one, other in zip(eager.buffers(), traced.buffers(), strict=True):
        torch.testing.assert_close(other, one)


def test_one_graph_serves_few_spikes_and_many():
    """The density decides each time the graph runs; nothing is traced again."""
    torch.compiler.reset()
    block = SpikingBlock(nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), registry.make("lif")).eval()
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph

    compiled, generator = (
        torch.compile(block, fullgraph=True, backend=count),
        torch.Generator().manual_seed(0),
    )
    for density, way in ((0.1, "events"), (0.9, "dense")):
        frames = (torch.rand(3, 2, 2, 8, 8, generator=generator) < density).float()
        assert torch.equal(spareto.kernels.dense(compiled(frames)), spareto.kernels.dense(block(frames)))
        compiled(frames)
        assert block.decision.way == way
    compiled(torch.randn(3, 2, 2, 8, 8, generator=generator))
    assert block.decision.why == "its input is not spikes only"
    assert len(graphs) == 1


def test_shapes_without_numbers():
    """Tools that count or plan with fake tensors see a network whole."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        network = spareto.networks.build("conv", **NETWORKS["conv"])
        votes = network(torch.zeros(4, 3, 2, 16, 16))
    assert votes.shape == (3, 4)


def test_exported_programs_hold_plain_torch():
    network = spareto.networks.build("conv", **NETWORKS["conv"]).eval()
    frames = (torch.rand(4, 3, 2, 16, 16) < 0.1).float()
    exported = torch.export.export(network, (frames,), strict=False)
    targets = {str(node.target) for node in exported.graph.nodes}
    assert "aten.conv2d.default" in targets
    assert not targets & {"spareto.sums.default", "spareto.fire.default"}
    assert torch.equal(exported.module()(frames), network(frames))


def test_spikes_hold_a_gradient_inside_a_graph():
    """`dense` of spikes is the identity for gradients."""
    carrier, bits = spikes(0.3, IMAGES, CHANNELS, SIDE, SIDE)

    def run(carrier):
        values = Spikes(bits, carrier, 1, IMAGES, CHANNELS, (SIDE, SIDE)).dense()
        return (values * values.detach()).sum()

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    leaf = torch.zeros(carrier.shape, requires_grad=True)
    compiled(leaf).backward()
    assert torch.equal(leaf.grad, unpack(carrier.detach(), bits))
