"""Which network of a study is the chosen one."""

import pytest

import factories
from spareto.study.chosen import chosen
from spareto.study.folder import RunFolder
from spareto.study.front import mean_rows
from spareto.study.store import TrialStore


def stored(folder, accuracies):
    """A study of three recipes of falling energy, with the validation accuracy of each of their seeds."""
    plans = [factories.recipe(), factories.recipe(4, 0.5), factories.recipe(2, 0.9)]
    with TrialStore.of(folder, read_only=False) as store:
        for plan, seeds in zip(plans, accuracies, strict=True):
            for seed, accuracy in enumerate(seeds):
                digest = RunFolder(folder).keep("network", plan, seed, lambda path: path.write_text("x"))
                made = factories.trial(plan, seed).replace(accuracy=0.5, validation_accuracy=accuracy)
                manifest = made.manifest.replace(artifacts={"network": digest})
                store.put(f"{plan.hash} {seed}", made.replace(manifest=manifest))
        return [plan.label for plan in plans], mean_rows(store.trials())


@pytest.mark.parametrize(
    ("accuracies", "place", "seed"),
    [
        ([[0.98, 0.98], [0.95, 0.96], [0.70, 0.70]], 1, 1),
        ([[0.98, 0.98], [0.97, 0.96], [0.99, 0.10]], 1, 0),  # one lucky seed of the cheapest
        ([[0.90], [0.89], [0.20]], 1, 0),
    ],
)
def test_the_knee_is_that_of_the_means_and_its_seed_the_best(tmp_path, accuracies, place, seed):
    labels, means = stored(tmp_path, accuracies)
    trial, path = chosen(tmp_path)
    assert (trial.recipe.label, trial.manifest.seed) == (labels[place], seed)
    assert path.read_text() == "x"
    assert means[place]["on_front"]
    named, _ = chosen(tmp_path, labels[0] + (" seed 1" if len(accuracies[0]) > 1 else ""))
    assert named.recipe.label == labels[0]


def test_a_trial_is_named_as_the_study_told_of_it_or_as_the_front_lists_it(tmp_path):
    labels, _ = stored(tmp_path, [[0.9, 0.8], [0.7, 0.6], [0.5, 0.4]])
    for name in (f"{labels[1]} seed 1", f"{labels[1]}, seed 1"):
        trial, _ = chosen(tmp_path, name)
        assert (trial.recipe.label, trial.manifest.seed) == (labels[1], 1)
