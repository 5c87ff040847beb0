"""What arrays made for spikes do differently: spike formats, windows of timesteps, joins, state in place."""

import pytest

import workloads
from spareto import hardware
from spareto.formats import Train, spike_bits
from spareto.hardware.accelerators import described, parse_accelerator
from spareto.hardware.counting.activity import touched_updates, window_share

EYERISS, LOAS, PTB, SPINAL = (
    hardware.load_accelerator(f"{name}_like") for name in ("eyeriss", "loas", "ptb", "spinalflow")
)


def cost_of(layer, chip, **options):
    return hardware.cost(workloads.network(layer), chip, **options)


def actions(layer, chip, **options):
    found = cost_of(layer, chip, **options).layers[0].actions
    return {(a.component, a.tensor, a.action): a for a in found}


@pytest.mark.parametrize("name", ["none", "bitmask", "aer", "time_packed", "rle", "best"])
def test_dram_moves_spikes_in_their_format_and_no_other(name):
    layer = workloads.layer(rate=0.05)
    found = actions(layer, EYERISS, spike_format=name)
    train = Train(layer.timesteps, layer.input.size, layer.input.nonzero_mean)
    assert found["dram", "inputs", "read"].bits == pytest.approx(spike_bits(name, train))
    emitted = Train(layer.timesteps, layer.output.size, layer.output.nonzero_mean)
    assert found["dram", "outputs", "write"].bits == pytest.approx(spike_bits(name, emitted))
    assert found["shared_glb", "inputs", "write"].bits == layer.input.size * layer.timesteps  # not compressed


def test_the_accelerators_own_spike_format_is_the_default():
    layer = workloads.layer()
    assert cost_of(layer, LOAS) == cost_of(layer, LOAS, spike_format="time_packed")
    assert cost_of(layer, LOAS) != cost_of(layer, LOAS, spike_format="none")


def test_analog_inputs_stay_plain():
    layer = workloads.layer(analog=True)
    moved = {
        name: actions(layer, EYERISS, spike_format=name)["dram", "inputs", "read"].bits
        for name in ("none", "aer")
    }
    assert moved["aer"] == moved["none"] == layer.input.size * layer.timesteps * 8


def test_unknown_spike_format():
    with pytest.raises(Exception, match=r"spike format: got 'aerr'; .* Did you mean 'aer'\?"):
        cost_of(workloads.layer(), EYERISS, spike_format="aerr")


def test_a_window_is_skipped_only_if_all_of_it_is_silent():
    full, sparse = workloads.layer(rate=1.0, timesteps=4), workloads.layer(rate=0.01, timesteps=4)
    assert window_share(full, "mean", 4) == pytest.approx(1.0)
    assert 3.8 < window_share(sparse, "mean", 4) < 4.0  # hardly two spikes in one window
    assert window_share(workloads.layer(rate=0.0), "mean", 4) == 1.0


def test_silent_neurons_have_no_windows():
    layer = workloads.layer(rate=0.05, timesteps=8)
    few = layer.replace(input=layer.input.replace(awake_mean=60.0, awake_max=90.0))
    live = layer.input.nonzero_mean
    assert window_share(few, "mean", 8) == 60 * 8 / live  # counted
    assert 1.0 <= window_share(few, "mean", 4) <= 60 * 8 / live  # in sixty neurons, not in 512
    assert window_share(few, "mean", 4) < window_share(layer, "mean", 4)


def test_counted_windows_are_not_estimated():
    layer = workloads.layer(rate=0.05, timesteps=4)
    mean, most = layer.input.nonzero_mean, layer.input.nonzero_max
    windows = tuple((mean * share, most * share) for share in (1, 1.5, 2, 2.5))
    counted = layer.replace(input=layer.input.replace(awake_windows=windows))
    assert window_share(counted, "mean", 3) == 2
    assert window_share(counted, "max", 9) == 2.5


