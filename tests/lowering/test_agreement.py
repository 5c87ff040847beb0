"""Every engine gives the reference's integers, to the bit, on networks drawn at random."""

import shutil

import numpy as np
import pytest
import torch

from lowering.random_networks import CLASSES, lowerable
from spareto.export import compiled_c99
from spareto.integer import Reference
from spareto.lowering import IntegerModule, lower
from spareto.package import write_package
from spareto.package.file import parse
from spareto.runtime import Engine, kernels
from spareto.runtime.rows import FORMS

QUICK, MANY = 30, 300
needs_c = pytest.mark.skipif(kernels.engine() != "c", reason="the C engine does not run here")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


def prepared(seed):
    """A lowered network, frames, and the reference's outputs of every node."""
    network, sensor, frames, most = lowerable(seed)
    lowered = lower(network, sensor=sensor, classes=CLASSES, input_most=most).network
    return lowered, frames.numpy(), Reference(lowered).run(frames.numpy())


def same(network, ours, expected):
    for node, one, other in zip(network.nodes, ours, expected, strict=True):
        assert one.shape == other.shape, node.name
        assert np.array_equal(one, other), node.name


def check_torch(network, frames, expected):
    outputs = IntegerModule(network).outputs(torch.from_numpy(frames))
    same(network, [output.numpy() for output in outputs], expected)


def check_engine(network, frames, expected, **options):
    engine = Engine(network, **options)
    for sample in range(frames.shape[1]):
        outputs = engine.session(threads=2).outputs(frames[:, sample])
        same(network, outputs, [output[:, sample] for output in expected])
    votes = Reference(network).counts(frames)
    assert np.array_equal(engine.batch(frames, threads=2), votes)


def check_c99(network, frames, expected):
    with compiled_c99(network, "gcc") as run:
        for sample in range(frames.shape[1]):
            same(network, run(frames[:, sample]), [output[:, sample] for output in expected])


@needs_c
@pytest.mark.parametrize("seed", range(QUICK))
def test_torch_and_engine_agree_with_the_reference(seed, tmp_path):
    network, frames, expected = prepared(seed)
    check_torch(network, frames, expected)
    check_engine(network, frames, expected)
    write_package(tmp_path / "a.spareto", network)
    again = parse((tmp_path / "a.spareto").read_bytes()).network
    same(network, Reference(again).run(frames), expected)


@needs_gcc
@pytest.mark.parametrize("seed", range(0, QUICK, 13))
def test_exported_c_agrees_with_the_reference(seed):
    check_c99(*prepared(seed))


@needs_c
@pytest.mark.parametrize("seed", range(0, QUICK, 5))
def test_live_weights_alone_and_whole_rows_give_the_same(seed):
    network, frames, expected = prepared(seed)
    for rows in FORMS:
        check_engine(network, frames, expected, rows=rows)


@pytest.mark.parametrize("seed", range(0, QUICK, 8))
def test_without_kernels_numpy_gives_the_same(seed):
    check_engine(*prepared(seed), kernels_on="numpy")


@needs_c
@needs_gcc
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_all_engines_agree_on_many_networks(seed):
    prepared_network = prepared(1000 + seed)
    check_torch(*prepared_network)
    check_engine(*prepared_network)
    for rows in FORMS:
        check_engine(*prepared_network, rows=rows)
    check_c99(*prepared_network)
