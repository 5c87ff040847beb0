"""Row-stationary mappings of AlexNet-shaped layers in closed form, dense and sparse, to the last access.

The counts of the test are written down for this one family of mappings from the published rules, with plain
integers: what a tile holds, what leaves it in place, what slides.
"""

from math import ceil, floor

import pytest

from spareto.reproduction.timeloop.cases import CostCases, run_case

LEVELS = [
    {"name": "DRAM", "keeps": ["weights", "inputs", "outputs"], "words_per_access": 4, "read_pJ": 512.0,
     "write_pJ": 512.0, "metadata_word_bits": 5, "metadata_read_pJ": 40.0, "metadata_write_pJ": 40.0},
    {"name": "GLB", "keeps": ["inputs", "outputs"], "words_per_access": 4, "read_pJ": 49.0, "write_pJ": 37.0,
     "read_words_per_cycle": 16, "write_words_per_cycle": 16},
    {"name": "column"},
    {"name": "I", "keeps": ["inputs"], "read_pJ": 0.2, "write_pJ": 0.3, "read_words_per_cycle": 2,
     "write_words_per_cycle": 2},
    {"name": "W", "keeps": ["weights"], "read_pJ": 0.7, "write_pJ": 1.1, "gated_read_pJ": 0.006},
    {"name": "O", "keeps": ["outputs"], "read_pJ": 0.25, "write_pJ": 0.26},
    {"name": "MAC", "mac_pJ": 2.2},
]  # fmt: skip
SPARSE = {
    "dram": "inputs and outputs in UOP+RLE (run length 5 bit)",
    "savings": [{"level": "W", "tensor": "weights", "kind": "gate", "on": ["inputs"]}],
}
# from outside in: (Q, M, C) in DRAM, (N, P / Q) in GLB, (/ M, S) in the column, (R, C) in W, M in O; stride
SHAPES = {
    "conv2, five wide, three tiles of columns": ((3, 2, 12), (4, 27, 9), (2, 5), (5, 4), 64, 1),
    "conv4": ((1, 6, 48), (4, 13, 13), (4, 3), (3, 4), 16, 1),
    "conv5": ((1, 4, 64), (4, 13, 13), (4, 3), (3, 3), 16, 1),
    "a stride of two": ((2, 3, 5), (2, 7, 6), (2, 3), (3, 2), 8, 2),
    "a stride of four over three rows": ((2, 3, 5), (2, 7, 6), (2, 3), (3, 2), 8, 4),
}
DENSITY = {"inputs": 0.31, "weights": 0.4, "outputs": 0.27}


def case_of(shape):
    (q1, m1, c1), (n, p, q), (m2, s), (r, c2), m3, stride = shape
    loops = [
        ("DRAM", "temporal", "Q", q1), ("DRAM", "temporal", "M", m1), ("DRAM", "temporal", "C", c1),
        ("GLB", "temporal", "N", n), ("GLB", "temporal", "P", p), ("GLB", "spatial", "Q", q),
        ("column", "spatial", "M", m2), ("column", "spatial", "S", s), ("W", "temporal", "R", r),
        ("W", "temporal", "C", c2), ("O", "temporal", "M", m3),
    ]  # fmt: skip
    named = [dict(zip(("level", "kind", "dim", "bound"), loop, strict=True)) for loop in loops]
    dims = {"N": n, "C": c1 * c2, "M": m1 * m2 * m3, "P": p, "Q": q1 * q, "R": r, "S": s}
    case = {
        "layer": "l",
        "dims": dims,
        "stride": [stride, stride],
        "density": DENSITY,
        "loops_outermost_first": [loop for loop in named if loop["bound"] > 1],
        "expected": {},
    }
    data = {"architecture": {"levels_outermost_first": LEVELS}, "sparse_run": SPARSE, "cases": [case]}
    return CostCases.parse(data, "cases")


def span(outputs, kernel, stride):
    """Input rows under some outputs, with those that a long stride passes over."""
    return kernel + (outputs - 1) * stride


def slid(outputs, kernel, stride):
    """The same, one output after the other: of a kernel that is shorter than the stride nothing is shared."""
    return kernel + (outputs - 1) * min(stride, kernel)


