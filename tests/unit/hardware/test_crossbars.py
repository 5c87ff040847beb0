"""Crossbars: counts against a run of every round, closed forms, budgets, and what is refused."""

from math import ceil, prod

import pytest
import torch
from torch import nn

import crossbar_simulation
import spareto
import workloads
from spareto import hardware
from spareto.core.errors import CapacityError, ConfigError
from spareto.hardware.accelerators import described, parse_accelerator
from spareto.hardware.counting.crossbars import crossbars, crossbars_of, use_of
from spareto.hardware.describing.estimates import overridden
from spareto.records import Epitome, EpitomeStep

CHIP = hardware.load_accelerator("isaac_like")


def changed(**parts):
    """The chip with other numbers: `crossbars={"rows": 8}`."""
    told = {"crossbars": ("instances", "instances"), "row_drivers": ("bits", "bits")}
    data = described("isaac_like")
    for name, numbers in parts.items():
        units = {"cell_bits": "bits", "resolution": "bits", "read_energy": "pJ"}
        given = {
            key: {"value": value, "unit": units.get(key, told[name][0]), "source": "the setting under test"}
            if isinstance(value, int | float) and not isinstance(value, bool)
            else value
            for key, value in numbers.items()
        }
        data = overridden(data, {"components": {name: given}}, "accelerator")
    return parse_accelerator(data)


SMALL = changed(crossbars={"rows": 16, "columns": 12, "cell_bits": 3})


def measured(groups=1, padding=1, stride=1, bits=8, step=None):
    """A convolution that was profiled on one sample, its numbers, and the frames."""
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 10 if groups == 1 else 12, 3, padding=padding, stride=stride, groups=groups)
    recipe = spareto.Recipe(steps=() if step is None else (step,))
    network = spareto.compress(nn.Sequential(layer), recipe)
    frames = (torch.rand(1, 6, 6, 6) < 0.3).float()
    workload = spareto.profile(network, frames, layout="static", weight_bits=bits).workload
    return workload, network[0], frames.numpy()


STEPS = {
    "wrapped": EpitomeStep(rows=27, columns=4),
    "apart": EpitomeStep(rows=27, columns=4, wrap=False),
    "sliding": EpitomeStep(rows=48, columns=6, margin=1, output_share=0.5),
}


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("step", [None, *STEPS.values()], ids=["plain", *STEPS])
@pytest.mark.parametrize("options", [{}, {"polarity": "pairs"}, {"active_rows": 5}], ids=str)
def test_counts_are_those_of_a_run_round_by_round(step, groups, options):
    workload, layer, frames = measured(groups, step=step)
    chip = changed(crossbars={"rows": 16, "columns": 12, "cell_bits": 3, **options})
    (record,) = workload.layers
    whole = Epitome.of(record.weight_mask.shape, record.weight_mask.shape, groups=groups)
    epitome = record.epitome or whole
    numbers = layer.parametrizations.weight.original if step else layer.weight
    run = crossbar_simulation.run(
        epitome, numbers.detach().numpy(), frames, arrays=chip.arrays, bits=8, padding=1
    )
    use = use_of(record, chip, "mean")
    assert use.conversions == run.conversions
    assert use.pulses == pytest.approx(run.pulses)
    assert use.cells == pytest.approx(run.cells)
    positions = record.timesteps * prod(record.plane)
    assert use.sums == run.sums
    if step:
        assert epitome.rounds == run.rounds
        assert use.input_bits == positions * sum(
            epitome.inputs_of(q) * 9 for p in epitome.computed for q in range(len(epitome.starts[p]))
        )


def test_wrapping_divides_what_rounds_take():
    plans = {name: measured(step=STEPS[name])[0] for name in ("wrapped", "apart")}
    wrapped, apart = (use_of(plans[name].layers[0], SMALL, "mean") for name in plans)
    assert apart.conversions == wrapped.conversions / 4 * 10  # of ten columns, four are computed
    assert apart.cycles == 3 * wrapped.cycles
    assert apart.pulses == pytest.approx(3 * wrapped.pulses)
    costs = {name: hardware.cost(plans[name], SMALL) for name in plans}
    assert costs["apart"].energy_pj > costs["wrapped"].energy_pj
    assert costs["apart"].layers[0].cores == costs["wrapped"].layers[0].cores


def test_a_whole_epitome_costs_what_the_plain_layer_costs():
    network = workloads.network(workloads.layer(channels=(8, 16)))
    (layer,) = network.layers
    whole = Epitome.of(layer.weight_mask.shape, layer.weight_mask.shape)
    same = network.model_copy(update={"layers": (layer.model_copy(update={"epitome": whole}),)})
    assert hardware.cost(same, CHIP) == hardware.cost(network, CHIP)


def test_only_epitomes_pay_for_address_tables():
    plain, made = (hardware.cost(measured(step=step)[0], CHIP) for step in (None, STEPS["wrapped"]))
    assert "address_tables" not in plain.energy_by_component()
    assert made.energy_by_component()["address_tables"] > 0
    (record,) = measured(step=STEPS["wrapped"])[0].layers
    use, rounds = use_of(record, CHIP, "mean"), record.epitome.rounds
    bits = rounds * (8 + 2 * 5 + 9) + 2 * 9  # 216 inputs, 27 rows, 360 outputs; two copies
    assert (use.table_bits, use.table_reads) == (bits, 36 * bits)


