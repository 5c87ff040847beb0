"""Event-driven chips in closed form, and what they refuse."""

from math import ceil, exp

import pytest
import yaml

import workloads
from spareto import hardware
from spareto.core.errors import CapacityError, ConfigError
from spareto.hardware.accelerators import _FOLDER, parse_accelerator

LOIHI, SNE = (hardware.load_accelerator(name) for name in ("loihi_like", "sne_like"))


def description():
    return yaml.safe_load((_FOLDER / "loihi_like.yaml").read_text())


def actions(layer, chip=LOIHI, **options):
    cost = hardware.cost(workloads.network(layer), chip, **options)
    return {(a.component, a.action): a for a in cost.layers[0].actions}


def test_a_live_weight_met_by_a_spike_is_an_operation():
    layer = workloads.layer(sparsity=0.5)
    found = actions(layer)["cores", "accumulate"]
    assert found.count == layer.effectual_synops()
    assert found.energy_pj == pytest.approx(layer.effectual_synops() * 23.6)


@pytest.mark.parametrize(("size", "kernel", "within"), [(1, 1, 1e-12), (8, 3, 0.02)])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.95])
def test_without_a_format_that_locates_zeros_every_weight_a_spike_meets_is_one(
    size, kernel, within, sparsity
):
    """Which are live does not matter; what was not measured is off by where spikes lie near the border."""
    facts = {"size": size, "kernel": kernel, "channels": (64, 16)}
    every = workloads.layer(**facts, sparsity=0.0).effectual_synops()
    plain = actions(workloads.layer(**facts, sparsity=sparsity), weight_format="none")
    assert plain["cores", "accumulate"].count == pytest.approx(every, rel=within)


@pytest.mark.parametrize(("bits", "slices"), [(2, 1), (9, 1), (10, 2), (32, 4)])
def test_weights_wider_than_a_synapse_take_several_operations(bits, slices):
    layer = workloads.layer(bits=bits)
    assert actions(layer)["cores", "accumulate"].count == slices * layer.effectual_synops()


def test_an_analog_input_is_one_event_a_bit():
    layer = workloads.layer(analog=True)
    found = actions(layer)
    assert found["cores", "accumulate"].count == 8 * layer.effectual_synops()
    assert found["mesh", "spike"].count == 8 * layer.input.nonzero_mean


def test_every_neuron_is_updated_at_every_timestep_touched_or_not():
    layer = workloads.layer()
    found, updates = actions(layer), layer.neuron.count * layer.timesteps
    touched = updates * (1 - exp(-layer.effectual_synops() / updates))
    assert found["cores", "update"].count == pytest.approx(touched)
    assert found["cores", "idle_update"].count == pytest.approx(updates - touched)
    assert found["cores", "idle_update"].energy_pj == pytest.approx((updates - touched) * 52)


def test_a_spike_goes_to_the_cores_its_neurons_lie_in():
    near = workloads.layer(channels=(8, 4), size=8)
    far = workloads.layer("fc", channels=(64, 4096), size=1, kernel=1)
    assert actions(near)["mesh", "spike"].count == near.input.nonzero_mean
    assert actions(far)["mesh", "spike"].count == 4 * far.input.nonzero_mean
    assert actions(far)["mesh", "hop"].count == pytest.approx(4 * 3.875 * far.input.nonzero_mean)


def test_the_fullest_core_and_the_barrier_set_the_time():
    layer = workloads.layer("fc", channels=(16, 1025), size=1, kernel=1, sparsity=0.0, rate=0.5)
    steps, updates = layer.timesteps, 1025 * layer.timesteps
    touched = updates * (1 - exp(-layer.effectual_synops() / updates))
    share = 513 / 1025  # two cores of 513 and 512
    busy = layer.effectual_synops() / 0.2857 + touched / 0.119 + (updates - touched) / 0.1887
    barrier = 113 + (465 - 113) / 127  # two of 128 cores
    cost = hardware.cost(workloads.network(layer), LOIHI)
    assert cost.layers[0].latency_cycles == ceil(busy * share - 1e-9)
    assert cost.latency_cycles == ceil(steps * (cost.layers[0].latency_cycles / steps + barrier) - 1e-9)


