"""Layers pipelined over timesteps: the published cycles, one-deep buffers, and an event-by-event twin."""

from math import ceil

import numpy as np
import pytest
import yaml

import pipeline_simulation as slow
import workloads
from spareto import hardware
from spareto.core.errors import CapacityError, ConfigError
from spareto.hardware.accelerators import _FOLDER, parse_accelerator
from spareto.hardware.counting.encoders import list_addresses
from spareto.records import Layer, Mask, Neuron, Tensor
from spareto.records.buffers import through_buffers

DATA = yaml.safe_load((_FOLDER / "snn_dse_like.yaml").read_text())
CHIP = hardware.load_accelerator("snn_dse_like")


def chip(**core):
    """The chip with other numbers in its event cores."""
    data = yaml.safe_load((_FOLDER / "snn_dse_like.yaml").read_text())
    for part in data["components"]:
        if part["kind"] == "event_core":
            for key, value in core.items():
                part[key] = part[key] | {"value": value} if key in part else value
    return parse_accelerator(data)


def changed(**changes):
    data = yaml.safe_load((_FOLDER / "snn_dse_like.yaml").read_text())
    return parse_accelerator(data | changes)


def dense_layer(name, train, outputs, emitted):
    """A fully connected layer that gets a measured train, every weight live."""
    steps, inputs = train.shape
    spikes, total = tuple(map(float, train.sum(1))), float(train.sum())

    def tensor(size, per_step):
        most = sum(per_step)
        return Tensor(shape=(size, 1, 1), kind="spike", bits=1, nonzero_mean=most, nonzero_max=most,
                      nonzero_per_timestep=per_step)  # fmt: skip

    return Layer(
        name=name,
        kind="linear",
        in_channels=inputs,
        out_channels=outputs,
        kernel=(1, 1),
        timesteps=steps,
        weight_bits=8,
        weight_mask=Mask.of(np.ones((outputs, inputs, 1, 1), bool)),
        input=tensor(inputs, spikes),
        output=tensor(outputs, tuple(map(float, emitted.sum(1)))),
        effectual_synops_mean=total * outputs,
        effectual_synops_max=total * outputs,
        reached_synops_mean=total * outputs,
        reached_synops_max=total * outputs,
        neuron=Neuron(kind="lif", count=outputs),
    )


def train(steps, size, rate, seed=0):
    return np.random.default_rng(seed).random((steps, size)) < rate


def one(spikes, lhr, inputs=64, outputs=48, steps=4):
    """Cycles of a layer that gets so many spikes in each timestep."""
    given = np.arange(inputs) < np.full((steps, 1), spikes)
    layer = dense_layer("fc", given, outputs, np.zeros((steps, outputs), bool))
    cost = hardware.cost(workloads.network(layer), chip(lhr=lhr))
    return cost.layers[0].cycles_by_step[0]


def test_a_timestep_takes_c0_and_four_lhr_plus_two_cycles_a_spike():
    for lhr in (1, 4, 16, 48):
        c0 = 2 + ceil(64 / 20) + lhr
        for spikes in (0, 1, 17, 64):
            assert one(spikes, lhr) == c0 + spikes * (4 * lhr + 2)


def test_cycles_are_linear_in_spikes_and_in_the_ratio():
    in_spikes = np.diff([one(spikes, 8) for spikes in range(5)])
    in_ratio = np.diff([one(10, lhr) for lhr in range(1, 9)])
    assert np.ptp(in_spikes) == 0
    assert np.ptp(in_ratio) == 0


def test_a_ratio_beyond_the_layer_is_all_of_it_on_one_unit():
    assert one(5, 48) == one(5, 500)


