"""Mapping evaluations a second, sparse, on the second convolution of the study's network; one core.

A mapping evaluation is everything the accounting gives: accesses of every level and tensor, real and gated,
metadata, energy by component and cycles, in both modes; `physical` charges a real mask in run-length format.
Timeloop does about 235 sparse ones a second on such a machine.

    python -m benchmarks.mappings
"""

import time

import numpy as np

from benchmarks.grid import network
from spareto.formats.rle import RunLength
from spareto.hardware import load_accelerator
from spareto.hardware.charging.design_points import layer_points
from spareto.hardware.charging.layer import charge
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import LoopProblem
from spareto.reproduction.timeloop.accounting import Saving, Sparsity, StorageLevel, evaluate

CONV2 = LoopProblem({"T": 20, "N": 1, "M": 128, "C": 128, "P": 64, "Q": 64, "R": 3, "S": 3})
LEVELS = ("dram", "shared_glb", "pe_column", "ifmap_spad", "weights_spad", "psum_spad")
STORES = (
    StorageLevel(
        "dram", ("weights", "inputs", "outputs"), 512, 512, metadata_read_pj=40, block=4, metadata_bits=5
    ),
    StorageLevel("shared_glb", ("inputs", "outputs"), 49.17, 37.16, block=4, read_words=16, write_words=16),
    StorageLevel("ifmap_spad", ("inputs",), 0.197, 0.197, read_words=2, write_words=2),
    StorageLevel("weights_spad", ("weights",), 0.71, 1.13, 0.006, read_words=2, write_words=2),
    StorageLevel("psum_spad", ("outputs",), 0.253, 0.253),
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


def compatible(nest):
    """Energy by component and cycles in mode `timeloop-compatible`."""
    outcome = evaluate(CONV2, nest, STORES, ("mac", 0.043), SPARSITY)
    return outcome.component_energy_pj(), outcome.cycles


def physical(points, chip):
    """What gives energy by component and cycles in mode `physical`."""

    def costed(nest):
        charged = charge(points, nest, chip)
        return charged.energy_by_component_pj(), charged.cycles

    return costed


def measure(costed, count=20_000, repeats=5):
    """The best of several rounds, mappings a second of processor time."""
    nest, best = mappings(count), 0.0
    for _ in range(repeats):
        start = time.process_time()
        costed(nest)
        best = max(best, count / (time.process_time() - start))
    return best


def main():
    chip = load_accelerator("eyeriss_like")
    conv2 = network(0.8, 8, np.random.default_rng(0)).layers[1]
    points = layer_points([conv2], chip, {"rle": RunLength()}, ("mean",))
    for size in (1_000, 5_000, 20_000, 100_000):
        print(
            f"{size:7d} mappings at once: {measure(compatible, size):12,.0f} a second compatible, "
            f"{measure(physical(points, chip), size):12,.0f} physical"
        )


if __name__ == "__main__":
    main()