def test_lanes_that_share_a_step_take_its_cycle_but_not_its_energy():
    layer = workloads.layer(rate=0.02, timesteps=4, channels=(64, 64))
    data = described("loas_like")
    alone = {key: value for key, value in data["components"][4].items() if key != "window"}
    apart = parse_accelerator(data | {"components": [*data["components"][:4], alone, data["components"][5]]})
    shared, single = actions(layer, LOAS), actions(layer, apart)
    assert shared["lane", "products", "accumulate"].count == layer.effectual_synops()
    assert single["lane", "products", "accumulate"].count == layer.effectual_synops()
    issued = layer.effectual_synops() * window_share(layer, "mean", 4)
    assert shared["lane", "products", "gated"].count == pytest.approx(issued - layer.effectual_synops())
    assert ("lane", "products", "gated") not in single


@pytest.mark.parametrize("weights", ["skip", "compute"])
def test_no_more_operations_are_issued_than_lie_inside_the_zero_border(weights):
    """With almost every input there, an estimate by windows would run into the padding."""
    layer = workloads.layer(size=4, kernel=5, timesteps=4, channels=(5, 32), rate=0.95, sparsity=0.2)
    every = workloads.layer(size=4, kernel=5, timesteps=4, channels=(5, 32), rate=1.0, sparsity=0.2)
    data = described("loas_like")
    data["components"][4]["zero_weights"] = weights
    done = actions(layer, parse_accelerator(data), weight_format="bitmask")
    issued = sum(a.count for key, a in done.items() if key[2] in ("accumulate", "gated"))
    most = every.effectual_synops() if weights == "skip" else every.dense_synops_inside
    assert layer.effectual_synops() <= issued <= most
    assert issued == pytest.approx(most, rel=1e-3)


def test_the_largest_activity_issues_no_fewer_operations_than_the_mean():
    """The sample with most inputs may have hardly more operations, and windows that are full already."""
    layer = workloads.layer(rate=0.1, timesteps=4, channels=(64, 64))
    busy = layer.input.model_copy(update={"nonzero_max": 0.9 * layer.input.size * 4})
    layer = layer.model_copy(update={"input": busy, "effectual_synops_max": 1.01 * layer.effectual_synops()})
    mean, most = (cost_of(layer, LOAS, statistic=each).latency_cycles for each in ("mean", "max"))
    assert most >= mean > 0


def test_a_join_can_only_look_at_so_many_pairs_a_cycle():
    layer = workloads.layer("fc", channels=(4096, 16), size=1, kernel=1, rate=0.0, timesteps=4, neuron=None)
    assert cost_of(layer, LOAS).latency_cycles >= 4096 * 16 / (16 * 4 * 128)
    slow = described("loas_like")
    slow["components"][4]["intersection_rate"]["value"] = 0.25
    assert cost_of(layer, parse_accelerator(slow)).latency_cycles == 4096 * 16 / (16 * 4 * 0.25)


def test_a_weight_that_is_broadcast_is_read_once():
    layer = workloads.layer(rate=1.0, sparsity=0.0, timesteps=4, channels=(8, 16))
    read = actions(layer, LOAS, weight_format="none")["global_cache", "weights", "read"].bits
    assert read == pytest.approx(layer.effectual_synops() * layer.weight_bits / 4)  # four timesteps


def test_a_weight_serves_every_timestep_of_a_window():
    one, eight = (
        actions(workloads.layer(rate=1.0, sparsity=0.0, timesteps=t), PTB, weight_format="none")
        for t in (1, 8)
    )
    key = ("global_buffer", "weights", "read")
    assert eight[key].bits == pytest.approx(one[key].bits)


def test_state_of_a_neuron_that_runs_to_its_end_never_leaves_its_element():
    found = actions(workloads.layer(timesteps=20), SPINAL)
    assert {component for component, tensor, _ in found if tensor == "state"} == {"potential", "neuron"}
    assert not any(
        component == "dram" and action == "read" for component, tensor, action in found if tensor == "outputs"
    )


def test_touched_neurons_are_no_more_than_operations_or_updates():
    for rate in (0.0, 0.01, 0.5, 1.0):
        layer = workloads.layer(rate=rate)
        touched = touched_updates(layer, "mean")
        assert layer.neuron is not None
        assert touched <= min(layer.effectual_synops(), layer.neuron.count * layer.timesteps) + 1e-9
    assert touched_updates(workloads.layer(neuron=None), "mean") == 0.0
