"""The mapper: better than the fixed mapping, never below the bound, the same every time."""

import pytest

import workloads
from spareto import hardware
from spareto.hardware import formats
from spareto.hardware.accesses import compute_units
from spareto.hardware.mapping.capacity import Widths, overflows
from spareto.hardware.mapping.search import search
from spareto.hardware.mapping.tilings import Skeleton
from spareto.hardware.problem import Problem

CHIP = hardware.load_accelerator("eyeriss_like")
RLE = formats.registry.make("rle")
LAYERS = [
    workloads.layer("conv", channels=(16, 32), size=16),
    workloads.layer("strided", channels=(4, 8), size=16, kernel=5, stride=2, analog=True),
    workloads.layer("dense", channels=(256, 40), size=1, kernel=1),
]


@pytest.fixture(scope="module", params=LAYERS, ids=lambda layer: layer.name)
def found(request):
    return request.param, search(request.param, CHIP, RLE)


def test_it_fits_covers_the_layer_and_uses_the_units_there_are(found):
    layer, best = found
    problem = Problem.of(layer)
    assert overflows(CHIP, problem, best.nest, Widths.of(layer, CHIP)) == []
    totals = best.nest.totals()
    assert all(int(totals[dim][0]) >= size for dim, size in problem.dims.items())
    assert int(compute_units(best.nest)[0]) <= 168


def test_it_beats_the_fixed_mapping_and_not_the_bound(found):
    layer, best = found
    fixed = hardware.cost(workloads.network(layer), CHIP).energy_pj
    assert best.bound_pj <= best.energy_pj <= fixed
    assert best.gap == pytest.approx(best.energy_pj / best.bound_pj - 1)


def test_costing_with_it_gives_what_the_mapper_saw(found):
    layer, best = found
    cost = hardware.cost(workloads.network(layer), CHIP, mappings={layer.name: best.nest})
    assert cost.energy_pj == pytest.approx(best.energy_pj)
    assert cost.latency_cycles == best.latency_cycles


def test_it_counts_what_it_tried_and_why_others_failed(found):
    _, best = found
    assert best.evaluated > 100
    assert sum(best.rejected.values()) > 0
    assert all(reason.split(":")[0] in {level.name for level in CHIP.levels} for reason in best.rejected)


def test_it_is_deterministic():
    first, second = (search(LAYERS[1], CHIP, RLE) for _ in range(2))
    bounds = [[int(loop.bound[0]) for loop in best.nest.loops] for best in (first, second)]
    assert bounds[0] == bounds[1]
    assert first.energy_pj == second.energy_pj


def test_each_objective_is_best_at_its_own():
    by = {objective: search(LAYERS[0], CHIP, RLE, objective=objective) for objective in ("energy", "latency")}
    assert by["energy"].energy_pj <= by["latency"].energy_pj
    assert by["latency"].latency_cycles <= by["energy"].latency_cycles


def test_every_cut_covers_its_dimension():
    cuts = Skeleton.of(CHIP).cuts("M", 40)
    covered = 1
    for bound in cuts.values():
        covered = covered * bound
    assert covered.min() >= 40
    assert len({tuple(row) for row in zip(*cuts.values(), strict=True)}) == len(covered)
