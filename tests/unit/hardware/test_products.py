"""Products of activations, biases, borrowed weights, look-ups and bare neurons: what they cost everywhere."""

import numpy as np
import pytest

import workloads
from spareto.core.errors import ConfigError
from spareto.hardware import cost, cost_grid, load_accelerator
from spareto.hardware.products import layer_of
from spareto.records import Mask, Neuron, Product, Tensor, Workload

ACCELERATORS = ("eyeriss_like", "loihi_like", "microcontroller")
T, HEADS, ROWS, INNER, COLUMNS = 4, 2, 6, 8, 5


def tensor(shape, live, kind="spike"):
    return Tensor(
        shape=shape, kind=kind, bits=1 if kind == "spike" else 8, nonzero_mean=live, nonzero_max=live
    )


def product(density=0.5, *, kind="spike", neuron=None, timesteps=T, name="attention"):
    pairs = timesteps * HEADS * ROWS * INNER * COLUMNS
    sizes = [timesteps * HEADS * ROWS * INNER, timesteps * HEADS * INNER * COLUMNS]
    left, right = (density * size for size in sizes)
    return Product(
        name=name,
        rows=ROWS,
        inner=INNER,
        columns=COLUMNS,
        repeats=HEADS,
        timesteps=timesteps,
        left=tensor((HEADS, ROWS, INNER), left, kind),
        right=tensor((HEADS, INNER, COLUMNS), right),
        output=tensor((HEADS, ROWS, COLUMNS), 10.0, "analog" if neuron is None else "spike"),
        operation="and" if kind == "spike" else "accumulate",
        effectual_mean=density * density * pairs,
        effectual_max=density * density * pairs,
        neuron=neuron,
    )


def network(*products, layers=()):
    layers = layers or (workloads.layer("fc", channels=(16, 10), size=1, kernel=1, timesteps=T),)
    return Workload(
        network="test", dataset="random", samples=1, timesteps=T, layers=layers, products=products
    )


@pytest.mark.parametrize("name", ACCELERATORS)
def test_a_product_costs_its_timesteps_and_stores_nothing(name):
    chip = load_accelerator(name)
    (*_, several), (*_, one) = (cost(network(product(timesteps=steps)), chip).layers for steps in (T, 1))
    assert (several.name, several.stored_bits) == ("attention", 0.0)
    assert several.energy_pj == pytest.approx(T * one.energy_pj)
    assert several.latency_cycles == pytest.approx(T * one.latency_cycles)


@pytest.mark.parametrize("name", ACCELERATORS)
def test_more_pairs_never_cost_less_and_the_layers_cost_what_they_did(name):
    chip = load_accelerator(name)
    plain = cost(network(), chip)
    costs = [cost(network(product(density)), chip) for density in (0.0, 0.25, 0.5, 1.0)]
    energies = [each.layers[-1].energy_pj for each in costs]
    assert energies == sorted(energies)
    assert all(each.layers[0] == plain.layers[0] for each in costs)


@pytest.mark.parametrize("name", ACCELERATORS)
def test_neurons_behind_a_product_are_updated_every_timestep(name):
    chip = load_accelerator(name)
    neuron = Neuron(kind="lif", count=HEADS * ROWS * COLUMNS)
    with_neurons, without = (cost(network(product(neuron=each)), chip).layers[-1] for each in (neuron, None))
    states = [
        sum(action.count for action in each.actions if action.tensor == "state")
        for each in (with_neurons, without)
    ]
    assert states[0] > states[1] if name != "loihi_like" else states[0] > 0


def test_a_product_is_a_layer_whose_weights_are_its_right_operand():
    layer = layer_of(product(0.5))
    assert layer.weight_count == HEADS * INNER * COLUMNS
    assert layer.dense_synops * T == product(0.5).dense
    assert layer.effectual_synops_mean * T == product(0.5).effectual_mean


def test_a_grid_over_weights_refuses_products_by_name():
    with pytest.raises(ConfigError, match="attention"):
        cost_grid([network(product())], load_accelerator("eyeriss_like"))


@pytest.mark.parametrize("name", ACCELERATORS)
def test_biases_are_stored_and_read(name):
    chip = load_accelerator(name)
    layer = workloads.layer("fc", channels=(16, 10), size=1, kernel=1, timesteps=T)
    plain = cost(network(layers=(layer,)), chip).layers[0]
    biased = cost(network(layers=(layer.model_copy(update={"bias_bits": 32}),)), chip).layers[0]
    assert biased.stored_bits - plain.stored_bits == 10 * 32
    if name == "eyeriss_like":
        (read,) = [action for action in biased.actions if action.tensor == "biases"]
        assert read.bits == 10 * 32
        assert biased.energy_pj == pytest.approx(plain.energy_pj + read.energy_pj)


@pytest.mark.parametrize("name", ACCELERATORS)
def test_weights_of_another_layer_are_stored_once_and_read_twice(name):
    chip = load_accelerator(name)
    first = workloads.layer("fc", channels=(16, 16), size=1, kernel=1, timesteps=T)
    second = first.model_copy(update={"name": "fc#2", "shares": "fc"})
    owner, borrower = cost(network(layers=(first, second)), chip).layers
    assert borrower.stored_bits == 0 < owner.stored_bits
    assert borrower.energy_pj == pytest.approx(owner.energy_pj)


@pytest.mark.parametrize("name", ACCELERATORS)
def test_only_the_rows_that_are_looked_up_are_computed(name):
    chip = load_accelerator(name)
    mask = Mask.of(np.ones((8, 100, 1, 1), bool))
    table = workloads.layer("table", channels=(100, 8), size=1, kernel=1, timesteps=T, neuron=None)
    counts = {"effectual_synops": 8.0 * T, "reached_synops": 8.0 * T, "touched_updates": 8.0 * T}
    fields = {
        f"{count}_{statistic}": value for count, value in counts.items() for statistic in ("mean", "max")
    }
    fields |= {"weight_mask": mask, "input": tensor((100, 1, 1), float(T)), "reaching": None}
    dense = table.model_copy(update=fields)
    looked_up = dense.model_copy(update={"kind": "embedding"})
    energies = [cost(network(layers=(each,)), chip).layers[0].energy_pj for each in (looked_up, dense)]
    assert energies[0] <= energies[1]
    if name == "microcontroller":  # which computes every product of a dense layer
        assert energies[0] < energies[1]


@pytest.mark.parametrize("name", ACCELERATORS)
def test_neurons_that_no_layer_feeds_cost_their_updates_and_store_nothing(name):
    chip = load_accelerator(name)
    alone = workloads.layer(
        "spikes", channels=(16, 16), size=1, kernel=1, timesteps=T, groups=16, sparsity=0.0
    )
    alone = alone.model_copy(update={"kind": "neurons", "weight_bits": 1})
    (found,) = cost(network(layers=(alone,)), chip).layers
    assert found.stored_bits == 0
    assert found.energy_pj > 0
