"""The mapper: better than the fixed mapping, never below the bound, the same every time."""

import numpy as np
import pytest
import yaml

import workloads
from spareto import formats, hardware
from spareto.core.errors import ConfigError
from spareto.hardware.accelerators import _FOLDER
from spareto.hardware.charging.design_points import layer_points
from spareto.hardware.counting.accesses import compute_units
from spareto.hardware.describing.problem import LoopProblem
from spareto.hardware.mapping.capacity import Widths, overflows
from spareto.hardware.mapping.fixed import fixed_nest
from spareto.hardware.mapping.search import search, search_points
from spareto.hardware.mapping.tilings import Skeleton

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
    problem = LoopProblem.of(layer)
    assert overflows(CHIP, problem, best.nest, Widths.of(layer, CHIP)) == []
    totals = best.nest.totals()
    assert all(int(totals[dim][0]) >= size for dim, size in problem.dims.items())
    assert int(compute_units(best.nest)[0]) <= 168


def test_it_beats_the_fixed_mapping_and_not_the_bound(found):
    layer, best = found
    fixed = hardware.cost(workloads.network(layer), CHIP, weight_format="rle").energy_pj
    assert best.bound_pj <= best.energy_pj <= fixed
    assert best.gap == pytest.approx(best.energy_pj / best.bound_pj - 1)


def test_costing_with_it_gives_what_the_mapper_saw(found):
    layer, best = found
    mappings = {layer.name: best.nest}
    cost = hardware.cost(workloads.network(layer), CHIP, weight_format="rle", mappings=mappings)
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


@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
def test_many_points_at_once_end_where_no_neighbour_is_better(objective):
    """Each point of a shared search is at least as good as a search of its own, give or take a valley."""
    layers = [workloads.layer(channels=(16, 32), size=16, sparsity=s, bits=b) for s, b in ((0, 8), (0.9, 2))]
    shared = search_points(
        layer_points(layers, CHIP, {"rle": RLE, "none": formats.registry.make("none")}, ("mean", "max")),
        CHIP,
        Widths.of(layers[0], CHIP),
        objective=objective,
    )
    assert len(shared) == 8
    values = {"energy": "energy_pj", "latency": "latency_cycles"}
    for layer, best in zip(layers, (shared[0], shared[4]), strict=True):
        alone = search(layer, CHIP, RLE, objective=objective)
        if objective in values:
            ours, own = (getattr(found, values[objective]) for found in (best, alone))
            assert ours <= own * 1.05
        assert best.bound_pj == alone.bound_pj


def test_a_searched_grid_is_never_worse_than_a_frozen_one_and_the_same_every_time():
    networks = [workloads.network(workloads.layer(sparsity=s, bits=b)) for s, b in ((0.5, 8), (0.9, 2))]
    options = {"weight_formats": ("rle", "bitmask")}
    frozen = hardware.cost_grid(networks, CHIP, **options)
    first, second = (hardware.cost_grid(networks, CHIP, objective="energy", **options) for _ in range(2))
    assert (first.energy_pj <= frozen.energy_pj * (1 + 1e-12)).all()
    assert np.array_equal(first.energy_pj, second.energy_pj)
    assert np.allclose(sum(first.energy_by_component_pj.values()), first.energy_pj)


def limited(tmp_path, **limit):
    data = yaml.safe_load((_FOLDER / "eyeriss_like.yaml").read_text())
    data["dataflow"]["limits"] = [
        {"kind": "spatial", "at_most": {"value": 2, "unit": "iterations", "source": "test"}, **limit}
    ]
    path = tmp_path / "limited.yaml"
    path.write_text(yaml.safe_dump(data))
    return hardware.load_accelerator(path)


def test_limits_of_a_description_hold_for_every_mapping(tmp_path):
    chip = limited(tmp_path, level="shared_glb", dim="Q")
    layer = LAYERS[0]
    free, bound = fixed_nest(layer, CHIP), fixed_nest(layer, chip)
    searched = search(layer, chip, RLE).nest

    def most(nest):
        chosen = [x for x in nest.loops if (x.level, x.kind, x.dim) == ("shared_glb", "spatial", "Q")]
        return max((int(loop.bound[0]) for loop in chosen), default=1)

    assert most(free) > 2
    assert most(bound) <= 2
    assert most(searched) <= 2


def test_a_limit_of_no_loop_is_refused(tmp_path):
    with pytest.raises(ConfigError) as error:
        limited(tmp_path, level="dram", dim="Q")
    assert str(error.value) == (
        "accelerator.dataflow.limits[0]: got a spatial loop over Q at 'dram'; expected a loop that "
        "dataflow.fill or dataflow.order names, inside the outermost memory."
    )