@pytest.mark.parametrize(
    ("rows", "outputs", "bits", "groups", "expected"),
    [
        (16, 3, 8, 1, 1),
        (17, 3, 8, 1, 2),
        (16, 5, 8, 1, 2),
        (33, 9, 8, 1, 9),
        (4, 1, 8, 4, 1),
        (4, 1, 9, 5, 2),
    ],
)
def test_arrays_of_a_weight(rows, outputs, bits, groups, expected):
    assert crossbars(rows, outputs, bits, SMALL.arrays, groups) == expected


def test_energy_of_one_dense_layer_in_closed_form():
    """128 inputs of 8 bits, 32 outputs of 8 bits: one array, eight pulses, every input there."""
    layer = workloads.layer("fc", channels=(128, 32), size=1, kernel=1, sparsity=0, rate=1, timesteps=1,
                            analog=True, neuron=None)  # fmt: skip
    cost = hardware.cost(workloads.network(layer), CHIP)
    energy = {(a.component, a.action): a for a in cost.layers[0].actions}
    assert cost.layers[0].cores == 1
    assert energy["row_drivers", "drive"].count == 128 * 8
    assert energy["crossbars", "conduct"].count == 128 * 8 * 32 * 4
    assert energy["converters", "convert"].count == 32 * 4 * 8
    assert energy["converters", "convert"].energy_pj == pytest.approx(1024 * 1.66667)
    assert energy["edram", "read"].bits == 128 * 8
    assert cost.latency_cycles == 8 * 100


def test_a_product_takes_what_is_published_for_such_crossbars():
    """A 3 x 3 convolution of 256 channels at 16 bits: every cell of its 288 arrays is used.

    Aguirre et al., Nature Communications 15:1974 (2024), table 3, peak at 16 bits on 128 x 128 arrays of
    2-bit cells with 8-bit converters: PUMA 0.42, ISAAC 0.63, Newton 0.92 TOPS/W, two operations a product.
    """
    options = {"size": 14, "bits": 16, "sparsity": 0, "rate": 1, "timesteps": 1, "analog": True}
    layer = workloads.layer(channels=(256, 256), **options, neuron=None)
    layer = layer.model_copy(update={"input": layer.input.model_copy(update={"bits": 16})})
    cost = hardware.cost(workloads.network(layer), CHIP)
    assert cost.layers[0].cores == 18 * 16
    each = cost.energy_pj / layer.dense_synops
    assert 2 / 0.92 < each < 2 / 0.42
    assert cost.energy_by_component()["converters"] > 0.5 * cost.energy_pj


def test_a_budget_of_arrays_is_kept_and_said():
    network = workloads.network()
    needed = sum(crossbars_of(layer, CHIP.arrays) for layer in network.layers)
    assert hardware.cost(network, changed(crossbars={"instances": needed})).energy_pj > 0
    with pytest.raises(CapacityError, match=rf"got {needed} crossbars .* \(over by 1\)"):
        hardware.cost(network, changed(crossbars={"instances": needed - 1}))


def test_area_is_that_of_the_arrays_in_use_or_of_all_there_are():
    network = workloads.network()
    cost = hardware.cost(network, CHIP)
    taken = sum(layer.cores for layer in cost.layers)
    one = 25 + 128 * 0.166016 + 1230
    assert cost.area_um2 == pytest.approx(taken * one + 83_000 + 127_500 + 2 * 4958, rel=1e-5)
    whole = hardware.cost(network, changed(crossbars={"instances": 200})).area_um2
    assert whole == pytest.approx(200 * one + ceil(200 / 96) * (83_000 + 127_500) + 2 * 4958, rel=1e-5)


def test_sums_that_the_converters_clip_are_told():
    assert CHIP.sum_bits(128) == 8  # 128 x 3 is 9 bits, one less with negated columns
    assert not any("clipped" in note for note in hardware.cost(workloads.network(), CHIP).notes)
    plain = changed(crossbars={"halved_sums": False})
    assert any("take up to 9 bits" in note for note in hardware.cost(workloads.network(), plain).notes)


def test_products_of_activations_write_their_cells_or_are_refused():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.project = nn.Linear(8, 8)

        def forward(self, x):
            return (self.project(x) @ x.transpose(-1, -2)).mean(-1)

    frames = torch.rand(4, 5, 8)
    workload = spareto.profile(Attention(), frames, layout="static").workload
    cost = hardware.cost(workload, CHIP)
    actions = {action.action for layer in cost.layers for action in layer.actions}
    assert "program" in actions
    data = described("isaac_like")
    del data["components"][0]["write_energy"]
    with pytest.raises(ConfigError, match="weights that change in every timestep"):
        hardware.cost(workload, parse_accelerator(data))


@pytest.mark.parametrize("lost", ["arrays", "dac", "adc", "buffer", "interconnect", "tables", "neuron"])
def test_a_description_without_a_part_is_refused(lost):
    data = described("isaac_like")
    data["components"] = [part for part in data["components"] if part["kind"] != lost]
    with pytest.raises(ConfigError, match=f"got 0 of kind '{lost}'; expected exactly one"):
        parse_accelerator(data)


def test_a_state_kept_nowhere_is_refused():
    with pytest.raises(ConfigError, match="expected the buffer, 'edram'"):
        parse_accelerator(
            overridden(described("isaac_like"), {"components": {"neurons": {"state_level": "x"}}}, "a")
        )
