"""Residual layers and whole networks of ours, written for other frameworks: the same spikes."""

import pytest
import torch
from torch import nn

import spareto
from conventions import peer
from exporting.test_exported import DELAYED, PACKAGES, check, frames, loaded
from spareto.kernels import dense, reference
from spareto.layers.residual import Residual
from spareto.layers.spiking_block import SpikingBlock
from spareto.layers.spiking_dense import SpikingDense
from spareto.neurons import registry

OPTIONS = {
    "snntorch": DELAYED,
    "norse": {"beta": 0.75},
    "sinabs": {"beta": 0.75, "reset": "subtract", "gain": 1.0},
    "spikingjelly": {"tau": 2.0},
}


def lively(network, strength):
    """Short binary fractions under which layers fire."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.copy_(torch.round(module.weight * strength * 16) / 16)
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.0
                module.bias.copy_(torch.randint(0, 8, module.bias.shape) / 4)
    return network.eval()


@pytest.mark.parametrize("connect", ["add", "and", "iand"])
@pytest.mark.parametrize("framework", PACKAGES)
def test_residual_layers(framework, connect, tmp_path):
    torch.manual_seed(0)
    neuron = lambda: registry.make("lif", **OPTIONS[framework])  # noqa: E731
    block = lambda *sizes, **more: SpikingBlock(nn.Conv2d(*sizes, **more), None, neuron())  # noqa: E731
    body, narrow = block(4, 4, 3, padding=1), block(4, 6, 3, padding=1, stride=2)
    network = nn.Sequential(
        block(2, 4, 3, padding=1),
        Residual(body, None, connect),
        Residual(narrow, block(4, 6, 1, stride=2), connect),
        SpikingDense(nn.Linear(96, 10), neuron()),
    )
    strength = {"norse": 32, "spikingjelly": 20}.get(framework, 12)
    check(lively(network, strength), framework, tmp_path)


@pytest.mark.parametrize("name", ["resnet19", "vgg16"])
@pytest.mark.parametrize("framework", PACKAGES)
def test_networks_of_ours_with_shortcuts_and_mean_heads(framework, name, tmp_path):
    torch.manual_seed(0)
    sizes = {"resnet19": {"channels": (4, 6), "blocks": (1, 2)}, "vgg16": {"stages": ((4,), (6, 6))}}[name]
    neuron = {"name": "lif", **OPTIONS[framework]}
    network = spareto.networks.registry.make(name, sensor=(2, 8, 8), classes=3, neuron=neuron, **sizes)
    lively(network, 20)
    peer(PACKAGES[framework])
    other, x = loaded(spareto.export_to(network, framework, tmp_path)), frames(seed=2, samples=100)
    with torch.no_grad(), reference():
        ours, theirs = dense(network(x)), other(x)
    assert ours.unique().numel() > 6
    assert torch.equal(ours, theirs)


def test_a_gate_of_spikes_is_nothing_to_nir(tmp_path):
    """It would be an edge less: the body's spikes alone."""
    torch.manual_seed(0)
    block = lambda *sizes: SpikingBlock(nn.Conv2d(*sizes, 3, padding=1), None, registry.make("iaf"))  # noqa: E731
    gated = nn.Sequential(block(2, 4), Residual(block(4, 4), None, "and")).eval()
    with pytest.raises(spareto.SparetoError, match="an operation between layers"):
        spareto.export_to(gated, "nir", tmp_path / "a.nir", dt=1e-4, sensor=(2, 8, 8))
    added = nn.Sequential(block(2, 4), Residual(block(4, 4), None, "add"), block(4, 4)).eval()
    x = frames()
    spareto.export_to(added, "nir", tmp_path / "b.nir", dt=1e-4, sensor=(2, 8, 8))
    with torch.no_grad():
        assert torch.equal(dense(spareto.convert(tmp_path / "b.nir", x)(x)), dense(added(x)))
