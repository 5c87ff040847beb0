"""Cycles follow the units used; mappings cover their layer and spread no further than the array."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workloads
from spareto import hardware
from spareto.core.errors import CapacityError, ConfigError
from spareto.hardware.accelerators import parse_accelerator
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import LoopProblem
from spareto.hardware.mapping.checks import array_limits, overspread
from spareto.hardware.mapping.fixed import fixed_nest

CHIP = hardware.load_accelerator("eyeriss_like")
LAYER = workloads.layer(channels=(16, 32), size=16, rate=0.5, neuron=None)
NETWORK = workloads.network(LAYER)


def with_part(name, **changes):
    data = CHIP.to_dict()
    for part in data["components"]:
        if part["name"] == name:
            for key, value in changes.items():
                part[key] = None if value is None else part[key] | {"value": value}
        if part["kind"] == "memory":
            part["read_bandwidth"] = part["write_bandwidth"] = None
    return parse_accelerator(data)


def units(chip):
    return int(np.prod([int(x.bound[0]) for x in fixed_nest(LAYER, chip).loops if x.kind == "spatial"]))


@pytest.mark.parametrize("part", ["mac", "psum_spad", "weights_spad", "ifmap_spad"])
@pytest.mark.parametrize("instances", [168, 100, 84, 42, 14, 2, 1])
def test_cycles_follow_the_units_there_are(part, instances):
    chip = with_part(part, instances=instances)
    cost = hardware.cost(NETWORK, chip)
    issued = sum(a.count for a in cost.layers[0].actions if a.action == "accumulate")
    assert units(chip) <= instances
    assert cost.latency_cycles == np.ceil(issued / units(chip) - 1e-9)
    assert not list(overspread(fixed_nest(LAYER, chip), array_limits(chip), "here"))


@pytest.mark.parametrize("mapper", ["fixed", "search"])
def test_one_unit_does_everything_by_itself(mapper):
    chip = with_part("mac", instances=1)
    found = hardware.find_mappings(NETWORK, chip, objective="latency") if mapper == "search" else {}
    mappings = {name: best.nest for name, best in found.items()}
    cost = hardware.cost(NETWORK, chip, mappings=mappings)
    issued = sum(a.count for a in cost.layers[0].actions if a.action == "accumulate")
    assert cost.latency_cycles == np.ceil(issued)


@settings(max_examples=20)
@given(instances=st.integers(1, 200), part=st.sampled_from(["mac", "pe_column", "psum_spad", "shared_glb"]))
def test_a_search_spreads_no_further_than_the_array(instances, part):
    chip = with_part(part, instances=instances)
    layer = workloads.layer(channels=(4, 8), size=4, neuron=None)
    found = hardware.find_mappings(workloads.network(layer), chip, objective="latency")["conv"]
    assert not list(overspread(found.nest, array_limits(chip), "here"))
    assert found.latency_cycles <= hardware.cost(workloads.network(layer), chip).latency_cycles


@pytest.mark.parametrize("instances", [0, -1, 0.5, 1.5, 1e30])
def test_units_are_counted_in_whole_numbers_above_zero(instances):
    with pytest.raises(ConfigError, match=r"mac|components\[6\]\.instances.*whole number.*greater than 0"):
        with_part("mac", instances=instances)


def nest_with(loop_at, bound):
    """The fixed mapping with one bound changed."""
    nest = fixed_nest(LAYER, CHIP)
    loops = [replace(x, bound=np.array([bound])) if i == loop_at else x for i, x in enumerate(nest.loops)]
    return Nest(nest.levels, tuple(loops))


@pytest.mark.parametrize("place", range(len(fixed_nest(LAYER, CHIP).loops)))
def test_a_mapping_that_leaves_work_out_is_refused(place):
    loop = fixed_nest(LAYER, CHIP).loops[place]
    size = LoopProblem.of(LAYER).dims[loop.dim]
    short = nest_with(place, 1)
    if int(short.totals()[loop.dim][0]) >= size:
        return
    with pytest.raises(
        ConfigError, match=rf"mapping of 'conv', {loop.dim}: got .*expected bounds that multiply"
    ):
        hardware.cost(NETWORK, CHIP, mappings={"conv": short})
    with pytest.raises(ConfigError, match=rf"mapping of 'conv', {loop.dim}: got"):
        hardware.cost_grid([NETWORK], CHIP, mappings={"conv": short})


def test_padding_is_said():
    nest = fixed_nest(LAYER, CHIP)
    assert not [
        n for n in hardware.cost(NETWORK, CHIP, mappings={"conv": nest}).layers[0].notes if "pads" in n
    ]
    place = next(i for i, loop in enumerate(nest.loops) if (loop.kind, loop.dim) == ("temporal", "T"))
    grown = int(nest.loops[place].bound[0]) + 1
    cost = hardware.cost(NETWORK, CHIP, mappings={"conv": nest_with(place, grown)})
    total = int(nest_with(place, grown).totals()["T"][0])
    assert f"the mapping pads T from 5 to {total}" in cost.layers[0].notes


def test_a_mapping_that_spreads_further_than_the_array_is_refused():
    nest = Nest(fixed_nest(LAYER, CHIP).levels, (
        Loop.of("dram", "temporal", "T", 5), Loop.of("dram", "temporal", "M", 2),
        Loop.of("dram", "temporal", "Q", 16), Loop.of("dram", "temporal", "P", 16),
        Loop.of("dram", "temporal", "R", 3), Loop.of("dram", "temporal", "S", 3),
        Loop.of("shared_glb", "spatial", "C", 16), Loop.of("pe_column", "spatial", "M", 16),
    ))  # fmt: skip
    with pytest.raises(ConfigError) as error:
        hardware.cost(NETWORK, CHIP, mappings={"conv": nest})
    assert str(error.value).splitlines() == [
        "mapping of 'conv', shared_glb: got 16 instances; expected at most 14.",
        "mapping of 'conv', pe_column: got 16 instances; expected at most 12.",
    ]


def test_a_mapping_whose_tiles_do_not_fit_is_refused():
    nest = fixed_nest(LAYER, CHIP)
    loops = (*nest.loops, Loop.of("psum_spad", "temporal", "N", 1000))
    with pytest.raises(CapacityError, match=r"mapping of 'conv' at eyeriss_like\.psum_spad: got \d+ bits;"):
        hardware.cost(NETWORK, CHIP, mappings={"conv": Nest(nest.levels, loops)})


def test_a_mapping_for_another_chip_and_a_loop_that_stands_twice_are_refused():
    nest = fixed_nest(LAYER, CHIP)
    with pytest.raises(ConfigError, match="got the levels dram; expected dram, shared_glb, pe_column"):
        hardware.cost(NETWORK, CHIP, mappings={"conv": Nest(("dram",), ())})
    twice = Nest(nest.levels, (nest.loops[0], *nest.loops))
    with pytest.raises(ConfigError, match="got two temporal loops over T at 'shared_glb'; expected each"):
        hardware.cost(NETWORK, CHIP, mappings={"conv": twice})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda flow: flow["order"][0]["dims"].append("M"), r"order\[0\]\.dims: got M twice; expected each"),
        (lambda flow: flow["order"].append(flow["order"][1]), "got two orders of 'shared_glb'; expected one"),
        (
            lambda flow: flow["fill"][0]["dims"].append("S"),
            "got the spatial loop over S at 'pe_column' twice",
        ),
        (
            lambda flow: flow["fill"].append(flow["fill"][3]),
            "got the temporal loop over M at 'psum_spad' twice",
        ),
    ],
)
def test_a_dataflow_that_runs_a_loop_twice_is_refused(change, told):
    data = CHIP.to_dict()
    change(data["dataflow"])
    with pytest.raises(ConfigError, match=told):
        parse_accelerator(data)


def test_a_fixed_mapping_says_that_more_units_may_be_slower_and_a_searched_one_does_not():
    fixed = hardware.cost(NETWORK, CHIP)
    assert "ran 1 of 1 layers; under it a larger array can be slower" in fixed.notes[0]
    assert "--mapper search" in fixed.notes[0]
    found = {name: best.nest for name, best in hardware.find_mappings(NETWORK, CHIP).items()}
    assert hardware.cost(NETWORK, CHIP, mappings=found).notes == ()


def test_a_larger_array_that_is_slower_is_not_so_under_a_search():
    """Sixteen rows in place of twelve: the greedy mapping leaves more of them idle."""
    slower = []
    layer = workloads.layer(channels=(16, 40), size=14, rate=0.5, neuron=None)
    network = workloads.network(layer)
    for columns in range(2, 15):
        chip = with_part("pe_column", instances=columns)
        fixed = hardware.cost(network, chip)
        found = hardware.find_mappings(network, chip, objective="latency")["conv"]
        assert found.latency_cycles <= fixed.latency_cycles
        slower.append(fixed.latency_cycles)
        used = [note for note in fixed.layers[0].notes if "units" in note]
        assert bool(used) == (
            np.prod([x.bound[0] for x in fixed_nest(layer, chip).loops if x.kind == "spatial"]) < 168
        )
    assert slower != sorted(slower, reverse=True)  # some larger array is slower than a smaller one