def test_cores_added_for_their_memory_make_it_no_faster():
    layers = [workloads.layer("fc", channels=(4096, 512), size=1, kernel=1, bits=b) for b in (2, 8)]
    narrow, wide = (hardware.cost(workloads.network(layer), LOIHI, weight_format="none") for layer in layers)
    assert narrow.latency_cycles == wide.latency_cycles
    assert wide.layers[0].stored_bits > 8 * 2**20 * 1.9  # takes more than one core of 128 KB


def test_what_nothing_reaches_costs_an_event_driven_engine_nothing_but_its_weights():
    found = actions(workloads.layer(rate=0.0), SNE)
    assert set(found) == {("l2_memory", "read")}


def test_layers_in_turn_pass_over_the_chip_as_often_as_their_neurons_ask():
    small = workloads.layer(channels=(2, 8), size=32, rate=0.5)  # 8192 neurons: one pass
    large = workloads.layer(channels=(2, 16), size=32, rate=0.5)  # 16384: two passes
    assert hardware.cost(workloads.network(small), SNE).latency_cycles > 0
    slow, fast = (
        hardware.cost(workloads.network(layer), SNE).latency_cycles / layer.effectual_synops()
        for layer in (large, small)
    )
    assert slow == pytest.approx(fast, rel=0.02)  # twice the work in twice the time


def test_a_network_that_does_not_fit_says_by_how_much():
    layer = workloads.layer(channels=(2, 64), size=64)  # 262144 neurons, 256 cores
    with pytest.raises(CapacityError) as error:
        hardware.cost(workloads.network(layer), LOIHI)
    assert str(error.value) == (
        "loihi_like.cores: got a network of 256 cores; expected at most 128 (over by 128). "
        "Use a smaller network or narrower weights."
    )


def test_analog_inputs_are_refused_by_a_chip_that_takes_spikes_only():
    data = description() | {"analog_inputs": "refuse"}
    network = workloads.network(workloads.layer("a", analog=True), workloads.layer("b", analog=True))
    with pytest.raises(ConfigError) as error:
        hardware.cost(network, parse_accelerator(data))
    assert str(error.value).splitlines() == [
        f"layer '{name}': got analog inputs; expected spikes, all that 'loihi_like' takes. "
        "Encode the input as spikes."
        for name in "ab"
    ]


def test_static_power_is_charged_over_the_time():
    data = description()
    source = {"unit": "mW", "source": "a test"}
    data["components"].append({"kind": "supply", "name": "leak", "static_power": {"value": 2.0, **source}})
    cost = hardware.cost(workloads.network(workloads.layer()), parse_accelerator(data))
    assert cost.energy_by_component()["leak"] == pytest.approx(2.0 * cost.latency_cycles)  # mW ns = pJ


def test_a_description_that_contradicts_itself():
    data = description()
    data["components"] = [part for part in data["components"] if part["kind"] != "cores"]
    with pytest.raises(ConfigError) as error:
        parse_accelerator(data)
    assert str(error.value) == "accelerator.components: got 0 of kind 'cores'; expected exactly one."


def test_weights_must_be_somewhere():
    data = description()
    del data["components"][0]["synapse_memory"]
    with pytest.raises(ConfigError) as error:
        parse_accelerator(data)
    assert str(error.value) == (
        "accelerator.components: got no memory for weights; expected one. "
        "Say how much the cores hold, or add a component of kind 'store'."
    )


def test_an_unknown_kind():
    with pytest.raises(ConfigError) as error:
        parse_accelerator({"kind": "event_drive"})
    assert str(error.value) == (
        "accelerator.kind: got 'event_drive'; expected one of array, crossbar, event_driven, fpga, "
        "pipelined, roofline. "
        "Did you mean 'event_driven'?"
    )
