"""Packages: lossless, of the size that the hardware model reports, and refused where anything is wrong."""

import struct

import numpy as np
import pytest
import torch

import spareto
from lowering.random_networks import CLASSES, lowerable
from spareto import formats, hardware
from spareto.compression import compress
from spareto.core.errors import StoreError
from spareto.export import replay
from spareto.lowering import lower
from spareto.package import read_package, vectors_of, write_package
from spareto.package.file import parse
from spareto.profiling import profile
from spareto.records import Recipe


def pruned(bits=2, sparsity=0.8, quantizer="learned_clip"):
    torch.manual_seed(0)
    network = spareto.networks.registry.make("conv", sensor=(2, 12, 12), classes=3, hidden=[40])
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            norm.running_mean.normal_(0, 0.1)
    quantize = {"kind": "quantize", "bits": bits, "quantizer": quantizer}
    steps = [{"kind": "prune", "sparsity": sparsity}, quantize]
    return compress(network, Recipe.parse({"steps": steps}, "recipe")).eval()


@pytest.fixture(scope="module")
def network():
    return pruned()


@pytest.fixture(scope="module")
def package(network, tmp_path_factory):
    """A package with vectors, and its bytes."""
    path = tmp_path_factory.mktemp("package") / "a.spareto"
    frames = (torch.rand(5, 3, 2, 12, 12) < 0.3).numpy().astype(np.int64)
    lowered = lower(network).network
    write_package(path, lowered, "best", vectors_of(lowered, frames))
    return path


@pytest.mark.parametrize("name", [*formats.registry.names(), "best"])
def test_its_size_is_what_the_hardware_model_reports(network, name, tmp_path):
    frames = (torch.rand(5, 4, 2, 12, 12) < 0.3).float()
    workload = profile(network, frames.numpy(), np.zeros(4, np.int64)).workload
    path = tmp_path / "a.spareto"
    written = write_package(path, lower(network).network, name)
    chip, chosen = hardware.load_accelerator("eyeriss_like"), set(written.formats)
    costs = {one: hardware.cost(workload, chip, weight_format=one).layers for one in chosen}
    bits = sum(costs[one][place].stored_bits for place, one in enumerate(written.formats))
    assert written.stored_bytes == -(-bits // 8)
    assert path.stat().st_size == written.header_bytes + written.stored_bytes


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_what_comes_back_is_what_was_written(seed, tmp_path):
    network, sensor, _, most = lowerable(seed)
    lowered = lower(network, sensor=sensor, classes=CLASSES, input_most=most, facts={"name": "é"}).network
    for name in ("best", "none", "rle", "bitmask"):
        path = tmp_path / f"{name}.spareto"
        written = write_package(path, lowered, name)
        again = read_package(path)
        pairs = zip(lowered.synapses, again.network.synapses, strict=True)
        assert all(np.array_equal(one.weights, other.weights) for (_, one), (_, other) in pairs)
        assert again.network.facts == {"name": "é"}
        assert (again.formats, again.header_bytes) == (written.formats, written.header_bytes)
        second = tmp_path / "again.spareto"
        write_package(second, again.network, name)
        assert second.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("bits", [2, 4])
def test_pruned_weights_take_five_percent_more_than_their_entropy(bits, tmp_path):
    """80 % pruned; every layer has the smallest format."""
    torch.manual_seed(0)
    made = spareto.networks.registry.make("conv", sensor=(2, 12, 12), classes=3, channels=(64, 64), votes=1)
    small = compress(made, spareto.recipes.joint(bits=bits, sparsity=0.8)).eval()
    network = lower(small).network
    names = [name for name in formats.registry.names() if name != "nested"]
    sizes = {name: write_package(tmp_path / "a.spareto", network, name).weight_bits for name in names}
    best = write_package(tmp_path / "a.spareto", network, "best").weight_bits
    assert best <= min(sizes.values())
    assert best <= 1.05 * sum(entropy(each.weights) for _, each in network.synapses)


def entropy(weights):
    counts = np.unique(weights, return_counts=True)[1]
    return -float((counts * np.log2(counts / counts.sum())).sum())


@pytest.mark.parametrize("seed", range(0, 24, 3))
def test_entropy_coded_weights_come_back_from_any_table(seed, tmp_path):
    network, sensor, _, most = lowerable(seed)
    lowered = lower(network, sensor=sensor, classes=CLASSES, input_most=most).network
    write_package(tmp_path / "a.spareto", lowered, "ans")
    again = read_package(tmp_path / "a.spareto")
    assert set(again.formats) == {"ans"}
    pairs = zip(lowered.synapses, again.network.synapses, strict=True)
    assert all(np.array_equal(one.weights, other.weights) for (_, one), (_, other) in pairs)


def test_vectors_are_replayed_on_every_engine(package):
    found = {row.engine: row.agrees for row in replay(package)}
    assert found["numpy reference"] is True
    assert False not in found.values()


def test_a_wrong_vector_is_found(network, tmp_path):
    lowered = lower(network).network
    frames = (torch.rand(5, 1, 2, 12, 12) < 0.3).numpy().astype(np.int64)
    right = vectors_of(lowered, frames)
    right.outputs[2][0, 0, 0, 0, 0] ^= 1
    write_package(tmp_path / "a.spareto", lowered, "best", right)
    assert all(row.agrees is not True for row in replay(tmp_path / "a.spareto"))


DAMAGE = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "one bit": lambda content: content[:900] + bytes([content[900] ^ 1]) + content[901:],
    "another file": lambda content: b"PK" + content[2:],
    "a newer version": lambda content: content[:8] + struct.pack("<I", 2) + content[12:],
    "weights of 10 GB": lambda content: content[:32] + struct.pack("<Q", 80 * 2**30) + content[40:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused(damage, package):
    with pytest.raises(StoreError, match=r"version 2.*Update" if damage == "a newer version" else "package"):
        parse(DAMAGE[damage](package.read_bytes()))


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(StoreError, match="no such file"):
        read_package(tmp_path / "none.spareto")
