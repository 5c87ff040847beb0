"""Inferences one after the other share what is loaded once, and fill a pipeline once."""

from itertools import pairwise

import pytest

import workloads
from spareto import hardware
from spareto.core.errors import ConfigError
from spareto.hardware.batch import batched

NETWORK = workloads.network()
CHIPS = ("loihi_like", "sne_like", "edge_gpu", "microcontroller", "spinalflow_like")


@pytest.mark.parametrize("name", CHIPS)
def test_a_batch_of_one_is_an_inference(name):
    chip = hardware.load_accelerator(name)
    assert hardware.cost(NETWORK, chip, batch=1) == hardware.cost(NETWORK, chip)


@pytest.mark.parametrize("name", CHIPS)
def test_an_inference_of_a_larger_batch_takes_no_more_energy(name):
    chip = hardware.load_accelerator(name)
    costs = [hardware.cost(NETWORK, chip, batch=size) for size in (1, 2, 4, 8)]
    energies = [cost.energy_pj for cost in costs]
    assert all(b <= a * (1 + 1e-9) for a, b in pairwise(energies))
    assert [cost.batch for cost in costs] == [1, 2, 4, 8]
    assert len({cost.footprint_bits for cost in costs}) == 1


def test_weights_are_loaded_once_a_batch():
    chip = hardware.load_accelerator("sne_like")
    one, four = (hardware.cost(NETWORK, chip, batch=size) for size in (1, 4))
    assert four.energy_by_component()["l2_memory"] == pytest.approx(
        one.energy_by_component()["l2_memory"] / 4
    )
    assert four.energy_by_component()["clusters"] == pytest.approx(one.energy_by_component()["clusters"])


def test_a_pipeline_is_filled_once_a_batch():
    chip = hardware.load_accelerator("loihi_like")
    one, many = (hardware.cost(NETWORK, chip, batch=size) for size in (1, 100))
    assert many.step_cycles == pytest.approx(one.step_cycles, rel=1e-3)
    assert many.latency_cycles == pytest.approx((500 + 2) * many.step_cycles / 100, rel=1e-6)
    assert many.interval_cycles == pytest.approx(one.interval_cycles, rel=1e-3)


def test_everything_an_inference_does_is_there_as_often():
    layer, three = NETWORK.layers[1], batched(NETWORK, 3).layers[1]
    assert three.timesteps == 3 * layer.timesteps
    assert three.effectual_synops() == 3 * layer.effectual_synops()
    assert three.input.nonzero("max") == 3 * layer.input.nonzero("max")
    assert three.input.nonzero_per_timestep == 3 * layer.input.nonzero_per_timestep
    assert three.weight_mask == layer.weight_mask


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_a_batch_is_a_whole_number(size):
    with pytest.raises(ConfigError, match=r"batch: got .*; expected an integer"):
        hardware.cost(NETWORK, hardware.load_accelerator("sne_like"), batch=size)


@pytest.mark.parametrize("name", ["eyeriss_like", "loas_like"])
def test_few_spikes_of_known_neurons_are_costed_in_batches(name):
    """In a batch's long train more neurons count as awake than there are spikes; no record is refused."""
    layer = workloads.layer(rate=0.005)
    spikes = layer.input.nonzero_mean
    layer = layer.replace(input=layer.input.replace(awake_mean=0.9 * spikes, awake_max=spikes))
    network = workloads.network(layer)
    energies = [hardware.cost(network, name, batch=size).energy_pj for size in (1, 2, 4, 100)]
    assert 0 < max(energies[1:]) < energies[0] * 1.5
