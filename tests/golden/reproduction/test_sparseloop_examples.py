"""Small sparse examples with published counts: dot product, matrix product, one-dimensional convolution.

Reference: wu2022, its tutorial examples.
"""

import pytest

from spareto.formats.bitmask import Bitmask
from spareto.formats.cp import CoordinatePayload
from spareto.formats.uop import OffsetPairs
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import LoopProblem
from spareto.reproduction.timeloop.accounting import Saving, Sparsity, StorageLevel, evaluate

BUFFER = StorageLevel("buffer", ("weights", "inputs", "outputs"))


def run(loops, dims, sparsity=None):
    nest = Nest(("buffer",), tuple(Loop.of("buffer", "temporal", dim, bound) for dim, bound in loops))
    return evaluate(LoopProblem(dims), nest, (BUFFER,), ("mac", 1.0), sparsity)


def counts(outcome, tensor):
    tally = outcome.tallies["buffer", tensor]
    return {
        "reads": tally.reads[0],
        "gated_reads": tally.gated_reads[0],
        "updates": tally.writes[1][0],
        "gated_updates": tally.gated_writes[0],
        "metadata": tally.metadata_read_bits[0],
    }


def test_dense_dot_product():
    outcome = run([("C", 16)], {"C": 16})
    assert outcome.cycles[0] == 16
    assert outcome.computes[0] == 16
    assert counts(outcome, "outputs")["reads"] == 15


def test_gated_dot_product_takes_every_cycle():
    """A (inputs) of density 0.25 is stored plainly; B and Z are gated on it."""
    sparsity = Sparsity(
        {"inputs": 0.25},
        savings=(
            Saving("buffer", "weights", "gate", ("inputs",)),
            Saving("buffer", "outputs", "gate", ("inputs",)),
        ),
        gate_compute=True,
    )
    outcome = run([("C", 16)], {"C": 16}, sparsity)
    assert (outcome.cycles[0], outcome.computes[0]) == (16, 4)
    assert counts(outcome, "inputs")["reads"] == 16
    weights, outputs = counts(outcome, "weights"), counts(outcome, "outputs")
    assert (weights["reads"], weights["gated_reads"]) == (4, 12)
    assert (outputs["reads"], outputs["gated_reads"]) == (3, 12)
    assert (outputs["updates"], outputs["gated_updates"]) == (4, 12)


def test_skipped_dot_product_takes_only_the_effectual_cycles():
    sparsity = Sparsity(
        {"inputs": 0.25},
        formats={("buffer", "inputs"): Bitmask()},
        savings=(Saving("buffer", "weights", "skip", ("inputs",)),),
    )
    outcome = run([("C", 16)], {"C": 16}, sparsity)
    assert (outcome.cycles[0], outcome.computes[0]) == (4, 4)
    assert counts(outcome, "inputs")["reads"] == 4
    weights = counts(outcome, "weights")
    assert (weights["reads"], weights["gated_reads"]) == (4, 0)


def test_matrix_product_with_both_operands_sparse():
    """64 of 512 products are effectual: A at 0.25 leads, B at 0.5 is compressed."""
    sparsity = Sparsity(
        {"inputs": 0.25, "weights": 0.5},
        formats={("buffer", "weights"): Bitmask(), ("buffer", "inputs"): Bitmask()},
        savings=(
            Saving("buffer", "weights", "skip", ("inputs",)),
            Saving("buffer", "outputs", "skip", ("inputs", "weights")),
        ),
    )
    outcome = run([("C", 8), ("P", 8), ("M", 8)], {"C": 8, "P": 8, "M": 8}, sparsity)
    assert (outcome.cycles[0], outcome.computes[0]) == (64, 64)
    weights, outputs = counts(outcome, "weights"), counts(outcome, "outputs")
    assert weights["reads"] == 64
    assert 512 * 0.5 - weights["reads"] == 192  # skipped, of those that exist
    assert (outputs["reads"], outputs["updates"]) == (56, 64)


