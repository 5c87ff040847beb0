"""Small sparse examples with published counts: dot product, matrix product, one-dimensional convolution.

Reference: wu2022, its tutorial examples.
"""

import pytest

from spareto.hardware.formats.bitmask import Bitmask
from spareto.hardware.mapping.nest import Loop, Nest
from spareto.hardware.problem import Problem
from spareto.hardware.timeloop import Saving, Sparsity, Store, evaluate

BUFFER = Store("buffer", ("weights", "inputs", "outputs"))


def run(loops, dims, sparsity=None):
    nest = Nest(("buffer",), tuple(Loop.of("buffer", "temporal", dim, bound) for dim, bound in loops))
    return evaluate(Problem(dims), nest, (BUFFER,), ("mac", 1.0), sparsity)


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
    stores = (Store("far", ("weights", "inputs", "outputs")), BUFFER)
    nest = Nest(
        ("far", "buffer"), (Loop.of("buffer", "temporal", "Q", 9), Loop.of("buffer", "temporal", "S", 3))
    )
    outcome = evaluate(Problem({"Q": 9, "S": 3}), nest, stores, ("mac", 1.0), sparsity)
    assert outcome.computes[0] == 12
    dense = evaluate(Problem({"Q": 9, "S": 3}), nest, stores, ("mac", 1.0))
    assert dense.tallies["buffer", "inputs"].writes[0][0] == 11
    outputs = counts(outcome, "outputs")
    assert (outputs["reads"], outputs["updates"]) == (7, 12)


@pytest.mark.parametrize("density", [0.0, 1.0])
def test_the_extremes_of_density(density):
    sparsity = Sparsity({"inputs": density}, savings=(Saving("buffer", "weights", "skip", ("inputs",)),))
    assert run([("C", 16)], {"C": 16}, sparsity).computes[0] == 16 * density
