"""Designs in the manner of Timeloop's exercises, beside a walk that counts every access one at a time.

One-dimensional convolutions with and without output channels on one to three levels, spatial over outputs
and over inputs, bypass, and random designs: energies of every level and tensor, and cycles.
"""

from math import ceil, inf, prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from loop_simulation import Simulation
from spareto.hardware.counting.accesses import count_accesses
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import TENSORS, LoopProblem
from spareto.reproduction.timeloop.cases import CostCases, nest_of, run_case

ALL = list(TENSORS)
FAR = {
    "name": "far",
    "keeps": ALL,
    "word_bits": 8,
    "words_per_access": 4,
    "read_pJ": 2048.0,
    "write_pJ": 2000.0,
}
NEAR = {
    "name": "near",
    "keeps": ALL,
    "word_bits": 8,
    "words_per_access": 2,
    "read_pJ": 43.0,
    "write_pJ": 31.0,
}
REG = {"name": "reg", "keeps": ALL, "word_bits": 8, "read_pJ": 0.4, "write_pJ": 0.5}
SPREAD, MAC = {"name": "spread"}, {"name": "mac", "mac_pJ": 0.85}
DESIGNS = {
    "conv1d on one level": ([FAR, MAC], "far: P6 R3"),
    "conv1d on two levels": ([FAR, REG, MAC], "far: P6 | reg: R3"),
    "conv1d, outputs stationary": ([FAR, REG, MAC], "far: R3 | reg: P6"),
    "conv1d+oc, weights outside": ([FAR, REG, MAC], "far: M4 P6 | reg: R3"),
    "conv1d+oc, tiled": ([FAR, REG, MAC], "far: M2 P3 | reg: M2 P2 R3"),
    "conv1d+oc on three levels": ([FAR, NEAR, REG, MAC], "near: M4 P6 | reg: M2 R3"),
    "conv1d+oc, passing by": (
        [FAR, NEAR | {"keeps": ["inputs", "outputs"]}, REG | {"keeps": ["weights", "outputs"]}, MAC],
        "far: M2 | near: M2 P6 | reg: M2 R3",
    ),
    "spatial over outputs": ([FAR, SPREAD, NEAR, REG, MAC], "spread: /M4 | near: C4 M2 R3 | reg: P6"),
    "spatial over inputs": ([FAR, SPREAD, NEAR, REG, MAC], "spread: /C4 | near: C2 M4 R3 | reg: P6"),
    "spatial over both at two levels": (
        [FAR, SPREAD, NEAR, {"name": "inner"}, REG, MAC],
        "far: P2 | spread: /M3 | near: C2 R3 | inner: /C2 P2 | reg: M2 P2",
    ),
    "a narrow port": (
        [FAR, NEAR | {"read_words_per_cycle": 0.5, "write_words_per_cycle": 0.75}, REG, MAC],
        "far: M2 | near: M2 P6 R3 | reg: C2",
    ),
}  # fmt: skip


def loops_of(text):
    """`far: M2 | spread: /C4`: temporal loops, and spatial ones after the slash."""
    for part in text.split(" | "):
        level, _, loops = part.partition(": ")
        temporal, _, spatial = loops.partition("/")
        for kind, words in (("temporal", temporal), ("spatial", spatial)):
            for word in words.split():
                yield {"level": level, "kind": kind, "dim": word[0], "bound": int(word[1:])}


def cases_of(levels, loops, first_sums="free"):
    dims = {}
    for loop in loops:
        dims[loop["dim"]] = dims.get(loop["dim"], 1) * loop["bound"]
    case = {"layer": "l", "dims": dims, "loops_outermost_first": loops, "expected": {}}
    data = {"architecture": {"levels_outermost_first": levels}, "cases": [case], "halo_after_reuse": "kept"}
    return CostCases.parse(data | {"first_partial_sums": first_sums}, "cases")


def walked(cases):
    """Energy by level and tensor, and cycles, from accesses that were counted one by one."""
    levels, case = cases.architecture.levels_outermost_first, cases.cases[0]
    walk = Simulation(LoopProblem(case.dims), nest_of(cases.architecture, case))
    steps, energy = walk.steps(), {}
    busiest = float(steps)
    for level in levels:
        read = written = 0
        for tensor in level.keeps:
            holders = [each.name for each in levels if tensor in each.keeps]
            inside = holders[holders.index(level.name) + 1 :]
            served = walk.served(tensor, level.name, inside[0] if inside else None)
            instances = list(walk.instances(level.name))
            fills = 0 if holders[0] == level.name else walk.fills(tensor, level.name, instances[0])
            distinct = walk.distinct(tensor, level.name, instances[0]) if tensor == "outputs" else 0
            if tensor == "outputs":
                fills -= distinct if fills and cases.conventions.first_sums == "free" else 0
                reads, writes = served - distinct, (fills, served)
            else:
                reads, writes = served, (fills,)
            block = level.words_per_access
            pj = ceil(reads / block) * level.read_pJ + sum(ceil(w / block) for w in writes) * level.write_pJ
            energy[level.name, tensor] = pj * len(instances)
            read, written = read + reads, written + sum(writes)
        for demand, limit in ((read, level.read_words_per_cycle), (written, level.write_words_per_cycle)):
            busiest = max(busiest, demand / (limit or inf))
    units = prod(loop.bound for loop in case.loops_outermost_first if loop.kind == "spatial")
    energy["mac", "computes"] = steps * units * levels[-1].mac_pJ
    return energy, busiest


