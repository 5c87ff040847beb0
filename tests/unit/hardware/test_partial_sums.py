"""Partial sums in mode `physical`, against a walk that holds, drains and fetches them one at a time."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.formats import registry
from spareto.hardware.accelerators import parse_accelerator
from spareto.hardware.charging.design_points import layer_points
from spareto.hardware.charging.layer import charge
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import DIMS
from spareto.records import Layer, Mask, Tensor

LEVELS = ("far", "near", "unit")


def quantity(value, unit):
    return {"value": value, "unit": unit, "source": "test"}


def memory(name, keeps):
    return {
        "kind": "memory", "name": name, "keeps": keeps, "instances": quantity(1, "instances"),
        "width": quantity(16, "bits"), "read_energy": quantity(1, "pJ"), "write_energy": quantity(1, "pJ"),
    }  # fmt: skip


def chip(keeps_near, keeps_unit):
    energies = {
        key: quantity(1, "pJ")
        for key in ("adder_energy", "multiplier_energy", "float_adder_energy", "float_multiplier_energy")
    }
    return parse_accelerator(
        {
            "name": "small", "about": "for tests", "technology": quantity(45, "nm"),
            "components": [
                memory("far", ["weights", "inputs", "outputs"]),
                memory("near", keeps_near),
                memory("unit", keeps_unit),
                {
                    "kind": "compute", "name": "mac", "instances": quantity(1, "instances"), **energies,
                    "adder_width": quantity(32, "bits"), "multiplier_width": quantity(32, "bits"),
                    "gated_energy": quantity(0, "pJ"), "accumulator_width": quantity(16, "bits"),
                    "zero_inputs": "compute", "zero_weights": "compute",
                },
                {
                    "kind": "neuron", "name": "neuron", "lanes": quantity(1, "ops/cycle"),
                    "width": quantity(32, "bits"), "leak_energy": quantity(1, "pJ"),
                    "integrate_energy": quantity(1, "pJ"), "compare_energy": quantity(1, "pJ"),
                    "state_level": "far",
                },
            ],
            "dataflow": {
                "about": "any", "weights_sized_for": quantity(8, "bits"), "fill": [],
                "order": [{"level": "far", "dims": list(DIMS)}],
            },
        }
    )  # fmt: skip


def layer_of(size, stride):
    rows, columns = ((size[p] - 1) * s + size[r] for p, r, s in (("P", "R", stride), ("Q", "S", stride)))
    outputs = Tensor(
        shape=(size["M"], size["P"], size["Q"]), kind="spike", bits=1, nonzero_mean=0, nonzero_max=0
    )
    inputs = outputs.model_copy(update={"shape": (size["C"], rows, columns)})
    return Layer(
        name="l", kind="conv2d", in_channels=size["C"], out_channels=size["M"],
        kernel=(size["R"], size["S"]), stride=(stride, stride), timesteps=size["T"], weight_bits=8,
        weight_mask=Mask.of(np.ones((size["M"], size["C"], size["R"], size["S"]))),
        input=inputs, output=outputs, effectual_synops_mean=0, effectual_synops_max=0,
    )  # fmt: skip


class Holder:
    """A memory of partial sums: counts what it reads and writes."""

    def __init__(self):
        self.read = self.write = 0
        self.tile, self.drained, self.begun = frozenset(), set(), set()


def walk(nest, holders):
    """Every iteration; tiles change from the outside in, sums flow between neighbouring holders."""
    counted = {name: Holder() for name in holders}
    loops = nest.loops
    for digits in product(*(range(int(loop.bound[0])) for loop in loops)):
        _change(nest, digits, holders, counted)
        inner = counted[holders[-1]]
        element = _element(loops, digits)
        inner.read += element in inner.begun  # the first sum of an element starts from nothing
        inner.begun.add(element)
        inner.write += 1
    for outer, inner in pairwise(holders):
        counted[inner].read += len(counted[inner].tile)
        counted[outer].write += len(counted[inner].tile)
    return counted


def _change(nest, digits, holders, counted):
    for outer, inner in pairwise(holders):
        held, tile = counted[inner], _tile(nest, digits, inner)
        if tile == held.tile:
            continue
        held.read += len(held.tile)  # drained
        counted[outer].write += len(held.tile)
        held.drained |= held.tile
        again = tile & held.drained
        counted[outer].read += len(again)
        held.write += len(again)
        held.tile = tile


def _tile(nest, digits, level):
    first = next(
        (i for i, loop in enumerate(nest.loops) if LEVELS.index(loop.level) >= LEVELS.index(level)),
        len(nest.loops),
    )
    inside = [range(int(loop.bound[0])) for loop in nest.loops[first:]]
    return frozenset(_element(nest.loops, (*digits[:first], *rest)) for rest in product(*inside))


def _element(loops, digits):
    index = dict.fromkeys(DIMS, 0)
    for loop, digit in zip(loops, digits, strict=True):
        index[loop.dim] = index[loop.dim] * int(loop.bound[0]) + digit
    return tuple(index[dim] for dim in ("T", "M", "P", "Q"))


@st.composite
def nests(draw):
    loops, budget = [], 150
    for level in LEVELS:
        for _ in range(draw(st.integers(0, 3))):
            bound = draw(st.sampled_from([2, 3]))
            dim = draw(st.sampled_from(["T", "M", "C", "P", "Q", "R", "S"]))
            if bound <= budget:
                budget //= bound
                loops.append(Loop.of(level, "temporal", dim, bound))
    return Nest(LEVELS, tuple(loops))


@settings(max_examples=40, deadline=None)
@given(nest=nests(), keep=st.sampled_from([(True, True), (True, False), (False, True), (False, False)]))
@pytest.mark.parametrize("stride", [1, 2])
def test_partial_sums_are_neither_fetched_before_they_exist_nor_lost(nest, keep, stride):
    size = {dim: int(total[0]) for dim, total in nest.totals().items()}
    near, unit = ([*(["outputs"] if kept else []), "weights"] for kept in keep)
    accelerator = chip(near, unit)
    layer = layer_of(size, stride)
    points = layer_points([layer], accelerator, {"none": registry.make("none")}, ("mean",))
    charged = charge(points, nest, accelerator)
    holders = [name for name, kept in zip(LEVELS, (True, *keep), strict=True) if kept]
    counted = walk(nest, holders)
    emitted = layer.output.size * layer.timesteps
    for name in holders:
        moved = {"read": 0.0, "write": 0.0}
        for flow in charged.flows:
            if (flow.memory, flow.tensor) == (name, "outputs"):
                moved[flow.action] += float(flow.moved()[0, 0])
        assert moved["read"] == pytest.approx(16 * counted[name].read)
        written = counted[name].write
        if name == "far":  # finished sums leave as spikes, unless the units have added them up here
            written += emitted / 16 - (emitted if len(holders) > 1 else 0)
        assert moved["write"] == pytest.approx(16 * written)
