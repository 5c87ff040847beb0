"""Every layer says itself how it is counted, folded, watched, kept and lowered: a new one is one file."""

import sys
from itertools import pairwise

import pytest
import torch
from torch import nn

import spareto
from spareto import kernels, layers
from spareto.compression import plan_folding
from spareto.compression.layers import synaptic_layers
from spareto.core import registry as registries
from spareto.exporting._flat import flat
from spareto.interchange._modules import built, described, kinds
from spareto.layers import SpikingLayer
from spareto.layers.spiking_dense import SpikingDense
from spareto.lowering import IntegerModule, lower
from spareto.neurons import registry as neurons
from spareto.profiling import profile
from spareto.testing import layers as laws
from spareto.training.health import silent_layers, spiking_layers

OWN = '''
import torch
from torch import nn
from spareto.layers import SpikingLayer
from spareto.layers._fusion import over_time
from spareto.neurons import registry

class Squeezed(SpikingLayer):
    """Pooling, then a convolution of one pixel, its norm and neurons."""
    sums, fires = "mix", "cells"

    def __init__(self, pool, mix, scale, cells):
        super().__init__()
        self.pool, self.mix, self.scale, self.cells = pool, mix, scale, cells

    def forward(self, sequence):
        return self.cells(over_time(sequence, self.pool, self.mix, self.scale))

    def chain(self):
        return {"pool": self.pool, "mix": self.mix, "scale": self.scale, "cells": self.cells}

    @classmethod
    def examples(cls):
        mix = nn.Conv2d(2, 3, 1, bias=False)
        frames = (torch.rand(4, 2, 2, 6, 6, generator=torch.Generator().manual_seed(1)) > 0.5).float()
        yield cls(nn.MaxPool2d(2), mix, nn.BatchNorm2d(3), registry.make("lif")), frames
'''


@pytest.fixture(scope="module")
def squeezed(tmp_path_factory):
    """A layer of a user's own: one file, where the registry looks, and nothing else."""
    folder = tmp_path_factory.mktemp("layers")
    (folder / "squeezed.py").write_text(OWN, encoding="utf-8")
    layers.__path__.append(str(folder))
    registries._files.cache_clear()
    kinds.cache_clear()
    yield layers.registry.get("squeezed")
    layers.__path__.remove(str(folder))
    del sys.modules["spareto.layers.squeezed"]
    registries._files.cache_clear()
    kinds.cache_clear()


EVERY = [*layers.registry.names(), "squeezed"]


@pytest.fixture(params=EVERY)
def cases(request, squeezed):
    torch.manual_seed(0)
    return [(layer.eval(), frames) for layer, frames in layers.registry.get(request.param).examples()]


def test_the_registry_finds_layers_and_nothing_else(squeezed):
    assert set(EVERY) == set(layers.registry.names())
    assert all(issubclass(layers.registry.get(name), SpikingLayer) for name in EVERY)


def test_its_products_are_counted_and_the_rest_is_known(cases):
    for layer, frames in cases:
        network = nn.Sequential(layer, nn.Flatten(2))
        workload = profile(network, frames, time="time-batch", layout="time-first", vote="mean").workload
        assert {each.name for each in workload.layers} == set(synaptic_layers(network))
        unknown = [each for each in workload.free if "not charged" in each.why]
        assert not unknown
        named = {each.name: each.why for each in workload.free}
        assert named.get("0", "") == layer.computes
        if layer.fires:
            assert any(each.neuron is not None for each in workload.layers)


def test_its_fast_path_is_its_reference(cases):
    for layer, frames in cases:
        laws.check_fused(layer.train(), frames)
        laws.check_repeatable(layer, frames)


def test_its_norm_is_folded_by_the_order_it_states(cases):
    for layer, _ in cases:
        parts = list((layer.chain() or {}).items())
        norms = [
            (f"0.{name}", f"0.{before}")
            for (before, _), (name, part) in pairwise(parts)
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d))
        ]
        assert plan_folding(nn.Sequential(layer)).folded == dict(norms)


def test_its_spikes_are_watched_at_the_layer(cases):
    for layer, frames in cases:
        watched = spiking_layers(nn.Sequential(layer))
        assert watched == ({f"0.{layer.fires}": (layer, 0)} if layer.fires else {})
        assert silent_layers(nn.Sequential(layer), [torch.zeros_like(frames)]) == tuple(watched)
        assert layer.decision is None or layer.sums


def test_a_file_brings_it_back(cases):
    for layer, frames in cases:
        again = built(described(layer, "layer")).eval()
        again.load_state_dict(layer.state_dict())
        assert type(again) is type(layer)
        assert torch.equal(kernels.dense(again(frames)), kernels.dense(layer(frames)))


def test_a_chain_is_exported_part_by_part(cases):
    for layer, _ in cases:
        if layer.chain() is not None:
            modules = [
                each.module for each in flat(nn.Sequential(layer))[0].statements if each.module is not None
            ]
            assert modules == list(layer.chain().values())


def test_a_chain_with_neurons_is_lowered_to_the_same_spikes(cases):
    for layer, frames in cases:
        if layer.chain() is None or not layer.fires:
            continue
        layer = spareto.compress(layer, spareto.recipes.quantize(bits=8))
        expected = kernels.dense(layer(frames))
        readout = SpikingDense(nn.Linear(expected[0, 0].numel(), 2), neurons.make("lif"))
        network = nn.Sequential(layer, spareto.compress(readout, spareto.recipes.quantize(bits=8))).eval()
        lowered = lower(network, sensor=tuple(frames.shape[2:]), classes=2).network
        at = max(place for place, node in enumerate(lowered.nodes) if node.name.startswith("0."))
        ours = IntegerModule(lowered).outputs(frames)[at].reshape(expected.shape)
        assert (ours == expected).float().mean() > 0.97
