"""Metrics in closed form."""

import pytest

import workloads
from spareto import hardware
from spareto.hardware.network_metrics import metrics

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


def test_activation_sparsity_is_the_share_of_updates_without_a_spike():
    layer = workloads.layer()  # emits 16 spikes
    network = workloads.network(layer)
    found = metrics(network, hardware.cost(network, CHIP))
    assert found.activation_sparsity == 1 - 16 / (layer.neuron.count * layer.timesteps)
    alone = workloads.network(workloads.layer(neuron=None))
    assert metrics(alone, hardware.cost(alone, CHIP)).activation_sparsity == 0


def test_dense_operations_leave_the_border_out():
    layer = workloads.layer(channels=(2, 4), size=5, timesteps=3)  # 3 x 3 kernel, padding 1
    inside = (3 * 5 - 2) ** 2  # each axis: five windows of three, of which two look outside once
    assert layer.dense_synops_inside == 3 * 4 * 2 * inside
    assert layer.dense_synops == 3 * 4 * 2 * (3 * 5) ** 2
    assert (
        workloads.layer(size=1, kernel=1).dense_synops_inside
        == workloads.layer(size=1, kernel=1).dense_synops
    )


def test_memory_traffic_is_what_every_memory_moves():
    network = workloads.network(workloads.layer())
    cost = hardware.cost(network, CHIP)
    found = metrics(network, cost).memory_traffic_bytes
    assert list(found) == ["dram", "weights_spad", "shared_glb", "ifmap_spad", "psum_spad"]
    dram = [action.count for action in cost.layers[0].actions if action.component == "dram"]
    assert found["dram"] == pytest.approx(sum(dram) * 64 / 8)


def test_energy_delay_in_time_where_there_is_a_clock():
    network = workloads.network()
    cost = hardware.cost(network, CHIP)
    found = metrics(network, cost)
    assert found.energy_delay_pj_us == pytest.approx(found.energy_delay_pj_cycles / 200)
    timeless = cost.model_copy(update={"clock_mhz": None})
    assert metrics(network, timeless).energy_delay_pj_us is None


def test_a_silent_network_divides_by_nothing():
    network = workloads.network(workloads.layer(rate=0.0))
    assert metrics(network, hardware.cost(network, CHIP)).energy_per_effective_synop_pj == 0.0
