"""Access counts that Timeloop 0.4 prints for two whole designs, and what its versions count differently.

Counts restated from the reference outputs of timeloop-accelergy-exercises (MIT): AlexNet-like first layer,
M 32, C 3, P Q 112, R S 3, stride 2, on an Eyeriss-like and on a Simba-like array.
"""

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spareto.hardware.counting.accesses import count_accesses, temporal_steps
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import LoopProblem
from spareto.reproduction.timeloop.accounting import StorageLevel, evaluate
from spareto.reproduction.timeloop.conventions import TOOLS, Conventions

LAYER = LoopProblem({"M": 32, "C": 3, "P": 112, "Q": 112, "R": 3, "S": 3}, (2, 2))
ALL = ("weights", "inputs", "outputs")


def nest(*levels):
    """Levels with their loops, outermost first: `("dram", "P8 Q2", "")` for temporal and spatial ones."""
    loops = [
        Loop.of(level, kind, text[0], int(text[1:]))
        for level, temporal, spatial in levels
        for kind, texts in (("temporal", temporal), ("spatial", spatial))
        for text in texts.split()
    ]
    return Nest(tuple(level for level, _, _ in levels), tuple(loops))


EYERISS = nest(
    ("dram", "P8 Q2 M4", ""), ("glb", "P14 Q4", ""), ("column", "", "Q14"), ("pe", "", "C3 S3"),
    ("ifmap", "", ""), ("weights", "R3", ""), ("psum", "M8", ""),
)  # fmt: skip
EYERISS_KEEPS = {
    "dram": ALL, "glb": ("inputs", "outputs"), "ifmap": ("inputs",), "weights": ("weights",),
    "psum": ("outputs",),
}  # fmt: skip
SIMBA = nest(
    ("dram", "Q28", ""), ("glb", "P4", ""), ("pe", "", "C3 M4"), ("input", "Q4", ""), ("lane", "", "M4"),
    ("weight", "R3 P4 S3", ""), ("sum", "M2 P7", ""), ("register", "", ""),
)  # fmt: skip
SIMBA_KEEPS = {
    "dram": ALL, "glb": ("inputs", "outputs"), "input": ("inputs",), "weight": ("weights",),
    "sum": ("outputs",), "register": ("weights",),
}  # fmt: skip

PRINTED = [  # reads, fills, updates of one instance
    (EYERISS, EYERISS_KEEPS, "psum", "outputs", (57344, 0, 86016)),
    (EYERISS, EYERISS_KEEPS, "weights", "weights", (86016, 1536, 0)),
    (EYERISS, EYERISS_KEEPS, "ifmap", "inputs", (86016, 10752, 0)),
    (EYERISS, EYERISS_KEEPS, "glb", "inputs", (1354752, 157296, 0)),
    (EYERISS, EYERISS_KEEPS, "glb", "outputs", (0, 0, 401408)),
    (EYERISS, EYERISS_KEEPS, "dram", "weights", (13824, 0, 0)),
    (EYERISS, EYERISS_KEEPS, "dram", "inputs", (157296, 0, 0)),
    (SIMBA, SIMBA_KEEPS, "register", "weights", (225792, 32256, 0)),
    (SIMBA, SIMBA_KEEPS, "sum", "outputs", (200704, 50176, 225792)),
    (SIMBA, SIMBA_KEEPS, "weight", "weights", (32256, 18, 0)),
    (SIMBA, SIMBA_KEEPS, "input", "inputs", (225792, 56700, 0)),
    (SIMBA, SIMBA_KEEPS, "glb", "inputs", (170100, 151875, 0)),
    (SIMBA, SIMBA_KEEPS, "glb", "outputs", (802816, 0, 1204224)),
    (SIMBA, SIMBA_KEEPS, "dram", "weights", (864, 0, 0)),
]


