"""The access counts of random mappings equal those of a loop-by-loop simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop_simulation import Simulation
from spareto.hardware.counting.accesses import count_accesses, register_loads, temporal_steps
from spareto.hardware.describing.nest import Loop, Nest, padded
from spareto.hardware.describing.problem import DIMS, LoopProblem

LEVELS = ("far", "near", "fan", "unit")
KEPT = st.fixed_dictionaries(
    {
        "far": st.just(("weights", "inputs", "outputs")),
        "near": st.sets(st.sampled_from(["weights", "inputs", "outputs"])).map(tuple),
        "unit": st.sets(st.sampled_from(["weights", "inputs", "outputs"])).map(tuple),
    }
)


@st.composite
def mappings(draw):
    """A nest of at most 200 iterations with loops in any order, and a problem that it covers."""
    loops, budget = [], 200
    for level in LEVELS:
        kinds = ("spatial",) if level == "fan" else ("temporal", "temporal", "temporal", "spatial")
        for kind in kinds:
            bound = draw(st.sampled_from([1, 2, 2, 3]))
            if bound <= budget:
                budget //= bound
                loops.append(Loop.of(level, kind, draw(st.sampled_from(DIMS)), bound))
    nest = Nest(LEVELS, tuple(loops))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    return LoopProblem({dim: int(total[0]) for dim, total in nest.totals().items()}, stride), nest


@settings(max_examples=150)
@given(mapping=mappings(), kept=KEPT)
def test_counts_equal_a_loop_by_loop_simulation(mapping, kept):
    problem, nest = mapping
    simulation = Simulation(problem, nest)
    accesses = count_accesses(problem, nest, kept)
    for (level, tensor), access in accesses.items():
        first = next(iter(simulation.instances(level)))
        holders = [name for name in LEVELS if tensor in kept.get(name, ())]
        inner = holders[holders.index(level) + 1 :]
        served = simulation.served(tensor, level, inner[0] if inner else None)
        fills = simulation.fills(tensor, level, first) if holders[0] != level else 0
        assert int(access.fills[0]) == fills
        if tensor == "outputs":
            distinct = simulation.distinct(tensor, level, first)
            assert int(access.distinct[0]) == distinct
            assert int(access.updates[0]) == served
            assert int(access.reads[0]) == served - distinct
        else:
            assert int(access.reads[0]) == served
        assert int(access.instances[0]) == len(list(simulation.instances(level)))


@settings(max_examples=60)
@given(mapping=mappings())
def test_many_mappings_at_once_equal_one_by_one(mapping):
    problem, nest = mapping
    rng = np.random.default_rng(0)
    bounds = [rng.integers(1, 4, 5) for _ in nest.loops]
    many = Nest(
        LEVELS,
        tuple(
            Loop.of(loop.level, loop.kind, loop.dim, b) for loop, b in zip(nest.loops, bounds, strict=True)
        ),
    )
    kept = {
        "far": ("weights", "inputs", "outputs"),
        "near": ("inputs", "outputs"),
        "unit": ("weights", "outputs"),
    }
    together = count_accesses(problem, many, kept)
    for i in range(5):
        single = Nest(
            LEVELS, tuple(Loop.of(loop.level, loop.kind, loop.dim, loop.bound[i]) for loop in many.loops)
        )
        for key, access in count_accesses(problem, single, kept).items():
            for name, value in vars(access).items():
                assert int(np.broadcast_to(vars(together[key])[name], 5)[i]) == int(value[0])


def test_golden_counts_of_alexnet_conv3():
    """Published counts of the Sparseloop study for its given mapping (wu2022)."""
    loops = [
        ("DRAM", "temporal", "M", 6), ("DRAM", "temporal", "C", 64), ("glb", "temporal", "N", 4),
        ("glb", "temporal", "P", 13), ("glb", "spatial", "Q", 13), ("column", "spatial", "M", 4),
        ("column", "spatial", "S", 3), ("w", "temporal", "R", 3), ("w", "temporal", "C", 4),
        ("o", "temporal", "M", 16),
    ]  # fmt: skip
    nest = Nest(("DRAM", "glb", "column", "i", "w", "o"), tuple(Loop.of(*loop) for loop in loops))
    problem = LoopProblem({"N": 4, "C": 256, "M": 384, "P": 13, "Q": 13, "R": 3, "S": 3})
    kept = {
        "DRAM": ("weights", "inputs", "outputs"), "glb": ("inputs", "outputs"),
        "i": ("inputs",), "w": ("weights",), "o": ("outputs",),
    }  # fmt: skip
    accesses = count_accesses(problem, nest, kept)
    counts = {key: {name: int(value[0]) for name, value in vars(a).items()} for key, a in accesses.items()}
    assert int(temporal_steps(nest)[0]) == 3_833_856
    assert padded(nest, problem.dims) == {}
    psums = counts["o", "outputs"]
    assert (psums["reads"], psums["fills"], psums["updates"]) == (3_828_864, 319_488, 3_833_856)
    assert psums["instances"] == 156
    assert counts["w", "weights"]["fills"] == 73_728
    assert counts["i", "inputs"]["fills"] == 92_160
    assert (counts["glb", "inputs"]["reads"], counts["glb", "inputs"]["fills"]) == (3_594_240, 1_382_400)
    glb = counts["glb", "outputs"]
    assert (glb["reads"], glb["updates"], glb["fills"]) == (16_353_792, 16_613_376, 259_584)
    assert counts["DRAM", "inputs"]["reads"] == 1_382_400
    assert counts["DRAM", "outputs"]["updates"] == 259_584


@pytest.mark.parametrize(("innermost", "loads"), [("M", 6), ("C", 18)])
def test_a_register_keeps_its_input_while_the_innermost_loop_is_over_outputs(innermost, loads):
    outer = "C" if innermost == "M" else "M"
    nest = Nest(("x",), (Loop.of("x", "temporal", outer, 6), Loop.of("x", "temporal", innermost, 3)))
    problem = LoopProblem({"C": 6 if outer == "C" else 3, "M": 6 if outer == "M" else 3})
    assert int(register_loads(problem, nest, "inputs")[0]) == loads
