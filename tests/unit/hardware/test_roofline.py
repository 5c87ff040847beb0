"""Processors in closed form, and what they refuse."""

import pytest
import yaml

import workloads
from spareto import hardware
from spareto.core.errors import CapacityError, ConfigError
from spareto.hardware.accelerators import _FOLDER, parse_accelerator

MCU, GPU = (hardware.load_accelerator(name) for name in ("microcontroller", "edge_gpu"))


def cost_of(layer, chip, **options):
    return hardware.cost(workloads.network(layer), chip, **{"weight_format": "none", **options})


def moved(cost):
    return {(a.tensor, a.action): a.bits for a in cost.layers[0].actions if a.bits}


def test_step_by_step_one_thing_waits_for_the_other():
    layer = workloads.layer(bits=8)
    found = cost_of(layer, MCU)
    steps, neurons = layer.timesteps, layer.neuron.count
    flash = layer.weight_count * 8 * steps
    sram = (layer.input.size + layer.output.size) * 16 * steps + 2 * neurons * 16 * steps
    cycles = layer.dense_synops / 0.6 + neurons * steps / 0.25 + flash / 32 + sram / 32
    assert found.latency_cycles == pytest.approx(cycles, abs=1)


def test_energy_is_power_by_time():
    found = cost_of(workloads.layer(), MCU)
    assert found.energy_pj == pytest.approx(24e-3 * found.latency_cycles / 80e6 * 1e12)
    assert found.latency_us == pytest.approx(found.latency_cycles / 80)


def test_batched_timesteps_read_their_weights_once_and_memory_overlaps():
    layer = workloads.layer(bits=32)
    found = cost_of(layer, GPU)
    bits = layer.weight_count * 32 + (layer.input.size + layer.output.size) * 32 * layer.timesteps
    bits += 2 * layer.neuron.count * 16 * layer.timesteps
    busy = layer.dense_synops / 128 + layer.neuron.count * layer.timesteps / 32
    assert found.latency_cycles == pytest.approx(max(busy, bits / 222.2), abs=1)
    assert moved(found)["weights", "read"] == layer.weight_count * 32


def test_narrow_operands_are_widened_to_what_there_is():
    widths = [moved(cost_of(workloads.layer(bits=bits), MCU)) for bits in (2, 16, 32)]
    inputs = [each["inputs", "read"] for each in widths]
    assert inputs[0] == inputs[1] == inputs[2] / 2


def test_spikes_in_a_format_of_their_own():
    layer = workloads.layer(rate=0.01)
    plain, packed = (moved(cost_of(layer, MCU, spike_format=name)) for name in ("none", "aer"))
    assert packed["inputs", "read"] == pytest.approx(layer.input.nonzero_mean * 12)  # 8 x 8 x 8 x 5 < 2^12
    assert packed["inputs", "read"] < plain["inputs", "read"] / 16


def test_a_network_that_does_not_fit_says_which_memory_and_by_how_much():
    with pytest.raises(CapacityError) as error:
        cost_of(workloads.layer("fc", channels=(4096, 4096), size=1, kernel=1), MCU)
    assert str(error.value) == (
        "microcontroller.flash: got 134217728 bits of weights; expected at most 8388608 (over by 125829120). "
        "Use a smaller network, narrower weights or another format."
    )


def test_tensors_kept_nowhere_and_a_missing_clock_come_in_one_error():
    data = yaml.safe_load((_FOLDER / "microcontroller.yaml").read_text())
    data["components"][2]["keeps"] = ["inputs", "weights"]
    del data["clock"]
    with pytest.raises(ConfigError) as error:
        parse_accelerator(data)
    assert str(error.value).splitlines() == [
        "accelerator.clock: got nothing; expected a clock, to turn cycles into time.",
        "accelerator.components: got weights kept by flash, sram; expected exactly one bank.",
        "accelerator.components: got outputs kept by no bank; expected exactly one bank.",
        "accelerator.components: got state kept by no bank; expected exactly one bank.",
    ]
