"""Laws every accelerator keeps; a new YAML in `hardware/accelerators/` is tested by being there."""

import pytest

import workloads
from spareto import hardware
from spareto.core.errors import ConfigError
from spareto.core.units import Quantity
from spareto.hardware import engines, formats
from spareto.hardware.accelerators import parse_accelerator


@pytest.fixture(scope="module", params=hardware.accelerator_names())
def chip(request):
    return hardware.load_accelerator(request.param)


def quantities(value, place=""):
    if isinstance(value, Quantity):
        yield place, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from quantities(item, f"{place}[{index}]")
    elif hasattr(type(value), "model_fields"):
        for key in type(value).model_fields:
            yield from quantities(getattr(value, key), f"{place}.{key}")


def test_it_is_called_as_its_file(chip):
    assert chip.name in hardware.accelerator_names()


def test_every_number_names_a_source(chip):
    found = list(quantities(chip))
    assert len(found) > 5
    assert [place for place, quantity in found if len(quantity.source) < 5] == []


def test_it_says_what_it_is(chip):
    assert chip.kind in engines.registry.names()
    assert chip.peak_ops_per_cycle > 0
    assert chip.on_chip_bits >= 0
    assert chip.clock_mhz > 0
    assert chip.principle


def test_it_comes_back_from_its_own_data(chip):
    assert parse_accelerator(chip.to_dict()) == chip


def test_energy_adds_up_over_layers_components_and_actions(chip):
    cost = hardware.cost(workloads.network(), chip)
    assert cost.energy_pj > 0
    assert cost.energy_pj == pytest.approx(sum(layer.energy_pj for layer in cost.layers))
    assert cost.energy_pj == pytest.approx(sum(cost.energy_by_component().values()))
    assert {part for layer in cost.layers for part in layer.energy_by_component()} <= {
        part.name for part in chip.parts
    }


def test_a_layer_costs_the_same_alone(chip):
    together = hardware.cost(workloads.network(), chip)
    for layer, expected in zip(workloads.network().layers, together.layers, strict=True):
        alone = hardware.cost(workloads.network(layer), chip)
        assert alone.layers == (expected,)


def test_all_formats_at_once_equal_one_by_one(chip):
    network = workloads.network()
    together = hardware.cost_all_formats(network, chip)
    assert [cost.weight_format for cost in together] == list(formats.registry.names())
    assert list(together) == [
        hardware.cost(network, chip, weight_format=cost.weight_format) for cost in together
    ]


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_fewer_bits_never_take_more_energy_or_time(chip, sparsity):
    layers = [workloads.layer(bits=bits, sparsity=sparsity) for bits in (2, 4, 8, 16, 32)]
    networks = [workloads.network(layer) for layer in layers]
    in_all_formats = [hardware.cost_all_formats(network, chip) for network in networks]
    for costs in zip(*in_all_formats, strict=True):
        assert len({cost.weight_format for cost in costs}) == 1
        assert [cost.energy_pj for cost in costs] == sorted(cost.energy_pj for cost in costs)
        assert [cost.latency_cycles for cost in costs] == sorted(cost.latency_cycles for cost in costs)


def test_more_spikes_never_take_less_energy_or_time(chip):
    costs = [
        hardware.cost(workloads.network(workloads.layer(rate=rate)), chip) for rate in (0.0, 0.05, 0.3, 1.0)
    ]
    assert [cost.energy_pj for cost in costs] == sorted(cost.energy_pj for cost in costs)
    assert [cost.latency_cycles for cost in costs] == sorted(cost.latency_cycles for cost in costs)


def test_maximum_activity_costs_no_less_than_mean(chip):
    network = workloads.network()
    assert hardware.cost(network, chip, statistic="max").energy_pj >= hardware.cost(network, chip).energy_pj


def test_the_mapping_covers_every_layer(chip):
    for layer in (
        *workloads.network().layers,
        workloads.layer(channels=(8, 8), groups=8),
        workloads.layer(stride=2),
    ):
        assert hardware.cost(workloads.network(layer), chip).latency_cycles > 0


def test_the_best_format_of_each_layer_is_the_cheapest_there_is(chip):
    network = workloads.network()
    costs = hardware.cost_all_formats(network, chip)
    best = hardware.cost(network, chip, weight_format="best")
    assert best.weight_format == "best"
    for place, layer in enumerate(best.layers):
        choices = {cost.weight_format: cost.layers[place] for cost in costs}
        assert layer == choices[layer.weight_format]
        assert layer.energy_pj == min(choice.energy_pj for choice in choices.values())
    assert best.energy_pj <= min(cost.energy_pj for cost in costs)


def test_every_spike_format_is_costed_and_none_beats_the_best(chip):
    network = workloads.network()
    best = hardware.cost(network, chip, spike_format="best")
    for name in formats.registry.names():
        cost = hardware.cost(network, chip, spike_format=name)
        assert cost.spike_format == name
        assert cost.energy_pj >= best.energy_pj


@pytest.mark.parametrize(
    "options", [{"rate": 0.0}, {"sparsity": 1.0}, {"rate": 0.0, "sparsity": 1.0}, {"neuron": None}]
)
def test_silent_empty_and_neuronless_layers_cost_finite_amounts(chip, options):
    for cost in hardware.cost_all_formats(workloads.network(workloads.layer(**options)), chip):
        assert 0 <= cost.energy_pj < float("inf")
        assert 0 <= cost.latency_cycles < float("inf")


def test_unknown_neurons_are_refused_on_every_kind(chip):
    with pytest.raises(ConfigError, match="layer 'conv': got neuron 'izhikevich'"):
        hardware.cost(workloads.network(workloads.layer(neuron="izhikevich")), chip)


def test_moved_bits_are_named_for_memories_alone(chip):
    for layer in hardware.cost(workloads.network(), chip).layers:
        for action in layer.actions:
            assert (action.bits > 0) == (action.action in ("read", "write"))


def test_a_convolution_along_a_row_costs_what_the_same_plane_costs(chip):
    row = workloads.row()
    plane = row.model_copy(update={"kind": "conv2d"})
    one, other = (hardware.cost(workloads.network(layer), chip) for layer in (row, plane))
    assert one == other
    assert one.energy_pj > 0
