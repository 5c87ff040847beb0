"""Bursts, first words, leakage: options that cost nothing where a description leaves them out."""

import pytest
import yaml

import workloads
from spareto import hardware
from spareto.hardware.mapping.fixed import fixed_nest

CHIP = hardware.load_accelerator("eyeriss_like")
LAYER = workloads.layer(channels=(8, 24), size=12)


def quantity(value, unit):
    return {"value": value, "unit": unit, "source": "test"}


def cost_with(tmp_path, layer=LAYER, **changes):
    path = tmp_path / "changes.yaml"
    path.write_text(yaml.safe_dump({"components": changes}))
    chip = hardware.load_accelerator("eyeriss_like", overrides=path)
    mappings = {layer.name: fixed_nest(layer, CHIP)}
    return hardware.cost(workloads.network(layer), chip, weight_format="rle", mappings=mappings)


def test_leakage_is_energy_a_cycle_of_every_instance(tmp_path):
    plain = hardware.cost(workloads.network(LAYER), CHIP, weight_format="rle")
    leaky = cost_with(
        tmp_path,
        shared_glb={"leakage": quantity(3.0, "pJ/cycle")},
        mac={"leakage": quantity(0.5, "pJ/cycle")},
    )
    leaked = (3.0 + 168 * 0.5) * plain.latency_cycles
    assert leaky.energy_pj - plain.energy_pj == pytest.approx(leaked)
    idle = {action.component: action for action in leaky.layers[0].actions if action.tensor == "idle"}
    assert idle["mac"].energy_pj == pytest.approx(84 * plain.latency_cycles)
    grid = hardware.cost_grid([workloads.network(LAYER)], CHIP, weight_formats=("rle",), statistics=("mean",))
    assert grid.energy_pj.sum() == pytest.approx(plain.energy_pj)


def test_a_layer_waits_for_its_first_words(tmp_path):
    plain = hardware.cost(workloads.network(LAYER), CHIP, weight_format="rle")
    slow = cost_with(
        tmp_path,
        dram={"latency": quantity(100, "cycles")},
        mac={"latency": quantity(3, "cycles")},
        neuron={"latency": quantity(2, "cycles")},
    )
    assert slow.latency_cycles == plain.latency_cycles + 105
    assert slow.energy_pj == plain.energy_pj


def dram_bits(cost):
    return {
        (action.tensor, action.action): action.bits
        for action in cost.layers[0].actions
        if action.component == "dram"
    }


@pytest.mark.parametrize("burst", [8, 64, 512, 4096])
def test_a_burst_rounds_every_transfer_up(tmp_path, burst):
    plain = dram_bits(hardware.cost(workloads.network(LAYER), CHIP, weight_format="rle"))
    rounded = dram_bits(cost_with(tmp_path, dram={"burst": quantity(burst, "bits")}))
    assert plain.keys() == rounded.keys()
    for key, bits in plain.items():
        assert rounded[key] >= bits - 1e-6
        assert rounded[key] % burst == pytest.approx(0, abs=1e-6) or rounded[key] > bits


def test_one_stream_is_rounded_once(tmp_path):
    bits = dram_bits(cost_with(tmp_path, dram={"burst": quantity(1000, "bits")}))
    emitted = LAYER.output.size * LAYER.timesteps
    assert bits["outputs", "write"] == -(-emitted // 1000) * 1000
