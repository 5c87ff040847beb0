"""A grid costed at once equals its cases costed one by one."""

import numpy as np
import pytest

import workloads
from spareto import formats, hardware
from spareto.core.errors import ConfigError

CHIP = hardware.load_accelerator("eyeriss_like")


def version(bits, sparsity, rate=0.1):
    return workloads.network(
        workloads.layer(
            "conv1", channels=(2, 8), size=8, analog=True, bits=bits, sparsity=sparsity, rate=rate
        ),
        workloads.layer("conv2", channels=(8, 16), size=8, bits=bits, sparsity=sparsity, rate=rate),
    )


VERSIONS = [version(2, 0.7), version(8, 0.0), version(32, 0.9), version(4, 1.0, rate=0.0)]


@pytest.fixture(scope="module")
def grid():
    return hardware.cost_grid(VERSIONS, CHIP)


def one_by_one():
    nests = {
        layer.name: hardware.fixed_nest(layer, CHIP) for layer in VERSIONS[2].layers
    }  # sized for the widest
    for w, network in enumerate(VERSIONS):
        for a, statistic in enumerate(("mean", "max")):
            options = {"weight_formats": formats.USUAL, "statistic": statistic, "mappings": nests}
            for f, cost in enumerate(hardware.cost_all_formats(network, CHIP, **options)):
                yield (w, f, a), cost


def test_it_equals_its_cases(grid):
    for place, cost in one_by_one():
        assert grid.energy_pj[place].sum() == pytest.approx(cost.energy_pj)
        assert grid.latency_cycles[place].tolist() == [layer.latency_cycles for layer in cost.layers]
        assert grid.stored_bits[place].sum() == cost.footprint_bits
        for component, energy in cost.energy_by_component().items():
            assert grid.energy_by_component_pj[component][place].sum() == pytest.approx(energy)


def test_it_adds_up_over_components_and_says_its_mode(grid):
    total = sum(grid.energy_by_component_pj.values())
    assert np.allclose(total, grid.energy_pj)
    assert grid.mode == "physical"
    assert grid.layers == ("conv1", "conv2")
    assert grid.energy_pj.shape == (4, len(grid.formats), 2, 2)


def test_formats_and_statistics_can_be_chosen():
    grid = hardware.cost_grid(VERSIONS[:1], CHIP, weight_formats=("rle",), statistics=("max",))
    expected = hardware.cost(VERSIONS[0], CHIP, weight_format="rle", statistic="max")
    assert grid.energy_pj.sum() == pytest.approx(expected.energy_pj)


def test_versions_of_another_network_are_refused():
    with pytest.raises(ConfigError) as error:
        hardware.cost_grid([VERSIONS[0], workloads.network()], CHIP)
    assert str(error.value) == (
        "workloads[1]: got other layers than workloads[0]; expected the same network, which differs in "
        "weight widths, masks and activity only. Cost other networks by themselves."
    )


def test_no_workload_is_refused():
    with pytest.raises(ConfigError, match="workloads: got none; expected at least one"):
        hardware.cost_grid([], CHIP)


@pytest.mark.parametrize("name", hardware.accelerator_names())
def test_every_kind_of_accelerator_has_a_grid(name):
    chip = hardware.load_accelerator(name)
    networks = VERSIONS[:2]
    nests = {}
    if isinstance(chip, hardware.Accelerator):
        nests = {layer.name: hardware.fixed_nest(layer, chip) for layer in networks[1].layers}
    grid = hardware.cost_grid(networks, chip, weight_formats=("rle", "none"), mappings=nests)
    assert grid.energy_pj.shape == (2, 2, 2, 2)
    for place in np.ndindex(2, 2, 2):
        cost = hardware.cost(
            networks[place[0]],
            chip,
            weight_format=("rle", "none")[place[1]],
            statistic=("mean", "max")[place[2]],
            mappings=nests,
        )
        assert grid.energy_pj[place].sum() == pytest.approx(cost.energy_pj)
        assert grid.latency_cycles[place].sum() == pytest.approx(cost.latency_cycles)
        assert np.isclose(
            sum(part[place].sum() for part in grid.energy_by_component_pj.values()), cost.energy_pj
        )
