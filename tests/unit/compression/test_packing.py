"""Compressed weights are stored as codes and masks: smaller than floats, and the same to the bit."""

import stat

import pytest
import torch
from torch import nn

import tiny
from spareto import quantizers, recipes
from spareto.compression import compress
from spareto.compression.packing import most_numbers, names_of, pack, unpack
from spareto.core.artifacts import write_text
from spareto.core.errors import StoreError
from spareto.records import PruneStep, QuantizeStep, Recipe
from spareto.study.config import NetworkPlan
from spareto.study.networks import load_network, save_network
from spareto.training import save_checkpoint

PRUNE = PruneStep(sparsity=0.6)
ORDERS = ("quantize_then_mask", "mask_then_quantize")


def quantized(name, **options):
    supported = quantizers.registry.get(name).bits_supported
    bits = min(max(4, supported[0]), supported[-1])
    return QuantizeStep(quantizer=name, bits=bits, **options)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 6, 3), nn.Flatten(), nn.Linear(96, 5))


def round_trip(recipe, seed=0):
    one = compress(network(seed), recipe).eval()
    packed = pack(one, one.state_dict())
    other = compress(network(seed + 1), recipe).eval()
    other.load_state_dict(unpack(other, packed))
    return one, other, packed


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("granularity", ["per_tensor", "per_channel"])
@pytest.mark.parametrize("name", quantizers.registry.names())
def test_weights_come_back_to_the_bit(name, granularity, order):
    recipe = Recipe(steps=(PRUNE, quantized(name, granularity=granularity)), order=order)
    one, other, packed = round_trip(recipe)
    for index in (0, 2):
        assert torch.equal(one[index].weight, other[index].weight)
        assert f"{index}.parametrizations.weight.codes" in packed
    assert set(names_of(packed)) == set(one.state_dict())
    assert most_numbers(packed) >= sum(value.numel() for value in network().state_dict().values())
    again = pack(other, other.state_dict())
    assert {key: value.tolist() for key, value in again.items()} == {
        key: value.tolist() for key, value in packed.items()
    }


@pytest.mark.parametrize("bits", [2, 3, 8, 16])
def test_a_code_takes_its_bits(bits):
    one, _, packed = round_trip(Recipe(steps=(QuantizeStep(bits=bits),)))
    assert packed["0.parametrizations.weight.codes"].numel() == -(-one[0].weight.numel() * bits // 8)


def test_pruned_floats_are_stored_without_their_zeros():
    one, other, packed = round_trip(Recipe(steps=(PRUNE,)))
    assert torch.equal(one[2].weight, other[2].weight)
    live = packed["2.parametrizations.weight.live"]
    assert live.numel() == int((one[2].weight != 0).sum())
    assert packed["2.parametrizations.weight.mask_bits"].numel() == one[2].weight.numel() // 8


def test_weights_below_spectral_norm_stay_as_they_are():
    normed = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(8, 4)))
    one = compress(normed, Recipe(steps=(QuantizeStep(bits=4),))).eval()
    other = compress(normed, Recipe(steps=(QuantizeStep(bits=4),))).eval()
    other.load_state_dict(unpack(other, pack(one, one.state_dict())))
    assert torch.equal(one[0].weight, other[0].weight)


SIZES = [(recipes.quantize(2), 8), (recipes.joint(4, 0.8), 4), (recipes.prune(0.8, storage_bits=32), 3)]


@pytest.mark.parametrize(("recipe", "smaller"), SIZES, ids=lambda value: getattr(value, "label", ""))
def test_files_are_smaller_than_dense_ones(recipe, smaller, tmp_path):
    plan = NetworkPlan(name="dense", options={"hidden": [200, 100]})
    sizes = {}
    for name, made in {"dense": recipes.dense(), "packed": recipe}.items():
        path = tmp_path / f"{name}.safetensors"
        compressed = compress(tiny.build("dense", sensor=tiny.SENSOR, classes=2, hidden=[200, 100]), made)
        save_network(path, compressed, plan, made, tiny.SENSOR, tiny.CLASSES)
        sizes[name] = path.stat().st_size
    assert sizes["packed"] * smaller < sizes["dense"]


def test_networks_have_the_rights_of_the_files_beside_them(tmp_path):
    write_text(tmp_path / "a.json", "{}")
    save_checkpoint(tmp_path / "b.safetensors", tiny.network(), None, {})
    rights = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(rights) == 1


@pytest.mark.parametrize("keep", [0, 1, -1])
def test_codes_of_another_size_are_refused(keep, tmp_path, monkeypatch):
    recipe, path = recipes.quantize(4), tmp_path / "network.safetensors"

    def cut(network, state):
        packed = pack(network, state)
        return {key: value[:keep] if key.endswith(".codes") else value for key, value in packed.items()}

    monkeypatch.setattr("spareto.study.networks.pack", cut)
    plan = NetworkPlan(options={"channels": [3], "votes": 2})
    save_network(path, compress(tiny.network(), recipe), plan, recipe, tiny.SENSOR, tiny.CLASSES)
    with pytest.raises(StoreError, match="numbers of 4 bits"):
        load_network(path)
