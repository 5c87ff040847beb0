"""Every registered data set keeps the laws; a new file in data/datasets/ is tested here unasked."""

from functools import cache

import pytest

from spareto.core.errors import DataError
from spareto.data import registry
from spareto.testing import datasets as laws


@cache
def read(name: str) -> laws.Splits:
    return laws.read_splits(registry.make(name))


@pytest.fixture(params=registry.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def splits(name: str) -> laws.Splits:
    try:
        return read(name)
    except DataError as error:
        if all(problem.got.startswith("no such file") for problem in error.problems):
            pytest.skip(f"no data here: {error.problems[0].where}")
        raise


def test_recordings_fit_their_info(name, splits):
    laws.check_recordings(splits, registry.make(name).info)


def test_no_recording_is_in_both_splits(splits):
    laws.check_disjoint(splits)


def test_reading_twice_gives_the_same_events(name, splits):
    laws.check_repeatable(splits, laws.read_splits(registry.make(name)))


def test_frames_are_time_first(name, splits):
    laws.check_frames(splits, registry.make(name).info)


def test_offline_gives_a_cure_not_a_traceback(name, tmp_path, monkeypatch):
    monkeypatch.setenv("SPARETO_DATA", str(tmp_path))
    laws.check_offline(lambda: registry.make(name))


def test_something_is_registered():
    assert {"digits", "fashion_mnist", "nmnist", "nmnist_small", "nmnist_xyt"} <= set(registry.names())
