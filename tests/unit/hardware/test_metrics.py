"""Metrics in closed form."""

import pytest

import workloads
from spareto import hardware
from spareto.hardware.metrics import metrics

CHIP = hardware.load_accelerator("eyeriss_like")


def test_multiplications_and_additions_are_counted_apart():
    analog = workloads.layer("first", channels=(2, 4), bits=4, analog=True)
    spiking = workloads.layer("second", channels=(4, 8), bits=2)
    network = workloads.network(analog, spiking)
    found = metrics(network, hardware.cost(network, CHIP))
    assert found.effective_macs == analog.effectual_synops()
    assert found.effective_acs == spiking.effectual_synops()
    assert found.bit_operations == analog.effectual_synops() * 4 * 8 + spiking.effectual_synops() * 2
    assert found.effective_macs + found.effective_acs < found.dense_synops
    assert found.spikes == 4 + 8
    assert found.connection_sparsity == pytest.approx(network.weight_sparsity)


def test_energy_figures_follow_from_the_cost():
    network = workloads.network()
    cost = hardware.cost(network, CHIP, statistic="max")
    found = metrics(network, cost)
    assert found.footprint_bytes * 8 == cost.footprint_bits
    assert found.energy_delay_pj_cycles == cost.energy_pj * cost.latency_cycles
    operations = found.effective_macs + found.effective_acs
    assert operations == sum(layer.effectual_synops("max") for layer in network.layers)
    assert found.energy_per_effective_synop_pj == pytest.approx(cost.energy_pj / operations)


def test_a_silent_network_divides_by_nothing():
    network = workloads.network(workloads.layer(rate=0.0))
    assert metrics(network, hardware.cost(network, CHIP)).energy_per_effective_synop_pj == 0.0
