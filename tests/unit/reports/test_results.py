import pytest

import factories
from spareto.reports.across import across


def test_components_add_up_to_the_energy(three_seeds) -> None:
    for row in three_seeds.means:
        assert sum(three_seeds.component_energy(row)) == pytest.approx(row["energy_pj"])


def test_the_least_format_is_the_energy(one_seed) -> None:
    for row in one_seed.means:
        assert min(across(one_seed).in_formats(row)) == pytest.approx(row["energy_pj"] / one_seed.unit.pj)


def test_views_are_means_over_the_seeds(three_seeds) -> None:
    row = three_seeds.means[5]
    trials = [trial for trial in three_seeds.trials if trial.recipe.hash == row["recipe_hash"]]
    assert len(trials) == 3
    expected = sum(trial.costs[0].energy_pj for trial in trials) / 3
    assert across(three_seeds).in_formats(row)[0] == pytest.approx(expected / three_seeds.unit.pj)


def test_what_some_trials_lack_is_none(make) -> None:
    first, second = factories.study()[:2]
    fewer = second.model_copy(update={"costs": second.costs[:2], "layers": second.layers[:1]})
    results = make([first, fewer])
    assert across(results).in_formats(results.means[1])[2:] == [None, None, None]
    assert results.layer_sparsity(results.means[1])[1:] == [None, None]


def test_members_hold_front_reference_and_best_of_each_regime(one_seed) -> None:
    names = [row["trial"] for row in one_seed.members]
    assert {row["trial"] for row in one_seed.front} <= set(names)
    assert {"dense float", "quantize 4 bit", "prune 8 bit 80 %", "cumulative 4 bit 60 %"} <= set(names)
    assert len(names) == len(set(names))
