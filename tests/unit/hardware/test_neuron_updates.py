"""Membrane state: which neurons are updated, what that takes, where the state is between timesteps."""

from itertools import product

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import workloads
from spareto import hardware
from spareto.formats import registry
from spareto.hardware.charging.design_points import layer_points
from spareto.hardware.charging.layer import charge
from spareto.hardware.describing.nest import Loop, Nest

CHIP = hardware.load_accelerator("eyeriss_like")


def chip_with(tmp_path, **changes):
    path = tmp_path / "changes.yaml"
    path.write_text(yaml.safe_dump({"components": {"neuron": changes}}))
    return hardware.load_accelerator("eyeriss_like", overrides=path)


def counts(layer, chip, statistic="mean"):
    cost = hardware.cost(workloads.network(layer), chip, statistic=statistic)
    return {
        (a.tensor, a.action): a for a in cost.layers[0].actions if a.component in ("neuron", "shared_glb")
    }


def test_a_neuron_that_fired_is_reset_where_that_costs_something(tmp_path):
    layer = workloads.layer()
    plain = counts(layer, CHIP)
    assert ("state", "reset") not in plain
    energy = {"value": 0.5, "unit": "pJ", "source": "test"}
    for statistic in ("mean", "max"):
        reset = counts(layer, chip_with(tmp_path, reset_energy=energy), statistic)["state", "reset"]
        assert reset.count == layer.output.nonzero(statistic)
        assert reset.energy_pj == pytest.approx(reset.count * 0.5 * 16 / 32)


def test_only_touched_neurons_are_updated_where_the_chip_can(tmp_path):
    layer = workloads.layer().model_copy(update={"touched_updates_mean": 123.0, "touched_updates_max": 200.0})
    chip = chip_with(tmp_path, updates="touched")
    for statistic, touched in (("mean", 123.0), ("max", 200.0)):
        found = counts(layer, chip, statistic)
        for action in ("leak", "integrate", "compare"):
            assert found["state", action].count == touched
        assert found["state", "read"].count == found["state", "write"].count == touched * 16 / 64


def spills(nest):
    """Times the state level, which holds the neurons of one tile, meets neurons it has just sent away."""
    outer = [loop for loop in nest.loops if loop.level == "dram"]
    held, now, left, moves = None, 0, {}, 0
    for digits in product(*(range(int(loop.bound[0])) for loop in outer)):
        at = {"T": 0, "M": 0, "P": 0, "Q": 0}
        for loop, digit in zip(outer, digits, strict=True):
            if loop.dim in at:
                at[loop.dim] = at[loop.dim] * int(loop.bound[0]) + digit
        tile = (at["M"], at["P"], at["Q"])
        if tile != held:
            moves += left.get(tile, -1) not in (-1, at["T"])  # back for a later timestep
            if held is not None:
                left[held] = now
            held = tile
        now = at["T"]
    return moves


@settings(max_examples=60)
@given(order=st.permutations(["T", "M", "P", "C"]), bounds=st.tuples(*[st.integers(1, 3)] * 4))
def test_the_state_spills_when_the_time_loop_is_cut_and_other_neurons_come_between(order, bounds):
    size = dict(zip(order, bounds, strict=True))
    assume(size["C"] == 1 or order.index("C") > order.index("T"))  # a neuron fires on its whole input
    nest = Nest(
        tuple(level.name for level in CHIP.levels),
        tuple(Loop.of("dram", "temporal", dim, size[dim]) for dim in order),
    )
    layer = workloads.layer(channels=(size["C"], size["M"]), size=8, kernel=1, timesteps=size["T"], bits=8)
    points = layer_points([layer], CHIP, {"none": registry.make("none")}, ("mean",))
    charged = charge(points, nest, CHIP)
    spilled = sum(
        float(flow.moved()[0, 0])
        for flow in charged.flows
        if (flow.memory, flow.tensor, flow.action) == ("dram", "state", "read")
    )
    share = spilled / (layer.neuron.count * 16)  # of all neurons
    assert share * size["M"] * size["P"] == pytest.approx(spills(nest))
