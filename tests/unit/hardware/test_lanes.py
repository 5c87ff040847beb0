"""Units that wait for the busiest: against a walk through every weight, and in closed form."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workloads
from spareto import hardware
from spareto.hardware.counting.lanes import imbalance, weight_loads
from spareto.hardware.describing.nest import Loop, Nest
from spareto.records import Numbers

CHIP = hardware.load_accelerator("eyeriss_like")
LEVELS = ("far", "fan", "near")


@st.composite
def nests(draw):
    loops = []
    for level, kinds in (("far", ("temporal", "spatial")), ("fan", ("spatial",)), ("near", ("temporal",))):
        for kind in kinds:
            dims = draw(st.permutations(["M", "C", "R", "S"]))[: draw(st.integers(0, 3))]
            loops += [Loop.of(level, kind, dim, draw(st.sampled_from([1, 2, 3]))) for dim in dims]
    return Nest(LEVELS, tuple(loops))


def by_walking(loads, nest):
    """Every iteration of the nest, one at a time."""
    spatial = [i for i, loop in enumerate(nest.loops) if loop.kind == "spatial"]
    lanes = int(np.prod([int(nest.loops[i].bound[0]) for i in spatial], dtype=np.int64))
    waited = total = 0.0
    for group in loads:
        shares = {}
        for digits in product(*(range(int(loop.bound[0])) for loop in nest.loops)):
            index = dict.fromkeys("MCRS", 0)
            for loop, digit in zip(nest.loops, digits, strict=True):
                index[loop.dim] = index[loop.dim] * int(loop.bound[0]) + digit
            if any(index[dim] >= size for dim, size in zip("MCRS", group.shape, strict=True)):
                continue
            outer = tuple(d for i, d in enumerate(digits) if i not in spatial and spatial and i < spatial[-1])
            lane = tuple(digits[i] for i in spatial)
            share = shares.setdefault(outer, {})
            share[lane] = share.get(lane, 0.0) + group[tuple(index[dim] for dim in "MCRS")]
        waited += sum(max(share.values()) for share in shares.values())
        total += sum(sum(share.values()) for share in shares.values())
    return waited * lanes / total if total else 1.0


@settings(max_examples=60)
@given(nest=nests(), seed=st.integers(0, 1000), slack=st.sampled_from([0, 1]))
def test_it_equals_a_walk_through_every_weight(nest, seed, slack):
    rng = np.random.default_rng(seed)
    shape = [max(1, int(nest.totals()[dim][0]) - slack) for dim in ("M", "C", "R", "S")]
    loads = rng.integers(0, 3, (2, *shape)).astype(float)
    assert imbalance(loads, nest) == pytest.approx(by_walking(loads, nest))
    assert imbalance(loads, nest) >= 1 - 1e-12


def test_one_busy_lane_makes_all_wait():
    nest = Nest(LEVELS, (Loop.of("fan", "spatial", "M", 4), Loop.of("near", "temporal", "C", 8)))
    loads = np.zeros((1, 4, 8, 1, 1))
    loads[0, 2] = 1.0
    assert imbalance(loads, nest) == 4.0
    assert imbalance(np.ones_like(loads), nest) == 1.0
    assert imbalance(np.zeros_like(loads), nest) == 1.0


def test_the_loads_are_live_weights_times_the_spikes_that_reach_them():
    layer = workloads.layer(channels=(8, 16), sparsity=0.7)
    live = layer.weight_mask.array()
    reaching = np.random.default_rng(0).random((8, 3, 3))
    reaching *= layer.effectual_synops_mean / (live * reaching).sum()
    layer = layer.replace(reaching=Numbers.of(reaching))
    assert np.array_equal(weight_loads(layer, CHIP.compute, live_only=True)[0], live * reaching)
    dense = weight_loads(layer, CHIP.compute, live_only=False)[0]
    assert np.array_equal(dense, np.broadcast_to(reaching, live.shape))


def test_waiting_takes_cycles_but_no_energy():
    layer = workloads.layer(channels=(32, 64), size=16, sparsity=0.8, rate=0.9, neuron=None)
    network = workloads.network(layer)
    even, uneven = (hardware.cost(network, CHIP, lanes=lanes) for lanes in ("mean", "largest"))
    assert uneven.energy_pj == even.energy_pj
    assert uneven.latency_cycles > even.latency_cycles
