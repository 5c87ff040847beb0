"""Weights of which at most two in four are live, on hardware that knows the pattern."""

import numpy as np
import pytest

import workloads
from spareto import hardware
from spareto.records import Mask

CHIP = hardware.load_accelerator("sparse_tensor_core")


def layer_with(mask, bits=8):
    outputs, inputs, kernel, _ = mask.shape
    size = 64 if kernel == 1 else 16
    layer = workloads.layer("fc", channels=(inputs, outputs), size=size, kernel=kernel, bits=bits, rate=0.0)
    return layer.model_copy(update={"weight_mask": Mask.of(mask)})


def operations(layer):
    return CHIP.processor.saved(layer) * layer.dense_synops


def pattern(outputs, inputs, kernel, live):
    """The first `live` of every four input channels."""
    mask = np.zeros((outputs, inputs, kernel, kernel), bool)
    for place in range(live):
        mask[:, place::4] = True
    return mask


@pytest.mark.parametrize(("live", "share"), [(0, 0.5), (1, 0.5), (2, 0.5), (3, 1.0), (4, 1.0)])
@pytest.mark.parametrize(("inputs", "kernel"), [(16, 1), (8, 3), (6, 1)])
def test_a_layer_that_keeps_to_the_pattern_takes_half_the_operations(live, share, inputs, kernel):
    layer = layer_with(pattern(4, inputs, kernel, live))
    expected = 0.5 if inputs == 6 and live == 2 else share
    assert operations(layer) == expected * layer.dense_synops


def test_a_single_block_that_breaks_it_costs_the_whole_layer():
    mask = pattern(8, 16, 1, 2)
    mask[3, :3] = True
    assert operations(layer_with(mask)) == layer_with(mask).dense_synops


def test_random_zeros_of_the_same_number_save_nothing():
    mask = np.random.default_rng(0).random((16, 16, 1, 1)) < 0.5
    assert operations(layer_with(mask)) == layer_with(mask).dense_synops


def test_wide_operands_do_not_run_on_the_tensor_cores():
    layer = layer_with(pattern(8, 16, 1, 2), bits=32)
    assert operations(layer) == layer.dense_synops


def test_the_pattern_never_takes_longer():
    dense = hardware.cost(workloads.network(layer_with(np.ones((64, 64, 3, 3), bool))), CHIP)
    pruned = hardware.cost(workloads.network(layer_with(pattern(64, 64, 3, 2))), CHIP)
    assert pruned.latency_cycles < dense.latency_cycles
    assert pruned.energy_pj < dense.energy_pj
