"""Laws of the physical mode: monotone where declared, closed forms for what takes a cycle or energy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workloads
from spareto import formats, hardware
from spareto.hardware.describing.problem import DIMS, LoopProblem
from spareto.hardware.mapping.fixed import fixed_nest
from spareto.records import Mask

CHIP = hardware.load_accelerator("eyeriss_like")


def pruned(layer, share):
    """More sparsity removes a superset; the spikes stay, and effectual operations follow."""
    order = np.random.default_rng(5).random(layer.weight_mask.shape)
    mask = order >= share
    dense = layer.effectual_synops_mean
    changes = {
        "weight_mask": Mask.of(mask),
        "effectual_synops_mean": dense * mask.mean(),
        "effectual_synops_max": 1.5 * dense * mask.mean(),
    }
    return layer.model_copy(update=changes)


@pytest.mark.parametrize("name", formats.on_chips())
def test_pruning_more_never_takes_more_under_one_frozen_mapping(name):
    if not formats.registry.make(name).monotone:
        pytest.skip(f"{name} does not declare that fewer non-zeros take fewer bits")
    layer = workloads.layer(channels=(16, 32), sparsity=0.0)
    networks = [workloads.network(pruned(layer, share)) for share in (0.0, 0.3, 0.6, 0.8, 0.95, 1.0)]
    grid = hardware.cost_grid(
        networks, CHIP, weight_formats=(name,), mappings={layer.name: fixed_nest(layer, CHIP)}
    )
    assert (np.diff(grid.energy_pj[:, 0, :, 0], axis=0) <= 1e-6).all()
    assert (np.diff(grid.latency_cycles[:, 0, :, 0], axis=0) <= 0).all()


def chip_that(**changes):
    parts = tuple(
        part.model_copy(update=changes)
        if part.kind == "compute"
        else part.model_copy(update={"read_bandwidth": None, "write_bandwidth": None})
        if part.kind == "memory"
        else part
        for part in CHIP.components
    )
    return CHIP.model_copy(update={"components": parts})


@pytest.mark.parametrize("on_input", ["skip", "gate", "compute"])
@pytest.mark.parametrize("on_weight", ["skip", "gate", "compute"])
@pytest.mark.parametrize("weight_format", ["bitmask", "none"])
def test_what_is_skipped_takes_no_cycle_and_what_is_gated_no_energy(on_input, on_weight, weight_format):
    layer = workloads.layer(channels=(16, 32), size=16, sparsity=0.6, rate=0.3, neuron=None)
    layer = layer.model_copy(
        update={
            "reached_synops_mean": layer.effectual_synops_mean / 0.4,
            "reached_synops_max": layer.effectual_synops_max / 0.4,
        }
    )
    chip = chip_that(zero_inputs=on_input, zero_weights=on_weight)
    cost = hardware.cost(workloads.network(layer), chip, weight_format=weight_format)
    dense, live = layer.dense_synops, layer.live_weights / layer.weight_count
    left = {
        (False, False): dense,
        (False, True): dense * live,
        (True, False): layer.reached_synops_mean,
        (True, True): layer.effectual_synops_mean,
    }
    skips_weights = on_weight == "skip" and weight_format == "bitmask"
    issued = left[on_input == "skip", skips_weights]
    executed = left[on_input != "compute", on_weight != "compute"]
    done = {a.action: a.count for a in cost.layers[0].actions if a.component == "mac"}
    assert done["accumulate"] == pytest.approx(executed)
    assert done.get("gated", 0.0) == pytest.approx(issued - executed, abs=1e-6)
    units = np.prod([int(x.bound[0]) for x in fixed_nest(layer, chip).loops if x.kind == "spatial"])
    assert cost.latency_cycles == np.ceil(issued / units - 1e-9)


@given(window=st.integers(1, 6), kernel=st.integers(1, 5), stride=st.integers(1, 6), moves=st.integers(1, 8))
def test_what_a_moved_window_does_not_share_with_itself(window, kernel, stride, moves):
    """Kernels shorter than the stride touch a comb of rows; a moved comb can meet two old teeth."""
    one = np.ones(1, np.int64)
    problem = LoopProblem({"P": window * moves + window, "R": kernel}, (stride, 1))
    extents = dict.fromkeys(DIMS, one) | {"P": window * one, "R": kernel * one}

    def rows(first):
        return {(first + p) * stride + r for p in range(window) for r in range(kernel)}

    assert int(problem.tile("inputs", extents)[0]) == len(rows(0))
    fresh = int(problem.advance(extents, "P", moves * one)[0])
    assert fresh == len(rows(moves) - rows(0))
