from collections.abc import Sequence

import pytest

import factories
from spareto.records import Trial
from spareto.reports.results import StudyResults
from spareto.study.front import front_rows, mean_rows

META = {"study": "demo", "network": "conv", "dataset": "digits", "test_samples": "898"}


def results_of(trials: Sequence[Trial], meta: dict[str, str] = META) -> StudyResults:
    return StudyResults(trials, front_rows(trials), mean_rows(trials), meta)


@pytest.fixture(scope="session")
def one_seed() -> StudyResults:
    return results_of(factories.study())


@pytest.fixture(scope="session")
def three_seeds() -> StudyResults:
    return results_of(factories.study(seeds=3))


@pytest.fixture(scope="session")
def make():
    return results_of


def odd_studies() -> dict[str, list[Trial]]:
    """Studies that are hard to draw."""
    dense, joint = factories.trial(factories.recipe()), factories.trial(factories.recipe(4, 0.8))
    hopeless = factories.trial(factories.recipe(2, 0.9)).model_copy(update={"accuracy": 0.1})
    perfect = dense.model_copy(update={"accuracy": 1.0})
    free = joint.model_copy(update={"costs": (joint.costs[0].model_copy(update={"layers": ()}),)})
    hostile = joint.recipe.model_copy(update={"name": "</script><b>&\"'{{ 7 * 7 }}"})
    long = joint.recipe.model_copy(
        update={"name": "a name far too long for any figure, yet nobody forbids it"}
    )
    return {
        "one trial": [joint],
        "dense only": [dense],
        "no dense": [joint, hopeless],
        "identical points": [
            joint,
            joint.model_copy(update={"recipe": factories.recipe(4, 0.8, together=False)}),
        ],
        "one far below": [dense, joint, hopeless],
        "perfect": [perfect, joint],
        "costs nothing": [dense, free],
        "hostile name": [dense, joint.model_copy(update={"recipe": hostile})],
        "long name": [dense, joint.model_copy(update={"recipe": long})],
    }


@pytest.fixture(params=odd_studies())
def odd(request) -> StudyResults:
    return results_of(odd_studies()[request.param])
