"""A chip at another node or voltage: one rule, and its error where other numbers are at hand."""

import pytest

import workloads
from spareto import hardware
from spareto.core.errors import ConfigError
from spareto.hardware.accelerators.scaling import energy_factor, leakage_factor, scaled
from spareto.hardware.tables import load_table

TRUENORTH, EYERISS = (hardware.load_accelerator(name) for name in ("truenorth", "eyeriss_like"))
NETWORK = workloads.network(workloads.layer())


def split(chip):
    cost = hardware.cost(NETWORK, chip)
    leak = sum(action.energy_pj for action in cost.shared)
    return cost.energy_pj - leak, leak


def test_energies_go_with_node_and_square_of_the_voltage_leakage_with_its_cube():
    dynamic, leak = split(TRUENORTH)
    other = split(scaled(TRUENORTH, node_nm=14, volts=0.4))
    assert other == (pytest.approx(dynamic / 2 / 4), pytest.approx(leak / 2 / 8))


def test_to_its_own_node_and_voltage_nothing_changes():
    same = scaled(TRUENORTH, node_nm=28, volts=0.8)
    assert split(same) == pytest.approx(split(TRUENORTH))


@pytest.mark.parametrize("name", hardware.accelerator_names())
def test_smaller_never_takes_more_energy_and_the_same_time(name):
    chip = hardware.load_accelerator(name)
    network = workloads.network(workloads.layer(channels=(2, 8), size=4))
    costs = [hardware.cost(network, scaled(chip, node_nm=chip.technology.amount * k)) for k in (0.5, 1, 2)]
    energies = [cost.energy_pj for cost in costs]
    assert energies == sorted(energies)
    assert len({cost.latency_cycles for cost in costs}) == 1


def test_memory_outside_the_chip_stays_as_it_is():
    other = scaled(EYERISS, node_nm=22.5)
    assert other.memory("dram").read_energy == EYERISS.memory("dram").read_energy
    assert other.memory("shared_glb").read_energy.amount == pytest.approx(49.1739 / 2)
    assert other.memory("shared_glb").area.amount == pytest.approx(641718.8125 / 4)
    assert "scaled by 0.5" in other.memory("shared_glb").read_energy.source


def test_the_rule_is_within_a_tenth_of_memories_of_two_nodes():
    old, new = load_table("sram_65nm").laws["read"], load_table("sram_45nm").laws["read"]
    rule = energy_factor(45 / 65, 1.0 / 1.1)  # nominal voltages of the two nodes
    for size, width in ((512, 32), (8192, 32), (102400, 64), (1048576, 64)):
        sizes = {"bytes": size, "width_bits": width}
        error = old.value_at(sizes, "test") * rule / new.value_at(sizes, "test") - 1
        assert abs(error) < 0.1


def test_the_cube_is_within_a_tenth_of_a_floor_that_was_measured():
    """42 mW at 0.70 V, of which the neurons' memory takes its share by the square."""
    floor = 42.9 * leakage_factor(1, 0.70 / 0.8) + 21.53 * energy_factor(1, 0.70 / 0.8)
    assert abs(floor / 42 - 1) < 0.1


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-9, 1e30, float("nan"), float("inf")])
def test_sizes_that_make_no_sense_are_refused(value):
    for name, rule in (("node_nm", "from 1 to 10000 nm"), ("volts", "from 0.05 to 20 V")):
        with pytest.raises(ConfigError, match=f"expected a number {rule}"):
            scaled(TRUENORTH, **{name: value})


def test_a_voltage_needs_one_to_start_from():
    with pytest.raises(ConfigError, match="expected a chip that says its own; 'eyeriss_like' does not"):
        scaled(EYERISS, volts=0.9)
