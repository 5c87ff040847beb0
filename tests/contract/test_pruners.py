"""Every registered pruner keeps the laws; a new file in pruners/ is tested here unasked."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spareto.pruners import draw, masks, registry
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
        "denormal": torch.randn(4, 5, generator=generator) * 1e-42,
        "huge": torch.randn(4, 5, generator=generator) * 1e30,
        "line": torch.randn(3, 6, 3, generator=generator),
        "double": torch.randn(3, 5, generator=generator, dtype=torch.float64),
    }


EVIDENCE = laws.made_up_evidence(weights())


@pytest.fixture(params=registry.names())
def pruner(request):
    return registry.make(request.param)


@pytest.fixture(params=SCOPES)
def scope(request):
    return request.param


def test_scores_are_finite_and_repeatable(pruner):
    laws.check_scores(pruner, weights(), EVIDENCE)


def test_only_declared_evidence_is_looked_at(pruner):
    laws.check_needs(pruner, weights(), EVIDENCE)


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_exactly_the_lowest_scores_go(pruner, scope, sparsity):
    laws.check_removed(pruner, weights(), sparsity, scope, EVIDENCE)


def test_sparsity_0_removes_nothing(pruner, scope):
    laws.check_nothing_removed(pruner, weights(), scope, EVIDENCE)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", registry.names())
@given(shares=st.tuples(SHARES, SHARES), seed=st.integers(0, 3), floor=st.sampled_from([0.0, 0.1, 0.6]))
def test_more_sparsity_removes_a_superset(name, scope, shares, seed, floor):
    few, many = sorted(shares)
    laws.check_superset(registry.make(name), weights(seed), few, many, scope, EVIDENCE, floor)


@pytest.mark.parametrize("floor", [1e-9, 0.1, 0.5])
def test_every_layer_keeps_its_floor(pruner, scope, floor):
    for sparsity in SPARSITIES:
        laws.check_floor(pruner, weights(), sparsity, scope, EVIDENCE, floor)


@pytest.mark.parametrize("name", registry.names())
@given(shares=st.tuples(SHARES, SHARES), scope=st.sampled_from(SCOPES))
def test_what_is_removed_stays_removed(name, shares, scope):
    few, many = sorted(shares)
    laws.check_stays_removed(registry.make(name), weights(), few, many, scope)


@pytest.mark.parametrize("scope", SCOPES)
def test_equal_scores_go_by_index(scope):
    equal = {"first": torch.ones(4), "second": torch.ones(4)}
    kept = {name: mask.tolist() for name, mask in masks(equal, 0.5, scope).items()}
    half = [False, False, True, True]
    expected = (
        {"first": [False] * 4, "second": [True] * 4} if scope == "global" else {"first": half, "second": half}
    )
    assert kept == expected


def test_a_floor_takes_the_number_from_other_layers():
    scores = {"small": torch.arange(10.0), "large": torch.arange(10.0) + 100}
    kept = masks(scores, 0.5, floor=0.2)
    assert kept["small"].tolist() == [False] * 8 + [True] * 2
    assert kept["large"].tolist() == [False] * 2 + [True] * 8


def test_two_of_four():
    row = torch.tensor([[3.0, -1.0, 2.0, -4.0, 0.5, 0.4, -0.3, 0.2, 9.0, 1.0]])
    kept = draw(registry.make("n_of_m"), {"layer": row}, 0.5)["layer"]
    assert kept.int().tolist() == [[1, 0, 0, 1, 1, 1, 0, 0, 1, 0]]


def test_n_of_m_blocks_run_along_input_channels():
    weight = torch.rand(8, 16, 3, 3) + 0.1
    kept = draw(registry.make("n_of_m", block=8), {"layer": weight}, 0.75)["layer"]
    assert kept.movedim(1, -1).unflatten(-1, (2, 8)).sum(-1).unique().tolist() == [2]


@pytest.mark.parametrize(("norm", "dropped"), [("l1", 1), ("l2", 0)])
def test_channels_by_norm(norm, dropped):
    weight = torch.tensor([[0.5, 0.5], [0.9, 0.0], [2.0, 2.0]])
    kept = draw(registry.make("channels", norm=norm), {"layer": weight}, 1 / 3)["layer"]
    assert kept.all(1).tolist() == [row != dropped for row in range(3)]


def test_closed_forms_of_data_driven_scores():
    weight, gradient = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, -0.25]])
    evidence = laws.PrunerEvidence(0, {"layer": gradient}, {"layer": torch.tensor([[0.0, 0.5]])})
    scores = {
        name: registry.make(name).scores({"layer": weight}, evidence)["layer"].tolist()
        for name in ("snip", "movement", "activity")
    }
    assert scores == {"snip": [[0.5, 0.5]], "movement": [[-0.5, -0.5]], "activity": [[0.0, 4.0]]}


def test_random_follows_the_run_unless_it_has_a_seed_of_its_own():
    def scores(run, **options):
        evidence = laws.made_up_evidence(weights(), run)
        return registry.make("random", **options).scores(weights(), evidence)["conv"]

    assert torch.equal(scores(1), scores(1))
    assert not torch.equal(scores(1), scores(2))
    assert torch.equal(scores(1, seed=5), scores(2, seed=5))


def test_the_studys_pruner_is_registered():
    known = {"magnitude", "random", "snip", "movement", "activity", "channels", "n_of_m"}
    assert known <= set(registry.names())