def test_a_convolution_adds_at_every_place_its_spikes_meet():
    layer = workloads.layer(channels=(4, 8), size=6, kernel=3, sparsity=0.0, rate=0.2, timesteps=3)
    exact = {f"reached_synops_{each}": getattr(layer, f"effectual_synops_{each}") for each in ("mean", "max")}
    cost = hardware.cost(workloads.network(layer.model_copy(update=exact)), chip(lhr=2))
    spikes, met = layer.input.nonzero_mean, layer.effectual_synops_mean / 8
    c0 = 2 + ceil(4 * 36 / 20) + 2 * 36
    assert cost.layers[0].latency_cycles == pytest.approx(3 * c0 + 2 * spikes + 4 * 2 * met)


def test_without_sparsity_it_is_the_same_model_with_every_input_active():
    layer = workloads.layer(channels=(40, 16), size=1, kernel=1, rate=1.0, sparsity=0.0, timesteps=2)
    cost = hardware.cost(workloads.network(layer), CHIP)
    assert cost.layers[0].latency_cycles == 2 * (2 + 2 + 8 + 40 * 34)


def random_network(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 40, rng.integers(2, 5))
    steps = int(rng.integers(1, 7))
    lhrs = [int(rng.integers(1, 12)) for _ in sizes[1:]]
    layers = [
        slow.Layer(rng.normal(0.3, 0.6, (out, inputs)), lhr)
        for inputs, out, lhr in zip(sizes, sizes[1:], lhrs, strict=False)
    ]
    return layers, rng.random((steps, sizes[0])) < rng.random()


@pytest.mark.parametrize("seed", range(25))
def test_cost_and_pipeline_are_those_of_the_simulation(seed):
    layers, given = random_network(seed)
    finished = slow.simulate(layers, given)
    trains = [given, *(np.array(layer.emitted) for layer in layers)]
    records = [
        dense_layer(f"fc{place}", trains[place], len(layer.weights), trains[place + 1])
        for place, layer in enumerate(layers)
    ]
    ratios = [
        {"layers": f"fc{place}", "lhr": {"value": layer.lhr, "unit": "instances", "source": "a test"}}
        for place, layer in enumerate(layers)
    ]
    cost = hardware.cost(workloads.network(*records), chip(layer_lhr=ratios))
    assert cost.latency_cycles == finished
    put = through_buffers([layer.cycles_by_step for layer in cost.layers])
    assert [list(row) for row in put] == [layer.put_at for layer in layers]


@pytest.mark.parametrize("seed", range(5))
def test_events_give_what_a_matrix_product_gives(seed):
    layers, given = random_network(seed)
    slow.simulate(layers, given)
    assert np.array_equal(layers[-1].emitted, slow.dense_spikes(layers, given))


def test_a_slow_layer_holds_those_before_it_back():
    assert through_buffers([[1, 1, 1], [10, 10, 10]]) == ((1, 2, 11), (11, 21, 31))
    assert through_buffers([[10, 10], [1, 1]]) == ((10, 20), (11, 21))
    rows = [[3, 9, 1, 4], [5, 1, 8, 2], [2, 2, 7, 7]]
    last = through_buffers(rows)[-1][-1]
    assert max(map(sum, rows)) < last < sum(map(sum, rows))


def test_inferences_in_a_row_come_at_the_pace_of_the_slowest():
    two = workloads.network(
        workloads.layer("conv", channels=(4, 16), size=8, rate=0.3),
        workloads.layer("fc", channels=(64, 10), size=1, kernel=1),
    )
    cost = hardware.cost(two, CHIP)
    slowest = max(layer.latency_cycles for layer in cost.layers)
    assert slowest <= cost.interval_cycles <= cost.latency_cycles
    rows = [layer.cycles_by_step * 40 for layer in cost.layers]
    last = through_buffers(rows)[-1]
    assert (last[-1] - last[-1 - 20 * 5]) / 20 == pytest.approx(cost.interval_cycles, rel=0.01)
    assert cost.fps == pytest.approx(100e6 / cost.interval_cycles)
    assert cost.fps_per_watt == pytest.approx(1e12 / cost.energy_pj)
    batch = hardware.cost(two, CHIP, batch=4)
    assert slowest <= batch.latency_cycles < cost.latency_cycles


