"""What event-driven chips differ in: graded spikes, multipliers, learning, whole rows, absent synapses."""

import pytest
import yaml

import workloads
from spareto import hardware
from spareto.core.errors import ConfigError
from spareto.hardware.accelerators import _FOLDER, parse_accelerator
from spareto.records import Mask

LOIHI2, ODIN, TIANJIC, DYNAP = (
    hardware.load_accelerator(name) for name in ("loihi2_like", "odin", "tianjic", "dynap_se_like")
)


def description(name):
    return yaml.safe_load((_FOLDER / f"{name}.yaml").read_text())


def actions(layer, chip, **options):
    cost = hardware.cost(workloads.network(layer), chip, **options)
    return {a.action: a for a in cost.layers[0].actions}


@pytest.mark.parametrize(("payload", "events"), [(32, 1), (8, 1), (4, 2), (3, 3), (1, 8)])
def test_a_graded_spike_carries_as_many_bits_as_its_payload(payload, events):
    data = description("loihi2_like")
    data["components"][0]["payload"] = {"value": payload, "unit": "bits", "source": "a test"}
    layer = workloads.layer(analog=True)
    found = actions(layer, parse_accelerator(data))
    assert found["accumulate"].count == events * layer.effectual_synops()
    assert found["spike"].count == pytest.approx(events * layer.input.nonzero_mean)


def test_multipliers_run_analog_layers_densely_and_spikes_go_by_events():
    numbers, spikes = workloads.layer(analog=True), workloads.layer()
    assert actions(numbers, TIANJIC)["multiply"].count == numbers.dense_synops
    assert "accumulate" not in actions(numbers, TIANJIC)
    assert "multiply" not in actions(spikes, TIANJIC)
    wide = workloads.layer(analog=True, bits=9)
    assert actions(wide, TIANJIC)["multiply"].count == 2 * wide.dense_synops


def test_an_event_of_odin_visits_its_whole_row():
    layer = workloads.layer("fc", channels=(256, 10), size=1, kernel=1)
    assert actions(layer, ODIN)["accumulate"].count == pytest.approx(256 * layer.input.nonzero_mean)


def test_learning_is_charged_only_where_it_is_switched_on():
    layer = workloads.layer()
    off = hardware.load_accelerator("loihi_like")
    on = parse_accelerator(description("loihi_like") | {"learning": True})
    assert "learn" not in actions(layer, off)
    learned = actions(layer, on)["learn"]
    assert learned.count == layer.effectual_synops()
    assert learned.energy_pj == pytest.approx(120 * layer.effectual_synops())


def test_a_synapse_that_is_absent_is_never_visited_whatever_the_format():
    layer = workloads.layer(sparsity=0.7)
    for name in ("none", "rle"):
        found = actions(layer, hardware.load_accelerator("truenorth"), weight_format=name)
        assert found["accumulate"].count == 4 * layer.effectual_synops()  # 8-bit weights in slices of 2


def test_neurons_that_fire_take_energy_of_their_own():
    layer = workloads.layer(channels=(2, 8), size=4)
    fired = actions(layer, DYNAP)["fire"]
    assert fired.count == layer.output.nonzero_mean
    assert fired.energy_pj == pytest.approx(767 * layer.output.nonzero_mean)


def test_a_memory_of_addresses_splits_a_neuron_by_its_live_inputs():
    def of(live):
        mask = [[[[1.0 if place < live else 0.0]] for place in range(256)]] * 8
        layer = workloads.layer("fc", channels=(256, 8), size=1, kernel=1, rate=0.0)
        return layer.model_copy(update={"weight_mask": Mask.of(mask)})

    cores = [hardware.cost(workloads.network(of(n)), DYNAP).layers[0].cores for n in (64, 65, 256)]
    assert cores == [1, 2, 4]


def test_unrolled_kernels_take_room_for_every_neuron():
    data = description("loihi_like")
    layer = workloads.layer(channels=(16, 16), size=16, sparsity=0.0)
    rooms = []
    for kernels in ("shared", "unrolled"):
        data["components"][0]["kernels"] = kernels
        rooms.append(hardware.cost(workloads.network(layer), parse_accelerator(data)).layers[0].cores)
    assert rooms[0] == 4  # 4096 neurons, 1024 a core
    assert rooms[1] >= 16 * 16 * 9 * 8 * 256 / (128 * 8192)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "loihi_like",
            {"analog_inputs": "graded"},
            "accelerator.analog_inputs: got 'graded'; expected cores with",
        ),
        (
            "loihi_like",
            {"analog_inputs": "mac_array"},
            "accelerator.analog_inputs: got 'mac_array'; expected cores",
        ),
        (
            "sne_like",
            {"learning": True},
            "accelerator.learning: got true; expected cores that say what it costs",
        ),
    ],
)
def test_a_mode_without_the_part_it_needs_is_refused(name, change, message):
    with pytest.raises(ConfigError, match=message):
        parse_accelerator(description(name) | change)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("idle_update_energy", 81.1, "got 81.1 pJ; expected at most the 'update_energy' of 81 pJ"),
        ("idle_update_rate", 0.1, "got 0.1 ops/cycle; expected at least the 'update_rate' of 0.119"),
    ],
)  # fmt: skip
def test_a_neuron_that_received_nothing_takes_no_more_than_one_that_did(key, value, message):
    data = description("loihi_like")
    cores = next(part for part in data["components"] if part["kind"] == "cores")
    cores[key] = cores[key] | {"value": value}
    with pytest.raises(ConfigError, match=f"components.cores.{key}: {message}"):
        parse_accelerator(data)


def test_weights_that_another_layer_stores_take_no_room():
    layer = workloads.layer("a")
    again = workloads.layer("b").model_copy(update={"shares": "a", "weight_mask": layer.weight_mask})
    first, second = hardware.cost(workloads.network(layer, again), LOIHI2).layers
    assert first.stored_bits > 0 == second.stored_bits
    assert second.energy_pj > 0
