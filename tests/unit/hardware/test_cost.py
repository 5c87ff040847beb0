"""What is charged for, in closed form, on the Eyeriss-like chip."""

import pytest

import workloads
from spareto import hardware
from spareto.core.errors import ConfigError, UnknownName
from spareto.hardware.charging.energy import accumulator_bits

CHIP = hardware.load_accelerator("eyeriss_like")


def cost_of(layer, **options):
    return hardware.cost(workloads.network(layer), CHIP, **options)


def actions(cost, component, tensor=None):
    found = [a for layer in cost.layers for a in layer.actions if a.component == component]
    return {a.action: a for a in found if tensor in (None, a.tensor)}


def test_a_spike_costs_an_addition_and_nothing_else_is_computed():
    layer = workloads.layer(bits=4)
    computed = actions(cost_of(layer), "mac")
    assert set(computed) == {"accumulate"}
    assert computed["accumulate"].count == layer.effectual_synops()
    assert computed["accumulate"].energy_pj == pytest.approx(layer.effectual_synops() * 0.0857 / 2)


def test_an_analog_input_costs_a_multiplication_that_grows_with_both_widths():
    layer = workloads.layer(bits=4, analog=True)
    computed = actions(cost_of(layer), "mac")
    each = 0.0857 / 2 + 8.63 * 4 * 8 / 32**2
    assert computed["multiply_accumulate"].energy_pj == pytest.approx(layer.effectual_synops() * each)


def test_sixteen_bit_multiply_accumulate_is_the_published_one():
    layer = workloads.layer(bits=16, analog=True)
    layer = layer.model_copy(update={"input": layer.input.model_copy(update={"bits": 16})})
    action = actions(cost_of(layer), "mac")["multiply_accumulate"]
    assert action.energy_pj / action.count == pytest.approx(2.20035)


@pytest.mark.parametrize(("width", "taken"), [(16, 32), (24, 32), (48, 48)])
def test_a_floating_point_sum_fills_an_accumulator_that_is_wider(width, taken):
    chip = hardware.load_accelerator("eyeriss_like")
    given = chip.compute.accumulator_width.model_copy(update={"value": width})
    compute = chip.compute.model_copy(update={"accumulator_width": given})
    assert accumulator_bits(workloads.layer(bits=32), compute) == taken
    assert accumulator_bits(workloads.layer(bits=16), compute) == width


def test_floating_point_weights_are_added_in_floating_point():
    action = actions(cost_of(workloads.layer(bits=32)), "mac")["accumulate"]
    assert action.energy_pj / action.count == pytest.approx(0.9)


def test_zero_weights_of_a_plain_layout_are_gated_not_skipped():
    layer = workloads.layer(sparsity=0.8)
    plain, compressed = (cost_of(layer, weight_format=name) for name in ("none", "rle"))
    assert actions(plain, "mac")["accumulate"].count == layer.effectual_synops()
    assert actions(plain, "mac")["gated"].count > 0
    assert set(actions(compressed, "mac")) == {"accumulate"}
    assert (
        actions(plain, "weights_spad", "weights")["read"].count
        > actions(compressed, "weights_spad", "weights")["read"].count
    )


def test_state_is_read_and_written_once_a_neuron_and_timestep():
    layer = workloads.layer()
    cost = cost_of(layer)
    updates = layer.neuron.count * layer.timesteps
    moved = actions(cost, "shared_glb", "state")
    assert moved["read"].count == moved["write"].count == updates * 16 / 64
    arithmetic = actions(cost, "neuron")
    assert {name: action.count for name, action in arithmetic.items()} == dict.fromkeys(
        ("leak", "integrate", "compare"), updates
    )
    assert actions(cost_of(workloads.layer(neuron=None)), "neuron") == {}
    assert "leak" not in actions(cost_of(workloads.layer(neuron="iaf")), "neuron")


def test_dram_receives_spikes_not_partial_sums():
    layer = workloads.layer()
    written = actions(cost_of(layer), "dram", "outputs")
    assert set(written) == {"write"}
    assert written["write"].count == layer.output.size * layer.timesteps / 64


def test_dram_sends_every_stored_bit_once_when_the_layer_fits():
    layer = workloads.layer()
    for cost in hardware.cost_all_formats(workloads.network(layer), CHIP):
        moved = sum(
            a.count * 64
            for a in cost.layers[0].actions
            if a.component == "dram" and a.tensor in ("weights", "metadata")
        )
        assert moved == pytest.approx(cost.footprint_bits)


def test_stored_bits_without_compression_are_weights_times_width():
    layer = workloads.layer(bits=32)
    assert cost_of(layer, weight_format="none").footprint_bits == layer.weight_count * 32


def test_an_empty_layer_computes_nothing():
    cost = cost_of(workloads.layer(sparsity=1.0))
    assert actions(cost, "mac") == {}
    assert actions(cost, "weights_spad") == {}


def test_grouped_channels_cost_as_much_as_their_groups_apart():
    grouped = workloads.layer(channels=(8, 8), groups=4, sparsity=0.0, rate=1.0, neuron=None)
    single = workloads.layer(channels=(2, 2), sparsity=0.0, rate=1.0, neuron=None)
    together, apart = (cost_of(layer, weight_format="none") for layer in (grouped, single))
    assert together.energy_pj == pytest.approx(4 * apart.energy_pj)


def test_unknown_neurons_are_all_listed_and_never_free():
    network = workloads.network(workloads.layer("a", neuron="izhikevich"), workloads.layer("b", neuron="lff"))
    with pytest.raises(ConfigError) as error:
        hardware.cost(network, CHIP)
    assert str(error.value).splitlines() == [
        "layer 'a': got neuron 'izhikevich'; expected one of iaf, lif, plif, li, synaptic, alif. "
        "Add what one update of it does to the cost model.",
        "layer 'b': got neuron 'lff'; expected one of iaf, lif, plif, li, synaptic, alif. "
        "Did you mean 'lif'?",
    ]


def test_unknown_weight_format():
    with pytest.raises(UnknownName, match=r"weight format: got 'bitmaks'; .* Did you mean 'bitmask'\?"):
        cost_of(workloads.layer(), weight_format="bitmaks")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"statistic": "median"}, "statistic: got 'median'; expected one of mean, max"),
        ({"lanes": "smallest"}, "lanes: got 'smallest'; expected one of mean, largest"),
        ({"mappings": {"conb": None}}, "mappings: got 'conb'; expected one of conv. Did you mean 'conv'"),
        ({"objective": "power"}, "objective: got 'power'; expected one of energy, latency, edp"),
    ],
)
def test_words_that_would_be_taken_for_others(options, told):
    run = hardware.find_mappings if "objective" in options else hardware.cost
    with pytest.raises(UnknownName, match=told):
        run(workloads.network(workloads.layer()), CHIP, **options)
    if "objective" in options or "statistic" in options:
        grid = {"statistics": ["median"]} if "statistic" in options else options
        with pytest.raises(UnknownName, match=told):
            hardware.cost_grid([workloads.network(workloads.layer())], CHIP, **grid)
