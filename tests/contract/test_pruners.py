"""Every registered pruner keeps the laws; a new file in pruners/ is tested here unasked."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spareto.pruners import masks, registry
from spareto.testing import pruners as laws

SCOPES = ("global", "per_layer")
SPARSITIES = (0.0, 0.01, 0.25, 0.5, 0.8, 0.95, 0.999)
SHARES = st.floats(0, 0.999)


def weights(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        "conv": torch.randn(4, 2, 3, 3, generator=generator) * 0.1,
        "ties": torch.randint(-2, 3, (5, 7), generator=generator) / 10,
        "constant": torch.full((3, 3), 0.1),
        "one": torch.tensor([[0.0]]),
        "double": torch.randn(3, 5, generator=generator, dtype=torch.float64),
    }


@pytest.fixture(params=registry.names())
def pruner(request):
    return registry.make(request.param)


@pytest.fixture(params=SCOPES)
def scope(request):
    return request.param


def test_scores_are_finite_and_repeatable(pruner):
    laws.check_scores(pruner, weights())


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_exactly_the_lowest_scores_go(pruner, scope, sparsity):
    laws.check_removed(pruner, weights(), sparsity, scope)


def test_sparsity_0_removes_nothing(pruner, scope):
    laws.check_nothing_removed(pruner, weights(), scope)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", registry.names())
@given(shares=st.tuples(SHARES, SHARES), seed=st.integers(0, 3))
def test_more_sparsity_removes_a_superset(name, scope, shares, seed):
    laws.check_superset(registry.make(name), weights(seed), min(shares), max(shares), scope)


@pytest.mark.parametrize("scope", SCOPES)
def test_equal_scores_go_by_index(scope):
    equal = {"first": torch.ones(4), "second": torch.ones(4)}
    kept = {name: mask.tolist() for name, mask in masks(equal, 0.5, scope).items()}
    half = [False, False, True, True]
    expected = (
        {"first": [False] * 4, "second": [True] * 4} if scope == "global" else {"first": half, "second": half}
    )
    assert kept == expected


def test_the_studys_pruner_is_registered():
    assert {"magnitude", "random"} <= set(registry.names())
