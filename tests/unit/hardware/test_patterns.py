"""Empty blocks of real tensors: against a walk over every block; no density counts where data is there."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spareto.formats import probability_empty
from spareto.formats.bitmask import Bitmask
from spareto.hardware.counting.patterns import Pattern
from spareto.hardware.describing.nest import Loop, Nest
from spareto.hardware.describing.problem import LoopProblem
from spareto.reproduction.timeloop.accounting import Saving, Sparsity, StorageLevel, evaluate

STORES = (
    StorageLevel("far", ("weights", "inputs", "outputs"), 10.0, 10.0),
    StorageLevel("near", ("weights", "inputs", "outputs"), 1.0, 1.0),
)


@given(
    live=hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=4, max_side=5)),
    windows=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=4, max_size=4),
)
def test_it_equals_a_walk_over_every_block(live, windows):
    windows = windows[: live.ndim]
    starts = [range(0, length, step) for length, (_, step) in zip(live.shape, windows, strict=True)]
    blocks = [
        live[tuple(slice(s, s + size) for s, (size, _) in zip(corner, windows, strict=True))].any()
        for corner in product(*starts)
    ]
    assert Pattern(live).share_empty(windows) == pytest.approx(1 - np.mean(blocks))


def test_single_elements_are_empty_as_often_as_the_density_says():
    live = np.random.default_rng(0).random((6, 5, 3, 3)) < 0.3
    pattern = Pattern(live)
    assert pattern.share_empty([(1, 1)] * 4) == pytest.approx(1 - pattern.density)


def outcome(tile, sparsity):
    loops = (
        Loop.of("far", "temporal", "M", 16 // tile),
        Loop.of("near", "temporal", "M", tile),
        Loop.of("near", "temporal", "C", 8),
    )
    problem = LoopProblem({"M": 16, "C": 8})
    return evaluate(problem, Nest(("far", "near"), loops), STORES, ("mac", 1.0), sparsity)


def sparsity(density, patterns):
    return Sparsity(
        density={"weights": density, "inputs": 0.5},
        patterns=patterns,
        formats={("near", "weights"): Bitmask()},
        savings=(
            Saving("near", "inputs", "skip", ("weights",)),
            Saving("far", "outputs", "skip", ("weights",)),
        ),
    )


@pytest.mark.parametrize("tile", [1, 4, 16])
def test_nothing_depends_on_a_density_where_data_is_present(tile):
    live = np.random.default_rng(1).random((16, 8, 1, 1)) < 0.2
    results = [
        outcome(tile, sparsity(density, {"weights": Pattern(live)})) for density in (0.0, 0.2, 0.77, 1.0)
    ]
    energies = [{key: float(value[0]) for key, value in each.energy_pj.items()} for each in results]
    assert all(energy == energies[0] for energy in energies)
    assert len({float(each.cycles[0]) for each in results}) == 1


def test_whole_empty_channels_are_found_where_a_density_would_not():
    """Half of the outputs are pruned away: tiles of one output are empty as often, not almost never."""
    live = np.ones((16, 8, 1, 1), np.bool_)
    live[::2] = False
    real = outcome(1, sparsity(0.5, {"weights": Pattern(live)})).tallies["far", "outputs"]
    guess = outcome(1, sparsity(0.5, {})).tallies["far", "outputs"]
    assert float(real.writes[1][0]) == 8
    assert float(guess.writes[1][0]) == 16
    by_chance = probability_empty(0.5, np.array([128]), np.array([8]))
    assert 0 < by_chance[0] < 0.01


def test_input_blocks_reach_over_their_halo():
    problem = LoopProblem({"T": 2, "C": 3, "P": 4, "Q": 4, "R": 3, "S": 3})
    one = np.ones(1, np.int64)
    extents = {"T": one, "N": one, "M": one, "C": one, "P": 2 * one, "Q": one, "R": 3 * one, "S": 3 * one}
    windows = [tuple(int(size[0]) for size in window) for window in problem.windows("inputs", extents)]
    assert windows == [(1, 1), (1, 1), (4, 2), (3, 1)]
    live = np.zeros((2, 3, 6, 6), np.bool_)
    live[0, 0, 0, 0] = True
    assert Pattern(live).share_empty(windows) == pytest.approx(1 - 1 / (2 * 3 * 3 * 6))


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_the_two_density_models_meet_on_large_tensors(density):
    """Drawing without replacement finds fewer empty tiles, the fewer the smaller the tensor."""
    tile = np.array([1, 2, 5])
    by_size = [probability_empty(density, np.array([size]), tile) for size in (10, 1_000, 1_000_000)]
    independent = probability_empty(density, np.array([10]), tile, "uniform")
    assert np.allclose(independent, (1 - density) ** tile)
    for smaller, larger in pairwise([*by_size, independent]):
        assert (smaller <= larger + 1e-9).all()
    assert np.allclose(by_size[-1], independent, atol=1e-5)
    assert probability_empty(density, np.array([10]), np.array([10]))[0] == 0  # no room for zeros alone


def test_drawing_without_replacement_counts_every_arrangement():
    live, size, tile = 3, 8, 4
    arrangements = [set(chosen) for chosen in combinations(range(size), live)]
    empty = np.mean([not chosen & set(range(tile)) for chosen in arrangements])
    assert probability_empty(live / size, np.array([size]), np.array([tile]))[0] == pytest.approx(empty)