def kept(count, share):
    return count - floor(count * (1 - share))


def counts(shape):
    """Accesses of one instance, and instances."""
    (q1, m1, c1), (n, p, q), (m2, s), (r, c2), m3, stride = shape
    steps, units = q1 * m1 * c1 * n * p * r * c2 * m3, q * m2 * s
    psums = m3 * p * n * c1 * m1 * q1  # a tile of M stays while R and C run
    rows = c2 * slid(p, r, stride) * n * c1 * m1 * q1  # slides down P
    blocks = n * c2 * span(p, r, stride) * span(q, s, stride) * c1 * m1 * q1
    results = n * p * q * m2 * m3 * m1 * q1  # stays while C runs
    weights = r * c2 * m3 * c1 * m1 * q1
    return {
        "steps": steps, "units": units, "psums": psums, "rows": rows, "blocks": blocks, "results": results,
        "weights": weights, "own": n * p * m3 * m1 * q1,
        "glb_in": rows * q * s, "glb_out": psums * q * m2,
        "input": n * c1 * c2 * span(p, r, stride) * span(q1 * q, s, stride),
        "in_tiles": (c1 * q1, n * c2 * span(p, r, stride) * span(q, s, stride)),
        "out_tiles": (m1 * q1, n * p * q * m2 * m3), "spread": m2 * s,
    }  # fmt: skip


def metadata(accesses, size, tiles, density):
    """Words of run lengths, and of offsets of rows: A / N F L d and A / N (F + 1)."""
    count, tile = tiles
    return ceil(accesses / size * count * tile * density) + ceil(accesses / size * (count + 1))


def expected(shape, sparse):
    """Energy by component in picojoules."""
    x = counts(shape)
    d_in, d_out = (DENSITY["inputs"], DENSITY["outputs"]) if sparse else (1.0, 1.0)
    reads = x["steps"]
    real = kept(reads, d_in)
    blocks, results = kept(x["blocks"], d_in), kept(x["results"], d_out)
    dram = (ceil(blocks / 4) + ceil(x["weights"] * x["spread"] / 4) + ceil(results / 4)) * 512.0
    if sparse:
        dram += 40.0 * metadata(x["blocks"], x["input"], x["in_tiles"], d_in)
        dram += 40.0 * metadata(x["results"], x["results"], x["out_tiles"], d_out)
    glb = ceil(x["glb_in"] / 4) * 49.0 + ceil(x["blocks"] / 4) * 37.0
    glb += ceil((x["glb_out"] - x["results"]) / 4) * 49.0
    glb += (ceil(x["glb_out"] / 4) + ceil(x["results"] / 4)) * 37.0
    units = x["units"]
    return {
        "DRAM": dram,
        "GLB": glb,
        "I": units * (reads * 0.2 + x["rows"] * 0.3),
        "W": units * (real * 0.7 + (reads - real) * 0.006 + x["weights"] * 1.1),
        "O": units * ((reads - x["own"]) * 0.25 + (reads + x["psums"]) * 0.26),
        "MAC": kept(reads * units, d_in) * 2.2,
    }


def cycles(shape, sparse):
    """The computing, or the busiest port."""
    x = counts(shape)
    issued = ceil(kept(x["steps"] * x["units"], DENSITY["inputs"] if sparse else 1.0) / x["units"])
    ports = [
        (x["steps"], 2), (x["rows"], 2),
        (x["glb_in"] + x["glb_out"] - x["results"], 16), (x["blocks"] + x["glb_out"] + x["results"], 16),
    ]  # fmt: skip
    return max(issued, *(demand / words for demand, words in ports))


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("shape", SHAPES)
def test_energy_and_cycles_in_closed_form(shape, sparse):
    cases = case_of(SHAPES[shape])
    found = run_case(cases, cases.cases[0], sparse=sparse)
    energies = {name: float(pj[0]) for name, pj in found.component_energy_pj().items()}
    assert energies == pytest.approx(expected(SHAPES[shape], sparse), rel=1e-9)
    assert 0 <= float(found.cycles[0]) - cycles(SHAPES[shape], sparse) <= 1