def check(cases):
    found = run_case(cases, cases.cases[0], sparse=False)
    energy, busiest = walked(cases)
    assert {key: float(pj[0]) for key, pj in found.energy_pj.items()} == pytest.approx(energy, rel=1e-12)
    least = ceil(busiest - 1e-9)  # the tool divides twice, so that a whole number may become one more
    assert least <= float(found.cycles[0]) <= least + (busiest > least - 1e-9)


@pytest.mark.parametrize("first_sums", ["free", "charged"])
@pytest.mark.parametrize("design", DESIGNS)
def test_designs_in_the_manner_of_the_exercises(design, first_sums):
    levels, text = DESIGNS[design]
    check(cases_of(levels, list(loops_of(text)), first_sums))


@st.composite
def designs(draw):
    """One to four memories with a place to spread below each, and loops of at most 300 iterations."""
    levels, loops, left = [], [], 300
    for place in range(draw(st.integers(1, 4))):
        keeps = ALL if place == 0 else draw(st.lists(st.sampled_from(ALL), unique=True))
        block, ports = draw(st.integers(1, 4)), draw(st.none() | st.sampled_from([0.25, 1, 2]))
        level = {"name": f"L{place}", "keeps": keeps}
        if keeps:
            level |= {"read_pJ": draw(st.floats(0.1, 9)), "write_pJ": draw(st.floats(0.1, 9))}
            level |= {"words_per_access": block, "read_words_per_cycle": ports}
        levels.append(level)
        for kind, most in (("temporal", 3), ("spatial", 2)):
            for dim in draw(st.lists(st.sampled_from("TNGMCPQRS"), unique=True, max_size=most)):
                bound = draw(st.integers(2, 4))
                if bound <= left:
                    left //= bound
                    loops.append({"level": f"L{place}", "kind": kind, "dim": dim, "bound": bound})
    return cases_of([*levels, MAC], loops, draw(st.sampled_from(["free", "charged"])))


def test_a_whole_number_of_cycles_becomes_one_more_as_in_the_tool():
    """236 words at a quarter of a word a cycle: 48 / (0.25 / (236 / 48)) is a little more than 944."""
    levels = [
        {"name": "L0", "keeps": ALL, "read_pJ": 1, "write_pJ": 1, "read_words_per_cycle": 0.25},
        {"name": "L1"},
        MAC,
    ]
    loops = [("L0", "temporal", "R", 3), ("L0", "temporal", "T", 2), ("L0", "temporal", "N", 2)]
    loops += [("L0", "spatial", "C", 2), ("L1", "temporal", "C", 4)]
    keys = ("level", "kind", "dim", "bound")
    cases = cases_of(levels, [dict(zip(keys, loop, strict=True)) for loop in loops], "free")
    assert float(run_case(cases, cases.cases[0], sparse=False).cycles[0]) == 945
    check(cases)


@settings(max_examples=60, deadline=None)
@given(cases=designs())
def test_random_designs(cases):
    check(cases)


def boxes(loops, stride):
    """Inputs brought into `near` along one axis, where a tile is a block of rows without gaps."""
    inner = {dim: prod(b for level, d, b in loops if level == "near" and d == dim) for dim in "PR"}
    outer = [(d, b) for level, d, b in loops if level == "far"]
    steps = [inner[d] * prod(b for e, b in outer[i + 1 :] if e == d) for i, (d, _) in enumerate(outer)]
    moving = [i for i, (_, b) in enumerate(outer) if b > 1]
    total, held, before = 0, set(), None
    for counters in np.ndindex(*(b for _, b in outer)):
        at = {
            dim: sum(c * s for (d, _), c, s in zip(outer, counters, steps, strict=True) if d == dim)
            for dim in "PR"
        }
        first = at["P"] * stride + at["R"]
        tile = set(range(first, first + (inner["P"] - 1) * stride + inner["R"]))
        if before is not None and next(i for i in moving if counters[i] != before[i]) < moving[-1]:
            held = set()
        total, held, before = total + len(tile - held), tile, counters
    return total


@settings(max_examples=150, deadline=None)
@given(
    bounds=st.lists(
        st.tuples(st.sampled_from(["far", "near"]), st.sampled_from("PR"), st.integers(1, 4)), max_size=6
    ),
    stride=st.integers(1, 4),
)
def test_rows_that_a_long_stride_passes_over_come_with_their_block(bounds, stride):
    loops = sorted(bounds, key=lambda each: each[0] != "far")
    assume(prod(b for _, _, b in loops) <= 300)
    nest = Nest(("far", "near"), tuple(Loop.of(level, "temporal", dim, b) for level, dim, b in loops))
    kept = {"far": ("inputs",), "near": ("inputs",)}
    found = count_accesses(LoopProblem({}, (stride, 1), gaps="fetched"), nest, kept)["near", "inputs"]
    assert int(found.fills[0]) == boxes(loops, stride)
