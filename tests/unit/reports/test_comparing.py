"""Two studies side by side: laws first."""

import math
import statistics

import pytest

import factories
from spareto.core.artifacts import canonical_json
from spareto.hardware import load_accelerator
from spareto.reports.comparing import compared
from spareto.reports.page.content import content
from spareto.reports.results import StudyResults
from spareto.study.front import front_rows, mean_rows


def results(trials, **meta) -> StudyResults:
    return StudyResults(trials, front_rows(trials), mean_rows(trials), {"study": "one", **meta})


def test_a_study_beside_itself_is_alike_everywhere() -> None:
    study = results(factories.study(seeds=3), test_samples="898")
    found = compared(study, study)
    assert len(found.pairs) == len(study.means)
    assert found.alone == ((), ())
    assert found.differ == ()
    assert all(pair.accuracy_alike and pair.energy_alike for pair in found.pairs)
    assert found.titles == ("one (1)", "one (2)")


def test_turning_two_studies_turns_every_difference() -> None:
    one, other = results(factories.study()), results(factories.study()[3:], study="two")
    there, back = compared(one, other), compared(other, one)
    pairs = {pair.name: pair for pair in back.pairs}
    assert all(pair.accuracies == pairs[pair.name].accuracies[::-1] for pair in there.pairs)
    assert all(pair.energies_pj == pairs[pair.name].energies_pj[::-1] for pair in there.pairs)
    assert there.alone == back.alone[::-1]
    assert len(there.alone[0]) == 3


def test_a_difference_is_one_when_it_passes_the_spread_of_both() -> None:
    trials = factories.study(seeds=3)
    better = [trial.model_copy(update={"accuracy": trial.accuracy - 0.2}) for trial in trials]
    found = compared(results(trials), results(better, study="two"))
    for pair, row in zip(
        found.pairs, sorted(mean_rows(trials), key=lambda row: row["energy_pj"]), strict=True
    ):
        mine = [trial.accuracy for trial in trials if trial.recipe.hash == row["recipe_hash"]]
        assert math.isclose(pair.accuracy_spread, math.sqrt(2) * statistics.stdev(mine), abs_tol=1e-12)
        assert not pair.accuracy_alike
        assert math.isclose(pair.accuracies[1] - pair.accuracies[0], -0.2)


def test_a_single_seed_has_the_spread_of_counting_samples() -> None:
    trials = factories.study()
    found = compared(results(trials, test_samples="898"), results(trials, test_samples="898"))
    share = found.pairs[0].accuracies[0]
    assert math.isclose(found.pairs[0].accuracy_spread, math.sqrt(2 * share * (1 - share) / 898))


def test_what_makes_studies_no_equals_is_said() -> None:
    one = results(factories.study(), dataset="digits", network="conv")
    other = results(factories.study(), dataset="nmnist", network="conv")
    assert compared(one, other).differ == ("The data set differs: digits, and nmnist.",)


def test_the_page_holds_the_other_study() -> None:
    one, other = results(factories.study()), results(factories.study()[2:], study="two")
    both = StudyResults(one.trials, one.rows, one.means, one.meta, beside=other)
    told = content(both)["beside"]
    assert len(told["rows"]) == len(other.means)
    assert told["titles"] == ["one", "two"]
    assert content(one)["beside"] is None


def test_equal_names_of_different_things_are_said() -> None:
    trials = factories.study()
    chips = [canonical_json(load_accelerator(name).to_dict()) for name in ("eyeriss_like", "loihi_like")]
    one, other = (results(trials, dataset="digits", network="conv", accelerator_data=chip) for chip in chips)
    (told,) = compared(one, other).differ
    assert told == f"Both name their accelerator {trials[0].best_cost.accelerator}, but its numbers differ."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"timesteps": "20"}, "The number of timesteps differs: 8, and 20."),
        ({"network": "tcja"}, "The network differs: conv, and tcja."),
    ],
)
def test_other_settings_are_said(change, told) -> None:
    meta = {"dataset": "digits", "network": "conv", "timesteps": "8"}
    trials = factories.study()
    assert compared(results(trials, **meta), results(trials, **{**meta, **change})).differ == (told,)


def test_other_data_and_layers_under_equal_names_are_said() -> None:
    trials = factories.study()
    manifest = trials[0].manifest.model_copy(update={"data_hash": "0" * 16})
    layers = (trials[0].layers[0].model_copy(update={"weights": 7}), *trials[0].layers[1:])
    moved = [trials[0].model_copy(update={"manifest": manifest, "layers": layers}), *trials[1:]]
    told = compared(
        results(trials, dataset="digits", network="conv"), results(moved, dataset="digits", network="conv")
    )
    assert told.differ == (
        "Both name their data set digits, but its samples differ.",
        "Both name their network conv, but its layers differ.",
    )


def test_another_activity_is_said() -> None:
    trials = factories.study()
    costs = tuple(cost.model_copy(update={"statistic": "max"}) for cost in trials[0].costs)
    other = [trials[0].model_copy(update={"costs": costs}), *trials[1:]]
    assert "The spiking activity differs: mean, and max." in compared(results(trials), results(other)).differ