def test_one_dimensional_convolution():
    """Q = 9, S = 3, both operands two thirds full: 12 of 27 products; eleven inputs, halo included."""
    sparsity = Sparsity(
        {"inputs": 0.66, "weights": 0.66},
        formats={("buffer", "weights"): Bitmask(), ("buffer", "inputs"): Bitmask()},
        savings=(Saving("buffer", "outputs", "skip", ("inputs", "weights")),),
    )
    stores = (StorageLevel("far", ("weights", "inputs", "outputs")), BUFFER)
    nest = Nest(
        ("far", "buffer"), (Loop.of("buffer", "temporal", "Q", 9), Loop.of("buffer", "temporal", "S", 3))
    )
    outcome = evaluate(LoopProblem({"Q": 9, "S": 3}), nest, stores, ("mac", 1.0), sparsity)
    assert outcome.computes[0] == 12
    dense = evaluate(LoopProblem({"Q": 9, "S": 3}), nest, stores, ("mac", 1.0))
    assert dense.tallies["buffer", "inputs"].writes[0][0] == 11
    outputs = counts(outcome, "outputs")
    assert (outputs["reads"], outputs["updates"]) == (7, 12)


@pytest.mark.parametrize("density", [0.0, 1.0])
def test_the_extremes_of_density(density):
    sparsity = Sparsity({"inputs": density}, savings=(Saving("buffer", "weights", "skip", ("inputs",)),))
    assert run([("C", 16)], {"C": 16}, sparsity).computes[0] == 16 * density


PUBLISHED_MICROJOULES_AND_CYCLES = {  # both operands at this density: bitmask, coordinate list
    0.01171875: ((1.34, 2_113_536), (0.39, 34_056)),  # printed as .01, run as 1.5 non-zeros a row
    0.08: ((2.04, 2_113_536), (2.31, 232_490)),
    0.3984375: ((5.93, 2_113_536), (11.87, 1_157_904)),  # printed as .4
}


def matrix_product(density, *, coordinates):
    """128 x 128 x 128 on two SRAMs and a register; a bitmask gates, a coordinate list skips."""
    kind, word = ("skip", 14) if coordinates else ("gate", 1)
    first, second = (CoordinatePayload(), CoordinatePayload()) if coordinates else (Bitmask(), OffsetPairs())
    metadata = {"word_bits": 8, "metadata_bits": word, "metadata_row": 28}
    stores = (
        StorageLevel(
            "backing", ("weights", "inputs", "outputs"), 32.2859, 26.065, metadata_read_pj=14.0361,
            metadata_write_pj=10.2583, block=8, read_words=8, **metadata,
        ),
        StorageLevel(
            "buffer", ("weights", "inputs"), 0.42568, 0.58331, metadata_read_pj=0.7383,
            metadata_write_pj=1.42366, read_words=2, write_words=2, **metadata,
        ),
        StorageLevel("register", ("outputs",), 0.49, 0.49, read_words=1, write_words=1),
    )  # fmt: skip
    sparsity = Sparsity(
        {"inputs": density, "weights": density},
        formats={
            ("backing", "inputs"): first, ("backing", "weights"): first,
            ("buffer", "inputs"): first, ("buffer", "weights"): second,
        },
        savings=(
            Saving("buffer", "inputs", kind, ("weights",)),
            Saving("buffer", "weights", kind, ("inputs",)),
            Saving("register", "outputs", kind, ("inputs", "weights")),
        ),
        gate_compute=not coordinates,
    )  # fmt: skip
    loops = (("backing", "M", 128), ("backing", "P", 128), ("register", "C", 128))
    nest = Nest(
        ("backing", "buffer", "register"),
        tuple(Loop.of(level, "temporal", dim, bound) for level, dim, bound in loops),
    )
    outcome = evaluate(LoopProblem({"M": 128, "P": 128, "C": 128}), nest, stores, ("mac", 0.5608), sparsity)
    return sum(energy[0] for energy in outcome.component_energy_pj().values()) / 1e6, outcome.cycles[0]


@pytest.mark.parametrize("density", PUBLISHED_MICROJOULES_AND_CYCLES)
@pytest.mark.parametrize("coordinates", [False, True], ids=["bitmask", "coordinates"])
def test_bitmask_against_coordinate_list(density, coordinates):
    energy, cycles = matrix_product(density, coordinates=coordinates)
    expected = PUBLISHED_MICROJOULES_AND_CYCLES[density][coordinates]
    assert energy == pytest.approx(expected[0], abs=0.006)  # printed with two decimals
    assert cycles == pytest.approx(expected[1], abs=1)


def test_bitmask_and_coordinate_list_cross_between_4_and_8_percent():
    cheaper = [
        matrix_product(density, coordinates=True)[0] < matrix_product(density, coordinates=False)[0]
        for density in (0.01, 0.02, 0.04, 0.08, 0.2, 0.4)
    ]
    assert cheaper == [True, True, True, False, False, False]
