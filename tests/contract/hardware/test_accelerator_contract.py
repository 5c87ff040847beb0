"""Every accelerator keeps the laws; a new YAML in `hardware/accelerators/` is tested here unasked."""

import pytest

import workloads
from spareto import hardware
from spareto.core.errors import ConfigError
from spareto.hardware import engines
from spareto.hardware.accelerators import described, parse_accelerator
from spareto.testing import accelerators as laws

NETWORK = workloads.network()


@pytest.fixture(scope="module", params=hardware.accelerator_names())
def chip(request):
    return hardware.load_accelerator(request.param)


def networks(layers):
    return [workloads.network(layer) for layer in layers]


def test_it_is_called_as_its_file_and_says_what_it_is(chip):
    assert chip.name in hardware.accelerator_names()
    assert chip.kind in engines.registry.names()
    assert chip.peak_ops_per_cycle > 0
    assert chip.memory_bits >= 0
    assert chip.clock_mhz > 0
    assert chip.principle


def test_every_number_names_a_source(chip):
    laws.check_sources(chip)


def numbers(data, place=""):
    """Every number of a file that is not the `value` of a quantity or an argument of an estimate."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key not in ("value", "version", "estimate"):
                yield from numbers(value, f"{place}.{key}")
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from numbers(item, f"{place}[{index}]")
    elif isinstance(data, int | float) and not isinstance(data, bool):
        yield place


@pytest.mark.parametrize("name", hardware.accelerator_names())
def test_no_number_of_a_file_stands_without_unit_and_source(name):
    assert list(numbers(described(name))) == []


def test_it_comes_back_from_its_own_data(chip):
    laws.check_round_trip(chip)


def test_energy_adds_up_over_layers_components_and_actions(chip):
    laws.check_energy_adds_up(chip, NETWORK)
    assert hardware.cost(NETWORK, chip).energy_pj > 0


def test_a_layer_costs_the_same_alone(chip):
    laws.check_layers_alone(chip, NETWORK)


def test_all_formats_at_once_equal_one_by_one_and_the_best_is_the_least(chip):
    laws.check_formats(chip, NETWORK)


def test_every_spike_format_is_costed_and_none_beats_the_best(chip):
    laws.check_spike_formats(chip, NETWORK)


def test_moved_bits_are_named_for_memories_alone(chip):
    laws.check_traffic(chip, NETWORK)


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9])
def test_fewer_bits_never_take_more_energy_or_time(chip, sparsity):
    widths = (2, 4, 8, 16, 32)
    laws.check_never_less(chip, networks(workloads.layer(bits=bits, sparsity=sparsity) for bits in widths))


def test_more_spikes_never_take_less_energy_or_time(chip):
    laws.check_never_less(chip, networks(workloads.layer(rate=rate) for rate in (0.0, 0.05, 0.3, 1.0)))


def test_maximum_activity_costs_no_less_than_mean(chip):
    assert hardware.cost(NETWORK, chip, statistic="max").energy_pj >= hardware.cost(NETWORK, chip).energy_pj


def test_the_mapping_covers_every_layer(chip):
    odd = (workloads.layer(channels=(8, 8), groups=8), workloads.layer(stride=2))
    for network in networks((*NETWORK.layers, *odd)):
        assert hardware.cost(network, chip).latency_cycles > 0


@pytest.mark.parametrize(
    "options", [{"rate": 0.0}, {"sparsity": 1.0}, {"rate": 0.0, "sparsity": 1.0}, {"neuron": None}]
)
def test_silent_empty_and_neuronless_layers_cost_finite_amounts(chip, options):
    for cost in hardware.cost_all_formats(workloads.network(workloads.layer(**options)), chip):
        assert 0 <= cost.energy_pj < float("inf")
        assert 0 <= cost.latency_cycles < float("inf")


def test_a_convolution_along_a_row_costs_what_the_same_plane_costs(chip):
    row = workloads.row()
    one, other = (
        hardware.cost(network, chip) for network in networks((row, row.model_copy(update={"kind": "conv2d"})))
    )
    assert one == other
    assert one.energy_pj > 0


def test_unknown_neurons_are_refused_on_every_kind(chip):
    with pytest.raises(ConfigError, match="layer 'conv': got neuron 'izhikevich'"):
        hardware.cost(workloads.network(workloads.layer(neuron="izhikevich")), chip)


@pytest.mark.parametrize("name", hardware.accelerator_names())
def test_parts_of_one_name_and_a_clock_that_is_missing_are_refused(name):
    data = hardware.load_accelerator(name).to_dict()
    first, *others = data["components"]
    for place, part in enumerate(others, start=1):
        twice = [*data["components"]]
        twice[place] = part | {"name": first["name"]}
        with pytest.raises(ConfigError, match=f"components: got two called '{first['name']}'; expected"):
            parse_accelerator(data | {"components": twice})
    if data["kind"] != "array" and {"supply", "processor", "fabric", "arrays"} & {
        part["kind"] for part in data["components"]
    }:
        with pytest.raises(ConfigError, match=r"accelerator\.clock: got nothing; expected a clock"):
            parse_accelerator({key: value for key, value in data.items() if key != "clock"})