def test_logic_and_memory_follow_the_ratio():
    layer = workloads.layer(channels=(100, 64), size=1, kernel=1, bits=8)
    found = {lhr: hardware.cost(workloads.network(layer), chip(lhr=lhr)).resources for lhr in (1, 2, 64)}
    assert [found[lhr]["lut"] for lhr in (1, 2, 64)] == [400 + 60 * units for units in (64, 32, 1)]
    assert found[1]["bram"] == 64 + 64 + 1  # a bank of weights and one of states a unit, one of spikes
    assert found[64]["bram"] == ceil(6400 * 8 / 36864) + 1 + 1
    assert found[1]["dsp"] == 0


def test_the_first_layer_runs_on_the_dense_core_beside_event_cores():
    first = workloads.layer("conv1", channels=(2, 16), size=16, analog=True, sparsity=0.0)
    cost = hardware.cost(workloads.network(first, workloads.layer("conv2", channels=(16, 8), size=8)), CHIP)
    tiles = (256 / 8) * (16 / 8)
    assert cost.layers[0].cycles_by_step == (tiles * (18 + 8 + 8 - 2),) * 5
    assert cost.resources["dsp"] == 64
    assert set(cost.layers[0].energy_by_component()) == {"dense_core", "event_cores", "bram"}
    events = [part for part in DATA["components"] if part["kind"] != "dense_core"]
    with pytest.raises(ConfigError, match="layer 'conv1': got analog inputs"):
        hardware.cost(workloads.network(first), changed(components=events))


def test_weights_beside_the_chip_take_time_and_energy_and_no_blocks():
    layer = workloads.layer(channels=(100, 64), size=1, kernel=1, bits=8, rate=0.5)
    dram = [{"memory": "dram", "tensors": ["weights"]}, {"memory": "bram", "tensors": ["state", "spikes"]}]
    near = hardware.cost(workloads.network(layer), chip(lhr=1))
    far = hardware.cost(workloads.network(layer), changed(placement=dram))
    narrow = changed(placement=dram).to_dict()
    next(part for part in narrow["components"] if part["name"] == "dram")["bandwidth"]["value"] = 8
    slow_one = hardware.cost(workloads.network(layer), parse_accelerator(narrow))
    assert far.energy_pj > near.energy_pj
    assert far.resources["bram"] < near.resources["bram"]
    assert slow_one.latency_cycles > far.latency_cycles
    assert slow_one.layers[0].latency_cycles == pytest.approx(layer.input.nonzero_mean * 64 * 8 / 8)


def test_what_does_not_fit_says_which_memory_and_by_how_much():
    large = workloads.layer(channels=(30_000, 400), size=1, kernel=1, bits=16)
    with pytest.raises(
        CapacityError, match=r"snn_dse_like\.bram: got 5301; expected at most 2160 \(over by 3141\)"
    ):
        hardware.cost(workloads.network(large), CHIP)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"placement": [{"memory": "sram", "tensors": ["weights"]}]},
            "got 'sram'; expected a component of kind",
        ),
        ({"placement": [{"memory": "bram", "tensors": ["weights"]}]}, "no place for state of every layer"),
        ({"components": DATA["components"][1:]}, "0 of kind 'fabric'; expected exactly one"),
        ({"components": [*DATA["components"], DATA["components"][2]]}, "2 of kind 'dense_core'"),
    ],
    ids=["memory", "state", "fabric", "dense"],
)
def test_a_contradiction_is_refused_by_name(changes, words):
    with pytest.raises(ConfigError, match=words):
        changed(**changes)


@pytest.mark.parametrize("chunk", [1, 7, 20, 64])
def test_a_list_of_addresses_gives_the_bit_vector_back(chunk):
    for rate in (0.0, 0.1, 1.0):
        bits = train(1, 53, rate)[0]
        listed = list_addresses(bits, chunk)
        assert list(listed.addresses) == np.flatnonzero(bits).tolist()
        assert listed.cycles == bits.sum() + ceil(53 / chunk)
