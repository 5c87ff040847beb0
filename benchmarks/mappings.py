"""Mapping evaluations a second, sparse, on the second convolution of the study's network; one core.

A mapping evaluation is everything the accounting gives: accesses of every level and tensor, real and gated,
metadata, energy by component and cycles. Timeloop does about 235 sparse ones a second on such a machine.

    python -m benchmarks.mappings
"""

import time

import numpy as np

from spareto.hardware.formats.rle import RunLength
from spareto.hardware.mapping.nest import Loop, Nest
from spareto.hardware.problem import Problem
from spareto.hardware.timeloop import Saving, Sparsity, Store, evaluate

CONV2 = Problem({"T": 20, "N": 1, "M": 128, "C": 128, "P": 64, "Q": 64, "R": 3, "S": 3})
LEVELS = ("dram", "shared_glb", "pe_column", "ifmap_spad", "weights_spad", "psum_spad")
STORES = (
    Store("dram", ("weights", "inputs", "outputs"), 512, 512, metadata_read_pj=40, block=4, metadata_bits=5),
    Store("shared_glb", ("inputs", "outputs"), 49.17, 37.16, block=4, read_words=16, write_words=16),
    Store("ifmap_spad", ("inputs",), 0.197, 0.197, read_words=2, write_words=2),
    Store("weights_spad", ("weights",), 0.71, 1.13, 0.006, read_words=2, write_words=2),
    Store("psum_spad", ("outputs",), 0.253, 0.253),
)
SPARSITY = Sparsity(
    {"inputs": 0.05, "weights": 0.2, "outputs": 0.05},
    formats={("dram", "weights"): RunLength(), ("weights_spad", "weights"): RunLength()},
    savings=(Saving("weights_spad", "weights", "skip", ("inputs",)),),
)


def mappings(count, seed=0):
    """Different tilings of the same loop order that cover the layer exactly."""
    rng = np.random.default_rng(seed)
    split = lambda total, most: 2 ** rng.integers(0, int(np.log2(min(total, most))) + 1, count)  # noqa: E731
    m_in, m_glb, m_row = split(128, 8), split(4, 4), split(4, 4)
    c_in, p_glb, q_glb = split(128, 32), split(64, 16), split(4, 4)
    t_glb = rng.choice([1, 2, 4, 5, 10, 20], count)
    q_col = split(8, 8)
    dram = [
        ("M", 128 // (m_in * m_glb * m_row)),
        ("T", 20 // t_glb),
        ("Q", 64 // (q_glb * q_col)),
        ("P", 64 // p_glb),
        ("C", 128 // c_in),
    ]
    loops = [Loop.of("dram", "temporal", dim, bound) for dim, bound in dram]
    inner = [
        ("shared_glb", "temporal", "T", t_glb),
        ("shared_glb", "temporal", "M", m_glb),
        ("shared_glb", "temporal", "Q", q_glb),
        ("shared_glb", "temporal", "P", p_glb),
        ("shared_glb", "spatial", "Q", q_col),
        ("pe_column", "spatial", "S", 3),
        ("pe_column", "spatial", "M", m_row),
        ("weights_spad", "temporal", "R", 3),
        ("weights_spad", "temporal", "C", c_in),
        ("psum_spad", "temporal", "M", m_in),
    ]
    return Nest(LEVELS, tuple(loops + [Loop.of(*loop) for loop in inner]))


def measure(count=20_000, repeats=5):
    """The best of several rounds, mappings a second."""
    nest, best = mappings(count), 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        outcome = evaluate(CONV2, nest, STORES, ("mac", 0.043), SPARSITY)
        outcome.component_energy_pj()
        best = max(best, count / (time.perf_counter() - start))
    return best


def main():
    for size in (1_000, 5_000, 20_000, 100_000):
        print(f"{size:7d} mappings at once: {measure(size):12,.0f} evaluations a second")


if __name__ == "__main__":
    main()