def run(loops, keeps, conventions):
    stores = tuple(StorageLevel(level, kept, read_pj=1.0, write_pj=1.0) for level, kept in keeps.items())
    return evaluate(LAYER, loops, stores, ("mac", 1.0), None, conventions)


@pytest.mark.parametrize(("loops", "keeps", "level", "tensor", "printed"), PRINTED)
def test_accesses_of_whole_designs(loops, keeps, level, tensor, printed):
    tally = run(loops, keeps, TOOLS["timeloop-0.4"]).tallies[level, tensor]
    fills, updates = tally.writes
    assert (tally.reads[0], fills[0], updates[0]) == printed


@pytest.mark.parametrize(("loops", "cycles", "instances"), [(EYERISS, 86016, 126), (SIMBA, 225792, 48)])
def test_cycles_and_instances_of_whole_designs(loops, cycles, instances):
    assert int(temporal_steps(loops)[0]) == cycles
    keeps = EYERISS_KEEPS if loops is EYERISS else SIMBA_KEEPS
    outcome = run(loops, keeps, TOOLS["timeloop-0.4"])
    assert outcome.cycles[0] == cycles
    innermost = "psum" if loops is EYERISS else "sum"
    assert outcome.tallies[innermost, "outputs"].instances[0] == instances


def test_the_switches_of_each_tool():
    assert TOOLS["sparseloop-micro2022"] == Conventions(first_sums="charged", halo="kept")
    assert TOOLS["timeloop-0.4"] == Conventions(first_sums="free", halo="dropped")


def test_the_first_fill_of_partial_sums_is_what_the_switch_moves():
    for loops, keeps in ((EYERISS, EYERISS_KEEPS), (SIMBA, SIMBA_KEEPS)):
        charged, free = (run(loops, keeps, Conventions(first_sums=way)) for way in ("charged", "free"))
        for key, tally in charged.tallies.items():
            distinct = count_accesses(LAYER, loops, keeps)[key].distinct[0]
            moved = distinct if key[1] == "outputs" and key[0] != "dram" else 0
            assert tally.writes[0][0] - free.tallies[key].writes[0][0] == moved
            assert tally.reads[0] == free.tallies[key].reads[0]


@st.composite
def nests(draw):
    loops = []
    for level in ("far", "near"):
        for _ in range(draw(st.integers(0, 4))):
            dim = draw(st.sampled_from("MCPQRS"))
            loops.append(Loop.of(level, "temporal", dim, draw(st.integers(1, 4))))
    return Nest(("far", "near"), tuple(loops))


def whole_tiles(loops, stride):
    """Inputs that enter `near`, tile by tile: halos are shared only between tiles one step apart."""
    outside = [loop for loop in loops.loops if loop.level == "far"]
    moving = [i for i, loop in enumerate(outside) if int(loop.bound[0]) > 1]
    relevant = [i for i in moving if outside[i].dim in "CPQRS"]
    slides = bool(relevant) and relevant[-1] == moving[-1]
    kept = count_accesses(LoopProblem({}, stride), loops, {"far": ("inputs",), "near": ("inputs",)})
    outer = moving[: moving.index(relevant[-1]) + 1] if relevant else []
    fetched = prod(int(outside[i].bound[0]) for i in outer)
    whole = int(kept["near", "inputs"].tile[0]) * fetched
    return int(kept["near", "inputs"].fills[0]) if slides else whole


@settings(max_examples=150)
@given(loops=nests(), stride=st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_a_dropped_halo_is_shared_only_with_the_tile_just_before(loops, stride):
    kept = {"far": ("inputs",), "near": ("inputs",)}
    kept_whole = count_accesses(LoopProblem({}, stride), loops, kept)
    dropped = count_accesses(LoopProblem({}, stride), loops, kept, halo="dropped")["near", "inputs"].fills[0]
    assert int(dropped) == whole_tiles(loops, stride)
    assert int(dropped) >= int(kept_whole["near", "inputs"].fills[0])
