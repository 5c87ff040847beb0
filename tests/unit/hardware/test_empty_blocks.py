"""How often a block of a tensor holds no element: the two models against each other and an enumeration."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from spareto.formats import probability_empty


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
