from collections.abc import Sequence

import pytest

import factories
from spareto.records import Trial
from spareto.reports.results import StudyResults
from spareto.reports.sources import Judge
from spareto.study.front import front, front_rows, hypervolume, knee, mean_rows

META = {"study": "demo", "network": "conv", "dataset": "digits", "test_samples": "898"}


def results_of(trials: Sequence[Trial], meta: dict[str, str] = META) -> StudyResults:
    return StudyResults(
        trials, front_rows(trials), mean_rows(trials), meta, judge=Judge(front, knee, hypervolume)
    )


@pytest.fixture(scope="session")
def one_seed() -> StudyResults:
    return results_of(factories.study())


@pytest.fixture(scope="session")
def three_seeds() -> StudyResults:
    return results_of(factories.study(seeds=3))


@pytest.fixture(scope="session")
def make():
    return results_of


@pytest.fixture(params=factories.odd_studies())
def odd(request) -> StudyResults:
    return results_of(factories.odd_studies()[request.param])
