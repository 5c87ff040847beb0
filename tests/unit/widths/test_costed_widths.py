"""A baked or plainly stored network is costed at the width of its weights, as the compressed one is."""

import pytest
import torch
from safetensors.torch import load_file

import tiny
from spareto.compression import bake, compress
from spareto.hardware import cost, load_accelerator
from spareto.profiling import profile
from spareto.records import PruneStep, QuantizeStep, Recipe
from spareto.study.sources import save_plain

DATA = tiny.frame_data()


def workload(network, **options):
    return profile(network, DATA.test_frames, DATA.test_labels, **options).workload


def energy(found):
    return cost(found, load_accelerator("eyeriss_like")).energy_pj


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
def test_baked_and_plain_networks_cost_what_the_compressed_one_does(bits, granularity, tmp_path):
    step = QuantizeStep(bits=bits, granularity=granularity)
    compressed = compress(tiny.network(), Recipe(steps=(PruneStep(sparsity=0.3, floor=0.5), step))).eval()
    expected = workload(compressed)
    assert {layer.weight_bits for layer in expected.layers} == {bits}
    save_plain(tmp_path / "plain.safetensors", compressed)
    plain = tiny.network(5).eval()
    plain.load_state_dict(load_file(tmp_path / "plain.safetensors"))
    bake(compressed)
    for network in (compressed, plain):
        found = workload(network)
        assert [layer.weight_bits for layer in found.layers] == [bits] * len(found.layers)
        assert energy(found) == energy(expected)
    notes = [layer.note for layer in workload(plain).layers]
    assert all(f"take {bits} bits (found: " in note for note in notes)


def test_a_width_that_is_stated_goes_before_one_that_is_found():
    compressed = compress(tiny.network(), Recipe(steps=(QuantizeStep(bits=4),))).eval()
    bake(compressed)
    assert {layer.weight_bits for layer in workload(compressed, weight_bits=8).layers} == {4}
    with torch.no_grad():  # nothing is carried along once the weights have changed
        for parameter in compressed.parameters():
            parameter.mul_(2.0)
    assert {layer.weight_bits for layer in workload(compressed).layers} == {4}
    assert {layer.weight_bits for layer in workload(compressed, weight_bits=8).layers} == {8}


def test_floats_are_words_of_their_own_width():
    assert {layer.weight_bits for layer in workload(tiny.network().eval()).layers} == {32}
